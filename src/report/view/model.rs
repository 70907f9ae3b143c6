//! What is shown of one run.

use super::matrix::MatrixView;
use super::samples::{self, GenreView};
use super::shell;
use super::tables::Table;
use super::trust::TrustView;
use crate::compare::{DataReport, ModelReport, Spread};
use crate::data::PartName;
use crate::error::Result;
use crate::graph::{NodeId, Parameter};
use crate::report::record::RunRecord;
use crate::report::svg::{Panel, curve, network, what};
use crate::report::versus::{Versus, versus};
use crate::report::words;
use crate::text::thousands;
use crate::train::history::best_epoch;
use crate::train::words::overfitting;

/// One run.
#[derive(Debug)]
pub(super) struct ModelView {
    /// Its number among the runs.
    pub(super) run: usize,
    pub(super) name: String,
    pub(super) heading: String,
    pub(super) rationale: String,
    /// `config.toml`, whole.
    pub(super) config: String,
    /// Command lines that make the run and its maps again.
    pub(super) commands: String,
    /// The model file, whole.
    pub(super) model: String,
    pub(super) layers: Table,
    pub(super) network: String,
    /// What the figures say about overfitting.
    pub(super) overfitting: String,
    /// Loss, accuracy.
    pub(super) curves: [String; 2],
    pub(super) epochs: Table,
    /// Of training, validation, test.
    pub(super) accuracies: Vec<String>,
    pub(super) matrices: Vec<MatrixView>,
    /// `training`.
    pub(super) explained: String,
    pub(super) right_and_wrong: Vec<String>,
    pub(super) genres: Vec<GenreView>,
    pub(super) layer_facts: Vec<String>,
    pub(super) trust: TrustView,
    /// Against the first run.
    pub(super) versus: Vec<String>,
    pub(super) versus_table: Option<Table>,
}

impl ModelView {
    pub(super) fn new(run: &RunRecord, number: usize, first: Option<&RunRecord>) -> Result<Self> {
        let found = &run.explanation;
        let genres = samples::genres(found);
        let twelve = samples::twelve(found, &genres);
        let train = run.part(PartName::Train);
        let accuracies = PartName::ALL.map(|part| Some(run.part(part).accuracy));
        let songs = train.songs.map(|songs| songs as usize);
        let layer_facts = words::empty_maps(found, &twelve);
        let (versus, versus_table) = match first {
            Some(first) => against(first, run)?,
            None => (Vec::new(), None),
        };
        let name = run.metrics.model.clone();
        Ok(Self {
            run: number,
            heading: heading(run),
            rationale: run.model.rationale.clone(),
            config: run.config.to_toml(),
            commands: commands(run),
            model: run.model.text.clone(),
            layers: layers(run),
            network: network(&run.graph),
            overfitting: overfitting(
                &run.graph,
                train.samples as usize,
                songs,
                &run.history,
                accuracies,
            ),
            curves: curves(run),
            epochs: epochs(run),
            accuracies: PartName::ALL
                .map(|part| words::accuracy(part, run.part(part)))
                .into_iter()
                .collect(),
            matrices: matrices(run, number),
            explained: found
                .parts
                .first()
                .map_or_else(String::new, |part| words::part_word(&part.part).to_owned()),
            right_and_wrong: found.parts.first().map(words::right_and_wrong).unwrap_or_default(),
            genres,
            layer_facts,
            trust: TrustView::new(found),
            versus,
            versus_table,
            name,
        })
    }
}

/// The built-ins are called by their letters.
pub(super) fn heading(run: &RunRecord) -> String {
    let name = &run.metrics.model;
    if *name == run.config.model { name.to_uppercase() } else { name.clone() }
}

/// The run from its own configuration, which the page holds, and its maps.
fn commands(run: &RunRecord) -> String {
    // Not the name of a model's file, which may lie there.
    let (file, folder) = (format!("{}-run.toml", run.metrics.model), run.path());
    let heard = run.explanation.shown.iter().any(|shown| shown.sound.is_some());
    format!(
        "genre-gpu train --config {} --out {}\ngenre-gpu explain {}{}{}",
        shell(&file),
        shell(&folder),
        shell(&folder),
        if heard { " --listen" } else { "" },
        if run.explanation.asked.checks { "" } else { " --no-checks" },
    )
}

fn layers(run: &RunRecord) -> Table {
    let graph = &run.graph;
    let branches = graph.ids().skip(1).any(|id| match graph.node(id).inputs.as_slice() {
        [one] => one.index() + 1 != id.index(),
        _ => true,
    });
    let row = |id: NodeId| {
        let node = graph.node(id);
        let count: usize = graph.parameters_of(id).map(Parameter::len).sum();
        let reads: Vec<&str> =
            node.inputs.iter().map(|input| graph.node(*input).name.as_str()).collect();
        let mut row = vec![node.name.clone(), what(node)];
        row.extend(branches.then(|| reads.join(", ")));
        row.extend([node.shape.to_string(), thousands(count as u64)]);
        row
    };
    let (all, trained) = (graph.parameter_count(), graph.trainable_count());
    let mut rows: Vec<Vec<String>> = graph.ids().map(row).collect();
    let blank = if branches { 3 } else { 2 };
    let mut total = vec!["all".to_owned()];
    total.extend(vec![String::new(); blank]);
    total.push(thousands(all as u64));
    rows.push(total);
    let caption = match all - trained {
        0 => format!("Layers: {} parameters, all trained", thousands(all as u64)),
        rest => format!(
            "Layers: {} parameters, of which {} are trained and {} are moving figures of batch norms",
            thousands(all as u64),
            thousands(trained as u64),
            thousands(rest as u64)
        ),
    };
    let mut head = vec!["layer", "what it does"];
    head.extend(branches.then_some("reads"));
    head.extend(["output", "parameters"]);
    let head = head.into_iter().map(String::from).collect();
    Table { caption, words: if branches { 3 } else { 2 }, head, rows }
}

