//! What the template is given. It computes nothing: all text, tables and drawings are made here.

mod matrix;
mod means;
mod model;
mod samples;
mod tables;
mod trust;

use std::time::SystemTime;

use askama::Template;

use super::island;
use super::record::RunRecord;
use super::words;
use crate::data::PartName;
use crate::demo;
use crate::error::Result;
use model::ModelView;
use tables::Table;

/// What the template does to text.
#[allow(unreachable_pub, reason = "askama's macro makes a public type of each")]
mod filters {
    use std::fmt::Display;

    use askama::Values;

    /// Keeps a number and its per cent on one line.
    #[askama::filter_fn]
    pub(super) fn unbroken(text: impl Display, _: &dyn Values) -> askama::Result<String> {
        Ok(text.to_string().replace(" %", "\u{a0}%"))
    }
}

/// The whole page.
#[derive(Debug, Template)]
#[template(path = "page.html")]
pub(super) struct Page {
    /// `p1 and p2 on gtzan.npz`.
    title: String,
    date: String,
    version: &'static str,
    /// One sentence for each run.
    results: Vec<String>,
    /// The command that writes this page, with all folders.
    command: String,
    data: Table,
    /// What the arrays are, and what the audit said.
    data_facts: Vec<String>,
    /// Answers the questions.
    first: ModelView,
    /// The other runs.
    others: Vec<ModelView>,
    by_song: Table,
    song_facts: Vec<String>,
    time: Table,
    time_facts: Vec<String>,
    css: &'static str,
    script: &'static str,
    island: String,
}

impl Page {
    pub(super) fn new(runs: &[RunRecord], now: SystemTime) -> Result<Self> {
        let first = &runs[0];
        let models: Vec<String> = runs.iter().map(model::heading).collect();
        let models: Vec<&str> = models.iter().map(String::as_str).collect();
        let mut sources: Vec<String> = runs.iter().map(source).collect();
        sources.dedup();
        let sources: Vec<&str> = sources.iter().map(String::as_str).collect();
        let others = runs.iter().enumerate().skip(1);
        let day = humantime::format_rfc3339_seconds(now).to_string();
        let paths: Vec<String> = runs.iter().map(RunRecord::path).collect();
        Ok(Self {
            title: format!("{} on {}", listed(&models), listed(&sources)),
            date: day[..day.len().min(10)].to_owned(),
            version: env!("CARGO_PKG_VERSION"),
            results: runs.iter().map(result).collect(),
            command: format!(
                "genre-gpu report {}",
                paths.iter().map(|p| shell(p)).collect::<Vec<_>>().join(" ")
            ),
            data: tables::data(first),
            data_facts: tables::data_facts(first),
            first: ModelView::new(first, 0, None)?,
            others: others
                .map(|(i, run)| ModelView::new(run, i, Some(first)))
                .collect::<Result<_>>()?,
            by_song: tables::by_song(runs),
            song_facts: tables::song_facts(runs),
            time: tables::time(runs),
            time_facts: tables::time_facts(runs),
            css: include_str!("../page.css"),
            script: include_str!("../page.js"),
            island: island::json(runs)?,
        })
    }
}

/// A run's result in one sentence.
fn result(run: &RunRecord) -> String {
    let figures = words::accuracy(PartName::Test, run.part(PartName::Test));
    let mut letters = figures.chars();
    let first = letters.next().map(|first| first.to_lowercase().to_string()).unwrap_or_default();
    format!("{}: {first}{}", model::heading(run), letters.as_str())
}

/// `the demo corpus (synthesised)`, `gtzan.npz`.
fn source(run: &RunRecord) -> String {
    let article = if run.metrics.data == demo::SOURCE { "the " } else { "" };
    format!("{article}{}", run.metrics.data)
}

/// `a`, `a and b`, `a, b and c`.
fn listed(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

/// A word as a shell takes it.
fn shell(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/\\._-+:".contains(c);
    if word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}
