//! The hash that identifies a data set.

use super::{Part, PartName};

/// See `Dataset::load` for what is hashed, in which order.
pub(super) fn hash([h, w, c]: [usize; 3], parts: [&Part; 3]) -> String {
    let mut hasher = blake3::Hasher::new();
    for (name, part) in PartName::ALL.into_iter().zip(parts).filter(|(_, part)| !part.is_empty()) {
        hasher.update(name.as_str().as_bytes());
        for extent in [part.len(), h, w, c] {
            hasher.update(&(extent as u64).to_le_bytes());
        }
        update(&mut hasher, &part.x, f32::to_le_bytes);
        update(&mut hasher, &part.y, u32::to_le_bytes);
        let songs = part.song.as_deref().unwrap_or_default();
        hasher.update(&(songs.len() as u64).to_le_bytes());
        update(&mut hasher, songs, i64::to_le_bytes);
    }
    hasher.finalize().to_hex().chars().take(32).collect()
}

fn update<T: bytemuck::Pod, const BYTES: usize>(
    hasher: &mut blake3::Hasher,
    values: &[T],
    le_bytes: impl Fn(T) -> [u8; BYTES],
) {
    if cfg!(target_endian = "little") {
        hasher.update_rayon(bytemuck::cast_slice(values));
    } else {
        values.iter().for_each(|&value| {
            hasher.update(&le_bytes(value));
        });
    }
}
