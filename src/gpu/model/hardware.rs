//! GPUs, as numbers: published ones for clocks, cores and rates of arithmetic and memory, assumed ones for the
//! rest.

use serde::Serialize;

use crate::ops::gpu::TileConfig;

/// A GPU.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Hardware {
    /// Its name in tables.
    pub name: &'static str,
    /// `narrow` or `small`: the tiles that such a GPU is given.
    #[serde(skip)]
    pub tiles: TileConfig,
    /// Cores: streaming multiprocessors, compute units, Xe cores.
    pub cores: u32,
    /// Instructions of 32 lanes that a core issues in a cycle.
    pub slots: u32,
    /// Cycles per second.
    pub clock: f64,
    /// Cycles that a slot takes for an instruction of integers.
    pub integer_cycles: f64,
    /// Cycles until a dependent instruction can use a result of arithmetic.
    pub arithmetic_latency: f64,
    /// The same of a special function.
    pub special_latency: f64,
    /// The same of a load that the first cache has.
    pub cached_latency: f64,
    /// The same of a load that the second cache has.
    pub load_latency: f64,
    /// The same of a load from workgroup memory.
    pub workgroup_latency: f64,
    /// Cycles of a barrier of a workgroup.
    pub barrier_latency: f64,
    /// Lines of 128 bytes that a core's first cache finds in a cycle.
    pub lines_per_cycle: f64,
    /// Bytes of the last cache before memory.
    pub cache_bytes: f64,
    /// Bytes per second between it and the cores.
    pub cache_rate: f64,
    /// Bytes per second of memory.
    pub memory_rate: f64,
    /// Registers that a thread can have: more are kept in memory.
    pub registers: u32,
    /// Registers of a core: of all lanes that it holds at once.
    pub core_registers: u32,
    /// Warps that a core holds at once.
    pub core_warps: u32,
    /// Bytes of workgroup memory of a core.
    pub core_workgroup_bytes: u32,
    /// Seconds from the end of a dispatch to the beginning of one that depends on it.
    pub launch: f64,
}

impl Hardware {
    /// All that are known here.
    pub const ALL: [Self; 6] = [
        Self {
            name: "H100",
            tiles: TileConfig::Narrow,
            cores: 132,
            slots: 4,
            clock: 1.755e9,
            integer_cycles: 2.0,
            arithmetic_latency: 4.0,
            special_latency: 20.0,
            cached_latency: 33.0,
            load_latency: 260.0,
            workgroup_latency: 25.0,
            barrier_latency: 20.0,
            lines_per_cycle: 1.0,
            cache_bytes: 50e6,
            cache_rate: 5.5e12,
            memory_rate: 3.35e12,
            registers: 255,
            core_registers: 65_536,
            core_warps: 64,
            core_workgroup_bytes: 228 << 10,
            launch: 2.2e-6,
        },
        Self {
            name: "RTX 4070",
            tiles: TileConfig::Narrow,
            cores: 46,
            slots: 4,
            clock: 2.475e9,
            integer_cycles: 2.0,
            arithmetic_latency: 4.0,
            special_latency: 20.0,
            cached_latency: 33.0,
            load_latency: 270.0,
            workgroup_latency: 25.0,
            barrier_latency: 20.0,
            lines_per_cycle: 1.0,
            cache_bytes: 36e6,
            cache_rate: 2e12,
            memory_rate: 504e9,
            registers: 255,
            core_registers: 65_536,
            core_warps: 48,
            core_workgroup_bytes: 100 << 10,
            launch: 2.2e-6,
        },
        Self {
            name: "RX 7800 XT",
            tiles: TileConfig::Narrow,
            cores: 60,
            slots: 2,
            clock: 2.43e9,
            integer_cycles: 1.0,
            arithmetic_latency: 5.0,
            special_latency: 20.0,
            cached_latency: 110.0,
            load_latency: 300.0,
            workgroup_latency: 60.0,
            barrier_latency: 20.0,
            lines_per_cycle: 1.0,
            cache_bytes: 64e6,
            cache_rate: 2.5e12,
            memory_rate: 624e9,
            registers: 256,
            core_registers: 98_304,
            core_warps: 32,
            core_workgroup_bytes: 64 << 10,
            launch: 3e-6,
        },
        Self {
            name: "M3, 10 cores",
            tiles: TileConfig::Small,
            cores: 10,
            slots: 4,
            clock: 1.4e9,
            integer_cycles: 1.0,
            arithmetic_latency: 3.0,
            special_latency: 12.0,
            cached_latency: 60.0,
            load_latency: 200.0,
            workgroup_latency: 40.0,
            barrier_latency: 30.0,
            lines_per_cycle: 1.0,
            cache_bytes: 8e6,
            cache_rate: 300e9,
            memory_rate: 100e9,
            registers: 128,
            core_registers: 53_248,
            core_warps: 32,
            core_workgroup_bytes: 60 << 10,
            launch: 5e-6,
        },
        Self {
            name: "Xe, 96 EU",
            tiles: TileConfig::Small,
            cores: 6,
            slots: 4,
            clock: 1.3e9,
            integer_cycles: 1.0,
            arithmetic_latency: 8.0,
            special_latency: 20.0,
            cached_latency: 130.0,
            load_latency: 220.0,
            workgroup_latency: 70.0,
            barrier_latency: 40.0,
            lines_per_cycle: 1.0,
            cache_bytes: 12e6,
            cache_rate: 500e9,
            memory_rate: 68e9,
            registers: 128,
            core_registers: 114_688,
            core_warps: 28,
            core_workgroup_bytes: 128 << 10,
            launch: 5e-6,
        },
        Self {
            name: "Arc A770",
            tiles: TileConfig::Narrow,
            cores: 32,
            slots: 4,
            clock: 2.1e9,
            integer_cycles: 1.0,
            arithmetic_latency: 8.0,
            special_latency: 20.0,
            cached_latency: 130.0,
            load_latency: 350.0,
            workgroup_latency: 70.0,
            barrier_latency: 40.0,
            lines_per_cycle: 1.0,
            cache_bytes: 16e6,
            cache_rate: 2e12,
            memory_rate: 560e9,
            registers: 128,
            core_registers: 131_072,
            core_warps: 32,
            core_workgroup_bytes: 128 << 10,
            launch: 5e-6,
        },
    ];

    /// Multiplications and additions per second at best.
    pub fn flop_rate(&self) -> f64 {
        f64::from(self.cores * self.slots * 64) * self.clock
    }
}
