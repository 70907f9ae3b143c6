//! What the templates are given. They compute nothing: all text, tables and pictures are made here.

mod axes;
mod matrix;
mod means;
mod model;
mod samples;
mod tables;
mod trust;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::SystemTime;

use askama::Template;

use super::island::{self, Shown};
use super::notes::Notes;
use super::pictures::Tiles;
use super::player::Player;
use super::record::RunRecord;
use super::versus::versus;
use super::{Format, FrontMatter};
use crate::demo;
use crate::error::Result;
use crate::explain::sample_axes;
use crate::files::day_and_time;
use crate::plot::style_sheet;
use crate::text::{listed, policy_hash, shell};
pub(super) use matrix::{MatrixView, Row as MatrixRow};
pub(super) use model::{ModelView, explain_command};
pub(super) use samples::GenreView;
pub(super) use tables::Table;

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

/// A question in the report's own words.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) title: &'static str,
    /// In the contents.
    short: &'static str,
    pub(super) asked: String,
}

/// The questions, numbered as the assignment numbers them.
fn heads(model: &str, part: &str) -> [Head; 6] {
    let head = |title, short, asked: String| Head { title, short, asked };
    [
        head(
            "Question 1: parameters and overfitting",
            "1 Parameters, overfitting",
            format!(
                "How many parameters does {model} have, and was overfitting to be expected before \
                 training?"
            ),
        ),
        head(
            "Question 2: loss and accuracy by epoch",
            "2 Curves",
            "How do loss and accuracy develop on training and validation data?".into(),
        ),
        head(
            "Question 3: test accuracy",
            "3 Test accuracy",
            "How accurate is the trained network on data that it has not seen?".into(),
        ),
        head(
            "Question 4: confusion matrices",
            "4 Confusion matrices",
            "Which genres are confused with which, in training and in test?".into(),
        ),
        head(
            "Question 5: predictions and Grad-CAM",
            "5 Predictions, Grad-CAM",
            format!(
                "Which {part} segments of each genre are classified correctly and incorrectly, how \
                 do their spectrograms differ, and what does Grad-CAM of the last pooling layer \
                 show of them?"
            ),
        ),
        head(
            "Question 6: how far Grad-CAM applies",
            "6 Applicability",
            "What can such maps say about a network on spectrograms, and what not?".into(),
        ),
    ]
}

/// The whole page.
#[derive(Debug, Template)]
#[template(path = "page.html")]
pub(super) struct Page {
    pub(super) title: String,
    /// Empty if unknown.
    pub(super) author: String,
    pub(super) notes: Notes,
    pub(super) date: String,
    pub(super) version: &'static str,
    pub(super) results: Table,
    /// The command that writes this page, with all folders.
    pub(super) command: String,
    pub(super) data: Table,
    /// What the arrays are, and what the audit found.
    pub(super) data_facts: Vec<String>,
    pub(super) data_hash: String,
    pub(super) training: Table,
    pub(super) reproducible: &'static str,
    pub(super) heads: [Head; 6],
    /// Answers the questions.
    pub(super) first: ModelView,
    /// The other runs.
    pub(super) others: Vec<ModelView>,
    pub(super) by_song: Table,
    pub(super) song_facts: Vec<String>,
    pub(super) time: Table,
    /// The colours of spectrograms and heatmaps, and what they stand for.
    scales: [String; 2],
    css: String,
    script: &'static str,
    /// What the policy lets run and apply: these two, and nothing that a name brings in.
    css_hash: String,
    script_hash: String,
    island: String,
    /// None if it is unknown how the models' samples were made of sound.
    player: Option<Player>,
}

