//! The hash that identifies a data set.

use super::PartName;

/// See `Dataset::load` for what is hashed, in which order: the calls come in that order.
#[derive(Default)]
pub(super) struct DataHash(blake3::Hasher);

impl DataHash {
    /// A part begins; n, h, w, c of its samples.
    pub(super) fn part(&mut self, name: PartName, extents: [usize; 4]) {
        self.0.update(name.as_str().as_bytes());
        for extent in extents {
            self.0.update(&(extent as u64).to_le_bytes());
        }
    }

    /// The next of its samples, not scaled.
    pub(super) fn samples(&mut self, x: &[f32]) {
        self.update(x, f32::to_le_bytes);
    }

    pub(super) fn labels(&mut self, y: &[u32]) {
        self.update(y, u32::to_le_bytes);
    }

    /// The ids of its songs; none if they are not known.
    pub(super) fn songs(&mut self, songs: &[i64]) {
        self.0.update(&(songs.len() as u64).to_le_bytes());
        self.update(songs, i64::to_le_bytes);
    }

    pub(super) fn finish(&self) -> String {
        self.0.finalize().to_hex().chars().take(32).collect()
    }

    fn update<T: bytemuck::Pod, const BYTES: usize>(
        &mut self,
        values: &[T],
        le_bytes: impl Fn(T) -> [u8; BYTES],
    ) {
        if cfg!(target_endian = "little") {
            self.0.update_rayon(bytemuck::cast_slice(values));
        } else {
            values.iter().for_each(|&value| {
                self.0.update(&le_bytes(value));
            });
        }
    }
}
