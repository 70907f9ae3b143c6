//! Plain loops, compiled for the vector units that this processor has.

use std::sync::OnceLock;

use crate::error::{Error, Result};

/// What `GENRE_GPU_SIMD` may say; the widest level that the processor has, without it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    Baseline,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    Best,
}

static LEVEL: OnceLock<Level> = OnceLock::new();

/// Decides the level once, before the first step.
///
/// # Errors
/// If the environment asks for a level that is unknown or that the processor lacks.
pub(super) fn choose_level() -> Result<()> {
    let wanted = std::env::var("GENRE_GPU_SIMD").unwrap_or_default();
    let level = match wanted.as_str() {
        "" => Level::Best,
        "baseline" => Level::Baseline,
        #[cfg(target_arch = "x86_64")]
        "avx2" if pulp::x86::V3::try_new().is_some() => Level::Avx2,
        _ => return Err(Error::SimdLevel { wanted }),
    };
    LEVEL.get_or_init(|| level);
    Ok(())
}

/// Runs `work` compiled for that level. Only what is inlined into it gains. The
/// compiler neither reorders float sums nor fuses multiply and add by itself,
/// so every level gives the same bits.
#[inline(always)]
pub(super) fn vectorised<R>(work: impl FnOnce() -> R) -> R {
    match LEVEL.get().copied().unwrap_or(Level::Best) {
        Level::Baseline => work(),
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => match pulp::x86::V3::try_new() {
            Some(level) => level.vectorize(work),
            None => work(),
        },
        Level::Best => pulp::Arch::new().dispatch(work),
    }
}