fn curves(run: &RunRecord) -> [String; 2] {
    let best = best_epoch(&run.history).map(|i| i + 1);
    let rows = |of: fn(&crate::train::history::Epoch) -> [f32; 2], times: f64| -> Vec<[f64; 2]> {
        run.history.iter().map(|e| of(e).map(|v| times * f64::from(v))).collect()
    };
    let loss = rows(|e| [e.loss, e.val_loss], 1.0);
    let accuracy = rows(|e| [e.accuracy, e.val_accuracy], 100.0);
    let panel = |name: &str, rows: &[[f64; 2]], digits: usize, unit: &str| {
        let ends = match (rows.first(), rows.last()) {
            (Some(first), Some(last)) => format!(
                ": training from {:.digits$}{unit} to {:.digits$}{unit}, validation from \
                 {:.digits$}{unit} to {:.digits$}{unit} over {} epochs. Arrow keys read the epochs out.",
                first[0],
                last[0],
                first[1],
                last[1],
                rows.len()
            ),
            _ => String::new(),
        };
        let label = format!("{name} by epoch{ends}");
        curve(&Panel { name, label: &label, rows, digits, unit, best })
    };
    [panel("loss", &loss, 4, ""), panel("accuracy (%)", &accuracy, 2, " %")]
}

fn epochs(run: &RunRecord) -> Table {
    let head = ["epoch", "loss", "accuracy", "val. loss", "val. accuracy", "seconds"];
    let row = |(i, e): (usize, &crate::train::history::Epoch)| {
        vec![
            (i + 1).to_string(),
            format!("{:.4}", e.loss),
            format!("{:.2} %", 100.0 * e.accuracy),
            format!("{:.4}", e.val_loss),
            format!("{:.2} %", 100.0 * e.val_accuracy),
            format!("{:.2}", e.seconds),
        ]
    };
    Table {
        caption: "Loss and accuracy by epoch".into(),
        words: 1,
        head: head.map(String::from).into(),
        rows: run.history.iter().enumerate().map(row).collect(),
    }
}

/// Training and test by sample, then by song where songs are known.
fn matrices(run: &RunRecord, number: usize) -> Vec<MatrixView> {
    let classes = &run.facts.classes;
    let parts = [PartName::Train, PartName::Test];
    let by_sample = parts.map(|part| {
        MatrixView::new(number, part.as_str(), "sample", &run.part(part).confusion, classes)
    });
    let by_song = parts.iter().filter_map(|part| {
        let rows = run.part(*part).song_confusion.as_ref()?;
        Some(MatrixView::new(number, part.as_str(), "song", rows, classes))
    });
    by_sample.into_iter().chain(by_song).collect()
}

fn against(first: &RunRecord, run: &RunRecord) -> Result<(Vec<String>, Option<Table>)> {
    let report = match versus(first, run)? {
        Versus::Unlike(why) => return Ok((vec![why], None)),
        Versus::Same(report) => report,
    };
    let mut sentences: Vec<String> =
        report.models.iter().filter_map(|model| model.conclusion.clone()).collect();
    let seeds = match (first.config.seed, run.config.seed) {
        (a, b) if a == b => format!("both with seed {a}"),
        (a, b) => format!("with seeds {a} and {b}"),
    };
    sentences.push(format!(
        "Each model was trained once, {seeds}. Another seed gives other weights and other \
         figures, and nothing here covers that: one seed says little; genre-gpu compare trains \
         several."
    ));
    Ok((sentences, Some(versus_table(&report))))
}

fn versus_table(report: &DataReport) -> Table {
    let mut head = vec!["part".to_owned()];
    for model in &report.models {
        head.push(format!("{}: samples", model.model));
        head.push(format!("{}: songs", model.model));
    }
    let more = ["difference in songs", "95 % interval", "right alone", "McNemar p"];
    head.extend(more.map(String::from));
    let percent = |spread: Option<Spread>| {
        spread.map_or("–".into(), |spread| format!("{:.2} %", 100.0 * spread.mean))
    };
    let row = |part: &PartName| {
        let of = |model: &ModelReport| model.parts.get(part.as_str()).cloned();
        let mut row = vec![words::part_word(part.as_str()).to_owned()];
        for model in &report.models {
            let figures = of(model);
            row.push(percent(figures.as_ref().map(|f| f.accuracy)));
            row.push(percent(figures.and_then(|f| f.songs).map(|s| s.mean_probability)));
        }
        let paired = report.models.last().and_then(of).and_then(|f| f.against_baseline?.songs);
        row.extend(paired.map_or_else(
            || ["–"; 4].map(String::from),
            |p| {
                let (low, high) = p.interval_95;
                [
                    format!("{:+.1} points", 100.0 * p.difference),
                    format!("{:+.1} to {:+.1}", 100.0 * low, 100.0 * high),
                    format!("{} : {}", p.only_model, p.only_baseline),
                    if p.mcnemar_p < 0.001 {
                        "< 0.001".into()
                    } else {
                        format!("{:.3}", p.mcnemar_p)
                    },
                ]
            },
        ));
        row
    };
    let names: Vec<&str> = report.models.iter().rev().map(|model| model.model.as_str()).collect();
    Table {
        caption: format!(
            "{} (right alone: songs that {} has right and the other not, then the reverse; the \
             interval is the paired bootstrap over songs)",
            names.join(" against "),
            names.first().copied().unwrap_or_default()
        ),
        words: 1,
        head,
        rows: report.shown.iter().map(row).collect(),
    }
}
