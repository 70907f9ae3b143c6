//! Plain loops, compiled for the vector units that this processor has.

/// Runs `work` compiled for the widest level found at run time (on x86-64:
/// AVX-512, AVX2 or the baseline). Only what is inlined into it gains. The
/// compiler neither reorders float sums nor fuses multiply and add by itself,
/// so every level gives the same bits.
#[inline(always)]
pub(super) fn vectorised<R>(work: impl FnOnce() -> R) -> R {
    pulp::Arch::new().dispatch(work)
}
