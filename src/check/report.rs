//! What a check found, as values and as a text that can be pasted into an issue.

use std::collections::BTreeSet;
use std::fmt;

use serde::Serialize;

use super::deviation::Deviation;
use crate::gpu::AdapterFacts;
use crate::text::{aligned, fold, thousands};

/// Examples of what is wrong that are kept for each kernel or check.
const MOST_EXAMPLES: usize = 3;

/// All that was checked on one adapter.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// This program's.
    pub version: &'static str,
    /// The operating system and the processor's architecture.
    pub platform: String,
    /// The adapter.
    pub adapter: AdapterFacts,
    /// The form of the kernels and the tiles that `--device gpu` uses there.
    pub used: String,
    /// Whether only some of it was checked.
    pub brief: bool,
    /// All kernels; in the brief form those that were used.
    pub kernels: Vec<KernelResult>,
    /// What concerns more than one kernel.
    pub checks: Vec<CheckResult>,
    /// Whether nothing is wrong.
    pub passed: bool,
    /// Seconds that the whole check took.
    pub seconds: f64,
}

/// A kernel in all forms that use it.
#[derive(Debug, Clone, Serialize)]
pub struct KernelResult {
    /// Its name.
    pub kernel: &'static str,
    /// The forms that use it.
    pub forms: BTreeSet<String>,
    /// Comparisons of what it writes, directly or through the next kernel.
    #[serde(flatten)]
    pub tally: Tally,
    /// Seconds that compiling it took, for all cases and forms.
    pub compile_seconds: f64,
    /// Seconds of its longest dispatch.
    pub run_seconds: f64,
}

/// A check that concerns more than one kernel.
#[derive(Debug, Clone, Serialize)]
pub struct CheckResult {
    /// What is checked.
    pub name: String,
    /// Its comparisons.
    #[serde(flatten)]
    pub tally: Tally,
}

/// Comparisons taken together.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Tally {
    /// How many.
    pub comparisons: usize,
    /// How many of them differ too much.
    pub failed: usize,
    /// Largest difference from the reference.
    pub error: f64,
    /// Largest share of the tolerance that an element uses.
    pub share: f64,
    /// What is wrong, the first few.
    pub wrong: Vec<String>,
}

impl Tally {
    pub(super) fn add(&mut self, deviation: &Deviation) {
        self.comparisons += 1;
        self.error = self.error.max(deviation.worst);
        self.share = self.share.max(deviation.share);
        if let Some(wrong) = &deviation.wrong {
            self.failed += 1;
            if self.wrong.len() < MOST_EXAMPLES {
                self.wrong.push(wrong.clone());
            }
        }
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.comparisons += other.comparisons;
        self.failed += other.failed;
        self.error = self.error.max(other.error);
        self.share = self.share.max(other.share);
        self.wrong.extend(other.wrong);
        self.wrong.truncate(MOST_EXAMPLES);
    }

    fn verdict(&self) -> &'static str {
        match (self.comparisons, self.failed) {
            (0, _) => "unused",
            (_, 0) => "ok",
            _ => "WRONG",
        }
    }

    fn row(&self, name: &str, times: [String; 2]) -> Vec<String> {
        let [compile, run] = times;
        let error = match (self.comparisons, self.error.is_finite()) {
            (0, _) => "-".into(),
            (_, true) => format!("{:.1e}", self.error),
            (_, false) => "inf".into(),
        };
        let share = match self.share.is_finite() {
            true => format!("{:.0} %", 100.0 * self.share),
            false => "-".into(),
        };
        vec![name.into(), self.verdict().into(), error, share, compile, run]
    }
}

impl Report {
    /// What is wrong, in the order of the tables.
    pub fn wrong(&self) -> impl Iterator<Item = &str> {
        let tallies = self.kernels.iter().map(|kernel| &kernel.tally);
        let tallies = tallies.chain(self.checks.iter().map(|check| &check.tally));
        tallies.flat_map(|tally| tally.wrong.iter().map(String::as_str))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let facts = &self.adapter;
        writeln!(f, "GPU: {facts}\ndriver: {}", facts.driver)?;
        let limits = format!(
            "limits: buffer {} bytes, binding {} bytes, workgroup {} threads and {} bytes, \
             timestamps {}",
            thousands(facts.max_buffer_bytes),
            thousands(facts.max_binding_bytes),
            facts.max_workgroup_size,
            thousands(facts.max_workgroup_bytes.into()),
            if facts.timestamps { "yes" } else { "no" }
        );
        writeln!(f, "{}", fold(&limits).trim_end())?;
        writeln!(f, "genre-gpu {} on {}, {}\n", self.version, self.platform, self.used)?;
        if !self.kernels.is_empty() {
            let head = ["kernel", "", "error", "limit", "compile", "run"];
            let mut rows = vec![head.map(String::from).to_vec()];
            rows.extend(self.kernels.iter().map(|kernel| {
                let times = [kernel.compile_seconds * 1e3, kernel.run_seconds * 1e6];
                let [compile, run] = times.map(|time| format!("{time:.0}"));
                kernel.tally.row(kernel.kernel, [compile + " ms", run + " µs"])
            }));
            writeln!(f, "{}", aligned(&rows, 2))?;
        }
        let mut rows = vec![["check", "", "error", "limit", "", ""].map(String::from).to_vec()];
        let row = |check: &CheckResult| check.tally.row(&check.name, Default::default());
        rows.extend(self.checks.iter().map(row));
        let table = aligned(&rows, 2);
        table.lines().try_for_each(|line| writeln!(f, "{}", line.trim_end()))?;
        let about = "error: the largest difference from the reference, plain loops in f64. limit: \
                     how much of what is allowed it uses. A kernel reads what the device itself computed: of \
                     several that are wrong, the cause is the first in the order of a step.";
        writeln!(f, "\n{}", fold(about).trim_end())?;
        let wrong: BTreeSet<&str> = self.wrong().collect();
        if !wrong.is_empty() {
            writeln!(f, "\nWrong:")?;
            wrong.iter().try_for_each(|wrong| writeln!(f, "{wrong}"))?;
        }
        let seconds = self.seconds;
        let verdict = match self.passed {
            true if self.brief => {
                format!("Passed in {seconds:.1} s, in brief.")
            }
            true => format!("Passed in {seconds:.1} s: this GPU computes what the reference does."),
            false => format!(
                "FAILED in {seconds:.1} s: results of --device gpu on this adapter cannot be \
                 trusted. Use --device cpu, or another --adapter; a newer driver may help. Please \
                 report this text."
            ),
        };
        write!(f, "\n{}", fold(&verdict))
    }
}
