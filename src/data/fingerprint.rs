//! What tells whether samples are equal, without their values.

use twox_hash::XxHash3_128;

/// Of one sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint {
    /// XXH3 of the values, as they lie in memory: equal for samples that are equal bit by bit. Of
    /// a million others the chance that two have the same is 1 to 10²⁷.
    pub hash: u128,
    /// It has one value everywhere.
    pub constant: bool,
}

impl Fingerprint {
    pub(in crate::data) fn of(x: &[f32]) -> Self {
        let hash = XxHash3_128::oneshot(bytemuck::cast_slice(x));
        Self { hash, constant: x.windows(2).all(|pair| pair[0] == pair[1]) }
    }
}
