//! The report as a table that can be pasted into a note: plain text, 100 columns.

use std::fmt;

use super::kernel::Kernel;
use super::report::{Measured, Report, SetUp, Step};
use crate::device::Device;
use crate::text::{aligned, fold, thousands};

const HEAD: [&str; 8] = ["kernel", "node", "µs", "share", "GFLOP/s", "GB/s", "floor µs", "÷ floor"];
/// Columns of words; the others hold figures, set to the right.
const WORDS: usize = 2;

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = format!(
            "Training steps of {} with {}: input {}, {} classes, {} parameters, batch of {}, {} random \
             samples",
            self.model,
            self.optimizer,
            self.input,
            self.classes,
            thousands(self.parameters as u64),
            self.batch_size,
            thousands(self.samples as u64)
        );
        writeln!(f, "{}\n", fold(&what).trim_end())?;
        for measured in &self.devices {
            writeln!(f, "{measured}")?;
        }
        let machine: Vec<String> = self.devices.iter().map(facts).collect();
        let about = format!(
            "Times are medians, each kernel by itself. A floor is what its arithmetic and its bytes \
             need at the rates that the device's own multiply-add and copy loops reach; a time below \
             it has its data from a cache, or skipped zeros, which are counted as if they were not \
             (\"dense\"). A dispatch is one kernel started; a submission hands many to the device. \
             Measured by genre-gpu {} on {}: {}.",
            self.version,
            self.platform,
            machine.join("; ")
        );
        write!(f, "{}", fold(&about))
    }
}

/// The device as a note should name it.
fn facts(measured: &Measured) -> String {
    let clock = measured.clock;
    match (&measured.adapter, measured.threads) {
        (Some(adapter), _) => {
            format!("GPU {adapter}, driver {}, timed by {clock}", adapter.driver)
        }
        (None, Some(1)) => format!("CPU with 1 thread, timed by {clock}"),
        (None, threads) => {
            format!("CPU with {} threads, timed by {clock}", threads.unwrap_or_default())
        }
    }
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let form = self.kernels_form.zip(self.tiles.as_deref());
        let form = form
            .map_or_else(String::new, |(form, tiles)| format!(", {form} kernels, {tiles} tiles"));
        let device = if self.device == Device::Gpu { "GPU" } else { "CPU" };
        let name = self.name.split_once(", ").map_or(self.name.as_str(), |(_, name)| name);
        writeln!(f, "{device}: {name}{form}")?;
        writeln!(
            f,
            "reaches {} GFLOP/s in multiply-adds and {} GB/s in copying (read and written)",
            figure(self.rates.flop_per_second / 1e9),
            figure(self.rates.bytes_per_second / 1e9)
        )?;
        let mut rows = vec![HEAD.map(String::from).to_vec()];
        rows.extend(self.kernels.iter().map(|kernel| row(kernel, &self.step)));
        write!(f, "{}", aligned(&rows, WORDS))?;
        steps(f, &self.step)?;
        set_up(f, &self.set_up)
    }
}

fn row(kernel: &Kernel, step: &Step) -> Vec<String> {
    let share = 100.0 * kernel.seconds.median / step.kernels_seconds;
    vec![
        kernel.kernel.clone(),
        kernel.node.clone(),
        figure(kernel.seconds.median * 1e6),
        format!("{share:.1} %"),
        if kernel.work.flop == 0 { "-".into() } else { figure(kernel.flop_per_second / 1e9) },
        figure(kernel.bytes_per_second / 1e9),
        figure(kernel.floor_seconds * 1e6),
        figure(kernel.times_floor),
    ]
}

fn steps(f: &mut fmt::Formatter<'_>, step: &Step) -> fmt::Result {
    let seconds = step.seconds;
    let ms = |seconds: f64| format!("{} ms", figure(seconds * 1e3));
    let line = format!(
        "step: {} (quartiles {} to {} of {} timings, {} steps); kernels {}, {:.1} % of it",
        ms(seconds.median),
        figure(seconds.lower_quartile * 1e3),
        ms(seconds.upper_quartile),
        seconds.count,
        step.steps,
        ms(step.kernels_seconds),
        100.0 * step.kernels_seconds / seconds.median
    );
    writeln!(f, "{}", fold(&line).trim_end())?;
    writeln!(
        f,
        "whole epochs: {} per step, {} samples/s, {} GFLOP/s (zeros counted)",
        ms(step.epoch_seconds_per_step),
        figure(step.samples_per_second),
        figure(step.dense_flop_per_second / 1e9)
    )?;
    if let (Some(dispatches), Some(submits), Some(allocations)) =
        (step.dispatches, step.submits_per_step, step.allocations_after_first_step)
    {
        writeln!(
            f,
            "{dispatches} dispatches and {submits:.3} submits per step; {allocations} allocations \
             after the first step"
        )?;
    }
    Ok(())
}

fn set_up(f: &mut fmt::Formatter<'_>, set_up: &SetUp) -> fmt::Result {
    let ms = |seconds: f64| format!("{} ms", figure(seconds * 1e3));
    let mut parts = Vec::new();
    if let Some(open) = set_up.open_seconds {
        parts.push(format!("opening {}", ms(open)));
    }
    parts.push(format!("recording {}", ms(set_up.record_seconds)));
    if let Some(upload) = set_up.upload_seconds {
        parts.push(format!("upload of the samples, with their kernels, {}", ms(upload)));
    }
    parts.push(format!("first step {}", ms(set_up.first_step_seconds)));
    writeln!(f, "{}", fold(&format!("before: {}", parts.join(", "))).trim_end())
}

/// Three digits that count of what is above 1, fewer below: `0.0123`, `1.23`, `12.3`, `1,234`.
pub(super) fn figure(value: f64) -> String {
    if !value.is_finite() {
        return "-".into();
    }
    match value {
        v if v >= 999.5 => thousands(v.round() as u64),
        v if v >= 99.95 => format!("{v:.0}"),
        v if v >= 9.995 => format!("{v:.1}"),
        v if v >= 0.0995 => format!("{v:.2}"),
        v => format!("{v:.4}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_keep_three_digits() {
        let got = [0.01234, 0.5, 1.234, 12.34, 123.4, 1234.5, f64::NAN].map(figure);
        assert_eq!(got, ["0.0123", "0.50", "1.23", "12.3", "123", "1,235", "-"]);
    }
}
