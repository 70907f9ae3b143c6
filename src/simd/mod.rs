//! What the CPU's kernels and executor share: the vector level of this processor, chosen once at
//! run time, buffers aligned for its vectors, and the size of a shard.

mod aligned;
mod shards;

use std::sync::OnceLock;

use fearless_simd::{Level, Simd, SimdBase, SimdFloat};

pub(crate) use aligned::{Aligned, LINE};
pub(crate) use shards::{SAMPLES_PER_SHARD, assert_may_fork, in_shard};

use crate::error::{Error, Result};

static LEVEL: OnceLock<Level> = OnceLock::new();

/// Floats of the widest vector of all levels.
pub(crate) const WIDEST: usize = 16;

/// A vector of floats of any width.
pub(crate) trait Floats<S: Simd>: SimdFloat<S, Element = f32> {}
impl<S: Simd, V: SimdFloat<S, Element = f32>> Floats<S> for V {}

/// Chooses the level once, before the first step: that of `GENRE_GPU_SIMD`, or the best.
///
/// # Errors
/// If the environment asks for a level that is unknown or that the processor lacks.
pub(crate) fn choose_level() -> Result<()> {
    let Some(level) = named(&wanted()) else {
        return Err(Error::SimdLevel { wanted: wanted(), levels: levels().join(", ") });
    };
    LEVEL.get_or_init(|| level);
    Ok(())
}

fn wanted() -> String {
    std::env::var("GENRE_GPU_SIMD").unwrap_or_default()
}

/// Values of `GENRE_GPU_SIMD` that this processor supports, narrowest first.
pub fn levels() -> Vec<&'static str> {
    NAMES.into_iter().filter(|name| named(name).is_some()).collect()
}

const NAMES: [&str; 3] = ["baseline", "avx2", "avx512"];

fn named(name: &str) -> Option<Level> {
    match name {
        "" => Some(best()),
        "baseline" => Some(Level::baseline()),
        #[cfg(target_arch = "x86_64")]
        "avx2" => Level::new().as_avx2().map(Level::Avx2),
        #[cfg(target_arch = "x86_64")]
        "avx512" => Level::new().as_avx512().map(Level::Avx512),
        _ => None,
    }
}

/// All levels of this processor.
#[cfg(test)]
pub(crate) fn all() -> Vec<Level> {
    NAMES.into_iter().filter_map(named).collect()
}

/// The level's name, as in Rust's and LLVM's target features.
pub(crate) fn name() -> String {
    let level = format!("{:?}", level());
    level.split('(').next().unwrap_or_default().to_lowercase()
}

pub(crate) fn level() -> Level {
    *LEVEL.get_or_init(|| named(&wanted()).unwrap_or_else(best))
}

/// The widest level of this processor that kernels are compiled for.
fn best() -> Level {
    let level = Level::new();
    #[cfg(target_arch = "x86_64")]
    if level.as_avx2().is_none() {
        return Level::baseline();
    }
    level
}

/// Runs an expression compiled for a level, with the level's token bound to `$simd`: as
/// [`fearless_simd::dispatch`], but on x86-64 for three levels (SSE2, AVX2, AVX-512) instead of
/// four. SSE4.2, for processors from before AVX2, would be a quarter of the code of all kernels.
macro_rules! dispatch {
    ($level:expr, $simd:pat => $work:expr) => {{
        #[cfg(target_arch = "x86_64")]
        match $level {
            fearless_simd::Level::Avx512(token) => {
                $crate::simd::dispatch!(@with token, $simd => $work)
            }
            fearless_simd::Level::Avx2(token) => {
                $crate::simd::dispatch!(@with token, $simd => $work)
            }
            fearless_simd::Level::Sse2(token) => {
                $crate::simd::dispatch!(@with token, $simd => $work)
            }
            // The baseline of a build for x86-64-v2.
            #[cfg(target_feature = "sse4.2")]
            fearless_simd::Level::Sse4_2(token) => {
                $crate::simd::dispatch!(@with token, $simd => $work)
            }
            _ => unreachable!("`best` and `named` choose no other level"),
        }
        #[cfg(not(target_arch = "x86_64"))]
        fearless_simd::dispatch!($level, $simd => $work)
    }};
    (@with $token:expr, $simd:pat => $work:expr) => {{
        let token = $token;
        let $simd = token;
        fearless_simd::Simd::vectorize(
            token,
            #[inline(always)]
            || $work,
        )
    }};
}
pub(crate) use dispatch;

/// Runs `work`, plain loops, compiled for the level. Only code that is inlined into it gains. The
/// compiler neither reorders float sums nor contracts multiplications and additions.
#[inline(always)]
pub(crate) fn vectorised<R>(work: impl FnOnce() -> R) -> R {
    dispatch!(level(), _simd => work())
}

/// Floats in a vector of the level.
pub(crate) fn lanes() -> usize {
    #[inline(always)]
    fn of<S: Simd>(_simd: S) -> usize {
        S::f32s::LEN
    }
    dispatch!(level(), simd => of(simd))
}

/// Whether a vector of a level holds this many floats. Where it does not, kernels for vectors of so
/// many are never called; a test of this in a `const` block keeps them from being compiled.
pub(crate) const fn holds<S: Simd>(lanes: usize) -> bool {
    <S::f32s as SimdBase<S>>::LEN >= lanes
}

/// Whether a level has 32 vector registers, as AVX-512 has; kernels keep half as many sums
/// where there are 16.
pub(crate) const fn is_wide<S: Simd>() -> bool {
    holds::<S>(16)
}