impl Page {
    /// `to` is the file that the report is written to.
    pub(super) fn new(
        runs: &[RunRecord],
        front: &FrontMatter,
        to: (Format, &Path),
        now: SystemTime,
    ) -> Result<Self> {
        let first = &runs[0];
        let models: Vec<String> = runs.iter().map(RunRecord::heading).collect();
        let models: Vec<&str> = models.iter().map(String::as_str).collect();
        let mut sources: Vec<String> = runs.iter().map(source).collect();
        sources.dedup();
        let sources: Vec<&str> = sources.iter().map(String::as_str).collect();
        let title = front.title.clone().unwrap_or_else(|| {
            format!("Music genre classification: {} on {}", listed(&models), listed(&sources))
        });
        let day = day_and_time(now).unwrap_or_default();
        let paths: Vec<String> = runs.iter().map(RunRecord::path).collect();
        let tiles = Tiles::of(runs.iter().map(|run| &run.explanation));
        let legible: Vec<Vec<usize>> =
            runs.iter().map(|run| samples::legible(&run.explanation)).collect();
        let versus = versus(runs)?;
        let view = |(i, run): (usize, &RunRecord)| {
            let against = versus[i].as_ref().map(|versus| (first, versus));
            ModelView::new(run, i, against, tiles, &legible[i])
        };
        let mut views = runs.iter().enumerate().map(view).collect::<Result<Vec<_>>>()?;
        let shown: Vec<Shown<'_>> = runs
            .iter()
            .zip(&views)
            .zip(&legible)
            .map(|((run, view), layers)| Shown { run, layers, figures: view.figures() })
            .collect();
        let taken = views.iter().map(ModelView::picture_bytes).sum();
        let island = island::json(&shown, tiles, taken)?;
        let css = format!("{}{}{}", include_str!("../page.css"), style_sheet(), places(&views));
        let others = views.split_off(1);
        let first_view = views.remove(0);
        Ok(Self {
            title,
            author: front.author.clone().unwrap_or_default(),
            notes: front.notes.clone(),
            date: day[..day.len().min(10)].to_owned(),
            version: env!("CARGO_PKG_VERSION"),
            results: tables::results(runs),
            command: report_command(&paths, front, to),
            data: tables::data(first),
            data_facts: tables::data_facts(first),
            data_hash: first.facts.data_hash.clone(),
            training: tables::training(runs),
            reproducible: tables::REPRODUCIBLE,
            heads: heads(&first_view.heading, first_view.explained),
            first: first_view,
            others,
            by_song: tables::by_song(runs),
            song_facts: tables::song_facts(runs),
            time: tables::time(runs),
            scales: tiles.scales(&sample_axes(&first.explanation))?,
            css_hash: policy_hash(&css),
            css,
            script_hash: policy_hash(SCRIPT),
            script: SCRIPT,
            island,
            player: match to.0 {
                Format::Html => Player::of(runs)?,
                Format::Notebook => None,
            },
        })
    }
}

const SCRIPT: &str = include_str!("../page.js");

/// Rules for values that a `style` attribute would hold, which the policy does not allow: the shares
/// of a matrix's cells, its columns, and where the ticks of a run's samples are.
fn places(views: &[ModelView]) -> String {
    let mut rules: String =
        (0..=100).map(|share| format!(".share-{share} {{ --share: {share}%; }}\n")).collect();
    let columns: BTreeSet<usize> = (views.iter())
        .flat_map(|view| view.matrices.iter().chain(&view.song_matrices))
        .map(|matrix| matrix.head.len() + 1)
        .collect();
    rules.extend(columns.iter().map(|n| format!(".columns-{n} {{ --columns: {n}; }}\n")));
    for view in views {
        rules.extend(view.axes.y.iter().enumerate().map(|(i, tick)| {
            format!(".of-{} i:nth-child({}) {{ bottom: {}%; }}\n", view.run, i + 1, tick.at)
        }));
    }
    rules
}

/// `the demo corpus (synthesised)`, `gtzan.npz`.
fn source(run: &RunRecord) -> String {
    let article = if run.metrics.data == demo::SOURCE { "the " } else { "" };
    format!("{article}{}", run.metrics.data)
}

/// The command that writes a report of runs in these folders.
pub(super) fn report_command(
    folders: &[String],
    front: &FrontMatter,
    (format, out): (Format, &Path),
) -> String {
    let mut words = vec!["genre-gpu report".to_owned()];
    words.extend(folders.iter().map(|folder| shell(folder)));
    let name = match format {
        Format::Html => "report.html",
        Format::Notebook => "report.ipynb",
    };
    let notes = front.notes.path().map(|path| path.display().to_string());
    let flags = [
        ("format", (format == Format::Notebook).then(|| "ipynb".to_owned())),
        ("title", front.title.clone()),
        ("author", front.author.clone()),
        ("notes", notes),
        ("out", (out != Path::new(name)).then(|| out.display().to_string())),
    ];
    for (flag, value) in flags {
        words.extend(value.map(|value| {
            // Else it would be taken for a flag.
            let between = if value.starts_with('-') { '=' } else { ' ' };
            format!("--{flag}{between}{}", shell(&value))
        }));
    }
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_has_every_flag_that_a_report_was_made_with() {
        let front = FrontMatter {
            title: Some(String::new()),
            author: Some("-A. O'Neill".into()),
            notes: Notes::default(),
        };
        let folders = ["run".to_owned(), "my run".to_owned()];
        let command = |front: &FrontMatter, to| report_command(&folders, front, to);
        assert_eq!(
            command(&front, (Format::Html, Path::new("my page.html"))),
            r"genre-gpu report run 'my run' --title '' --author='-A. O'\''Neill' --out 'my page.html'"
        );
        assert_eq!(
            command(&FrontMatter::default(), (Format::Notebook, Path::new("report.ipynb"))),
            "genre-gpu report run 'my run' --format ipynb"
        );
    }
}
