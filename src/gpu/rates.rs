//! The best rates of the adapter's arithmetic and memory:
//! shaders/bench/copy.wgsl, shaders/bench/fma.wgsl.

use super::kernels::{Access, bench};
use super::memory::{BufferList, Buffers, Owner, Slice, WORD};
use super::readback::Readback;
use super::recorder::Dispatch;
use super::timing::Timer;
use super::{Gpu, Step};
use crate::error::Result;
use crate::measure::{Budget, Rates};
use crate::ops::gpu::{Buffer, DispatchDesc, Grid, Kernel, constants};

/// Bytes that are copied: more than caches hold, less than a small device has.
const COPY_BYTES: u64 = 128 << 20;
/// Floats of a `vec4`.
const VEC4: usize = 4;
/// Threads of the arithmetic, enough to fill any device.
const THREADS: usize = 1 << 17;
/// Multiplications and additions in one round of one invocation: eight chains, four of both.
const ROUND_FLOP: f64 = 8.0 * 4.0 * 2.0;
/// Least seconds of the arithmetic.
const MIN_SECONDS: f64 = 0.01;
/// Factor, summand and first values of the chains, which stay far from 0 and infinity.
const VALUES: [f32; 10] = [0.5, 0.5, 0.1, 0.2, 0.3, 0.4, 0.6, 0.7, 0.8, 0.9];

/// The input and the output of a measurement, which have no role in a plan.
struct BenchBuffers([Slice; 2]);

impl Buffers for BenchBuffers {
    fn slice(&self, _: Buffer, access: Access, _: usize) -> Option<Slice> {
        match access {
            Access::Uniform | Access::Read => Some(self.0[0]),
            Access::Write => Some(self.0[1]),
        }
    }
}

impl Gpu {
    /// Measures the adapter: the best of `tries`.
    ///
    /// # Errors
    /// If the device fails.
    pub fn rates(&mut self, timer: &Timer, tries: Budget) -> Result<Rates> {
        let bytes = COPY_BYTES.min(self.context.largest());
        let len = (bytes / WORD) as usize;
        let copy = self.record_bench(bench::COPY, &[], len, len / VEC4)?;
        let seconds = self.best(timer, &copy, tries)?;
        let bytes_per_second = 2.0 * bytes as f64 / seconds;

        let fma = self.record_bench(bench::FMA, &VALUES, THREADS, THREADS)?;
        let mut rounds = 1;
        let seconds = loop {
            self.write_rounds(rounds);
            let once = Budget { steps: 1, ..tries };
            if self.best(timer, &fma, once)? >= MIN_SECONDS || rounds > u32::MAX / 2 {
                break self.best(timer, &fma, tries)?;
            }
            rounds *= 2;
        };
        let flop = f64::from(rounds) * THREADS as f64 * ROUND_FLOP;
        Ok(Rates { flop_per_second: flop / seconds, bytes_per_second })
    }

    /// One of the two kernels on buffers of its own: it writes `len` floats from `values`, or from
    /// as many of any value.
    fn record_bench(
        &mut self,
        kernel: Kernel,
        values: &[f32],
        len: usize,
        threads: usize,
    ) -> Result<Dispatch> {
        let x_len = if values.is_empty() { len } else { values.len() };
        let mut list = BufferList::new(Owner::Plan, 1);
        let words: &[u32] = bytemuck::cast_slice(values);
        let x = list.add_with("a measurement's input", x_len, words.to_vec());
        let y = list.add("a measurement's output", len);
        let buffers = self.context.allocate(&list)?;
        let desc = DispatchDesc {
            kernel,
            constants: constants([("len", threads)]),
            bindings: vec![Buffer::Unused.with_traffic(x_len), Buffer::Unused.with_traffic(len)],
            grid: Grid::Threads(threads),
            flop: 0,
        };
        let slices = BenchBuffers([Slice::whole(x, x_len), Slice::whole(y, len)]);
        let recorded = self.writer.record("none", &desc, &slices)?;
        self.recorder.dispatch(&self.context, &recorded, &|id| &buffers[id.index])
    }

    fn write_rounds(&self, rounds: u32) {
        let step = Step { n: rounds, ..Step::default() };
        self.context.queue.write_buffer(&self.steps, 0, bytemuck::bytes_of(&step));
    }

    fn best(&self, timer: &Timer, dispatch: &Dispatch, tries: Budget) -> Result<f64> {
        let mut readback = Readback::default();
        let mut best = f64::INFINITY;
        for _ in tries.repetitions() {
            let seconds = timer.time(&self.context, &mut readback, &[dispatch])?;
            best = seconds.into_iter().fold(best, f64::min);
        }
        Ok(best)
    }
}
