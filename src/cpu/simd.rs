//! Vectors of the width that this processor has: the level is chosen once, at run time.

use std::sync::OnceLock;

use fearless_simd::{Level, Simd, SimdBase, SimdFloat, dispatch};

use crate::error::{Error, Result};

static LEVEL: OnceLock<Level> = OnceLock::new();

/// Floats of the widest vector of all levels.
pub(super) const WIDEST: usize = 16;

/// A vector of floats of any width.
pub(super) trait Floats<S: Simd>: SimdFloat<S, Element = f32> {}
impl<S: Simd, V: SimdFloat<S, Element = f32>> Floats<S> for V {}

/// Decides the level once, before the first step: what `GENRE_GPU_SIMD` says, or the best.
///
/// # Errors
/// If the environment asks for a level that is unknown or that the processor lacks.
pub(super) fn choose_level() -> Result<()> {
    let wanted = std::env::var("GENRE_GPU_SIMD").unwrap_or_default();
    let Some(level) = named(&wanted) else {
        return Err(Error::SimdLevel { wanted, levels: levels().join(", ") });
    };
    LEVEL.get_or_init(|| level);
    Ok(())
}

/// What `GENRE_GPU_SIMD` may say on this processor, narrowest first.
pub fn levels() -> Vec<&'static str> {
    NAMES.into_iter().filter(|name| named(name).is_some()).collect()
}

const NAMES: [&str; 3] = ["baseline", "avx2", "avx512"];

fn named(name: &str) -> Option<Level> {
    match name {
        "" => Some(Level::new()),
        "baseline" => Some(Level::baseline()),
        #[cfg(target_arch = "x86_64")]
        "avx2" => Level::new().as_avx2().map(Level::Avx2),
        #[cfg(target_arch = "x86_64")]
        "avx512" => Level::new().as_avx512().map(Level::Avx512),
        _ => None,
    }
}

/// The level's name, as Rust's and LLVM's users know it.
pub(super) fn name() -> String {
    let level = format!("{:?}", level());
    level.split('(').next().unwrap_or_default().to_lowercase()
}

pub(super) fn level() -> Level {
    *LEVEL.get_or_init(Level::new)
}

/// Runs `work`, plain loops, compiled for the level. Only what is inlined into it gains. The
/// compiler neither reorders float sums nor fuses multiply and add by itself.
#[inline(always)]
pub(super) fn vectorised<R>(work: impl FnOnce() -> R) -> R {
    dispatch!(level(), _simd => work())
}

/// Floats in a vector of the level.
pub(super) fn lanes() -> usize {
    #[inline(always)]
    fn of<S: Simd>(_simd: S) -> usize {
        S::f32s::LEN
    }
    dispatch!(level(), simd => of(simd))
}

/// Whether a level has 32 vector registers, as AVX-512 has; kernels keep half as many sums
/// where there are 16.
pub(super) const fn is_wide<S: Simd>() -> bool {
    <S::f32s as SimdBase<S>>::LEN >= 16
}
