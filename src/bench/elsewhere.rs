//! Estimated bounds of the recorded dispatches on other GPUs, computed from published rates, not
//! measured. Kernels that only a software adapter has run can be judged by them.

use serde::Serialize;

use super::kernel::Kernel;
use crate::measure::{Rates, Work};

/// A GPU of each of the four makers, of the kind that people have at home.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reference {
    /// 5,888 lanes at 2.475 GHz; 192 bits of GDDR6X at 21 Gbit/s (NVIDIA's specification).
    NvidiaRtx4070,
    /// 3,840 lanes at 2.43 GHz; 256 bits of GDDR6 at 19.5 Gbit/s (AMD's specification). AMD's
    /// own 37.3 TFLOP/s count two instructions in each cycle of a lane, which few kernels reach.
    AmdRx7800Xt,
    /// 10 cores; 3.6 TFLOP/s and 100 GB/s as Apple announced it in 2022.
    AppleM2,
    /// 4,096 lanes at 2.1 GHz; 256 bits of GDDR6 at 17.5 Gbit/s (Intel's specification).
    IntelArcA770,
}

/// What a dispatch takes to begin, once the one before it is done: an assumption. Through
/// WebGPU's own checks it may be five times that (arXiv:2604.02344 measured 24 to 36 µs on Vulkan).
pub(super) const LAUNCH_SECONDS: f64 = 5e-6;

impl Reference {
    /// All of them.
    pub const ALL: [Self; 4] =
        [Self::NvidiaRtx4070, Self::AmdRx7800Xt, Self::AppleM2, Self::IntelArcA770];

    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::NvidiaRtx4070 => "RTX 4070",
            Self::AmdRx7800Xt => "RX 7800 XT",
            Self::AppleM2 => "M2",
            Self::IntelArcA770 => "Arc A770",
        }
    }

    /// What it reaches at best, as its maker says: lanes × clock × 2 for a multiply-add, and
    /// bits × rate ÷ 8.
    pub fn rates(self) -> Rates {
        let (flop_per_second, bytes_per_second) = match self {
            Self::NvidiaRtx4070 => (5_888.0 * 2.475e9 * 2.0, 192.0 * 21e9 / 8.0),
            Self::AmdRx7800Xt => (3_840.0 * 2.43e9 * 2.0, 256.0 * 19.5e9 / 8.0),
            Self::AppleM2 => (3.6e12, 100e9),
            Self::IntelArcA770 => (4_096.0 * 2.1e9 * 2.0, 256.0 * 17.5e9 / 8.0),
        };
        Rates { flop_per_second, bytes_per_second }
    }
}

/// What a dispatch cannot be faster than.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// Multiplications and additions.
    Arithmetic,
    /// Bytes, were all of them to come from memory and none from a cache.
    Memory,
    /// Beginning takes longer than either.
    Launch,
}

/// A dispatch on another GPU.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Floor {
    /// What its arithmetic needs at least.
    pub arithmetic_seconds: f64,
    /// What its bytes need at least.
    pub memory_seconds: f64,
    /// The largest of those and of a launch.
    pub bound: Bound,
}

impl Floor {
    fn of(work: Work, rates: Rates) -> Self {
        let arithmetic_seconds = work.flop as f64 / rates.flop_per_second;
        let memory_seconds = work.bytes as f64 / rates.bytes_per_second;
        let bound = match arithmetic_seconds.max(memory_seconds) {
            work if work < LAUNCH_SECONDS => Bound::Launch,
            _ if arithmetic_seconds > memory_seconds => Bound::Arithmetic,
            _ => Bound::Memory,
        };
        Self { arithmetic_seconds, memory_seconds, bound }
    }

    pub(super) fn work_seconds(self) -> f64 {
        self.arithmetic_seconds.max(self.memory_seconds)
    }

    fn seconds(self) -> f64 {
        self.work_seconds().max(LAUNCH_SECONDS)
    }
}

/// A step on another GPU.
#[derive(Debug, Clone, Serialize)]
pub struct Elsewhere {
    /// The GPU.
    pub gpu: &'static str,
    /// What it reaches at best, published.
    pub rates: Rates,
    /// What a dispatch takes to begin, assumed.
    pub launch_seconds: f64,
    /// All dispatches of a step, in order, as they were measured here.
    pub kernels: Vec<Floor>,
    /// Of the whole step: the floors, added up.
    pub step_seconds: f64,
}

/// The step whose dispatches were recorded here on each GPU.
pub(super) fn elsewhere(kernels: &[Kernel]) -> Vec<Elsewhere> {
    let on = |reference: Reference| {
        let rates = reference.rates();
        let kernels: Vec<Floor> =
            kernels.iter().map(|kernel| Floor::of(kernel.work, rates)).collect();
        let step_seconds = kernels.iter().map(|floor| floor.seconds()).sum();
        let (gpu, launch_seconds) = (reference.name(), LAUNCH_SECONDS);
        Elsewhere { gpu, rates, launch_seconds, kernels, step_seconds }
    };
    Reference::ALL.map(on).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dispatch_is_bound_by_what_takes_longest() {
        let rates = Rates { flop_per_second: 1e12, bytes_per_second: 1e11 };
        let bound = |flop, bytes| Floor::of(Work { flop, bytes }, rates).bound;
        // 5 µs are 5 MFLOP or 500 kB here.
        assert_eq!(bound(4_900_000, 490_000), Bound::Launch);
        assert_eq!(bound(5_100_000, 490_000), Bound::Arithmetic);
        assert_eq!(bound(4_900_000, 510_000), Bound::Memory);
        assert_eq!(bound(60_000_000, 5_900_000), Bound::Arithmetic);
        assert_eq!(bound(60_000_000, 6_100_000), Bound::Memory);
    }

    #[test]
    fn published_rates_are_what_makers_round_them_to() {
        // TFLOP/s and GB/s as in the makers' own tables; AMD's counts two instructions at once.
        let published = [(29.0, 504.0), (37.3 / 2.0, 624.0), (3.6, 100.0), (17.2, 560.0)];
        for (reference, (flop, bytes)) in Reference::ALL.into_iter().zip(published) {
            let rates = reference.rates();
            assert!((rates.flop_per_second / 1e12 / flop - 1.0).abs() < 0.01, "{reference:?}");
            assert_eq!(rates.bytes_per_second / 1e9, bytes, "{reference:?}");
        }
    }
}
