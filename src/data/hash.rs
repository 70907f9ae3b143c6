//! The hash that identifies a dataset, and the fingerprints that identify its samples.

use twox_hash::XxHash3_128;

use super::{Part, PartName};

/// Hashes a dataset. `Dataset::load` states what is hashed and in which order; the methods are
/// called in that order.
#[derive(Default)]
pub(super) struct DataHash(blake3::Hasher);

impl DataHash {
    /// Adds text, such as another hash.
    pub(super) fn text(&mut self, text: &str) {
        self.0.update(text.as_bytes());
    }

    /// Begins a part; `extents` are n, h, w, c of its samples.
    pub(super) fn part(&mut self, name: PartName, extents: [usize; 4]) {
        self.0.update(name.as_str().as_bytes());
        for extent in extents {
            self.0.update(&(extent as u64).to_le_bytes());
        }
    }

    /// Adds the next samples of the part, before scaling.
    pub(super) fn samples(&mut self, x: &[f32]) {
        self.update(x, f32::to_le_bytes);
    }

    /// Adds the labels of the part.
    pub(super) fn labels(&mut self, y: &[u32]) {
        self.update(y, u32::to_le_bytes);
    }

    /// Adds the song ids of the part; empty if they are not known.
    pub(super) fn songs(&mut self, songs: &[i64]) {
        self.0.update(&(songs.len() as u64).to_le_bytes());
        self.update(songs, i64::to_le_bytes);
    }

    /// The first 32 hexadecimal digits of the hash.
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

/// Identifies a part: the first 32 hexadecimal digits of a hash over its samples' fingerprints, labels
/// and song ids.
pub(super) fn part_hash(samples: &[Fingerprint], part: &Part) -> String {
    let mut hash = DataHash::default();
    samples.iter().for_each(|sample| {
        hash.0.update(&sample.hash.to_le_bytes());
    });
    hash.labels(&part.y);
    hash.songs(part.song.as_deref().unwrap_or_default());
    hash.finish()
}

/// Identifies the values of one sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint {
    /// 128-bit XXH3 of the values' bytes in memory: equal for bit-identical samples. Among a million
    /// different samples two hashes agree with a probability of about 10⁻²⁷.
    pub hash: u128,
    /// All values of the sample are equal.
    pub constant: bool,
}

impl Fingerprint {
    /// The fingerprint of a sample's values.
    pub(crate) fn of(x: &[f32]) -> Self {
        let hash = XxHash3_128::oneshot(bytemuck::cast_slice(x));
        Self { hash, constant: x.windows(2).all(|pair| pair[0] == pair[1]) }
    }
}
