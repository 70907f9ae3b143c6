//! What is shown of one run.

use super::axes::Axes;
use super::matrix::MatrixView;
use super::means::{self, LayerMaps};
use super::samples::{self, Drawn, GenreView};
use super::tables::{self, Table};
use super::trust::TrustView;
use crate::compare::{ModelReport, Spread, p_value};
use crate::data::PartName;
use crate::error::Result;
use crate::graph::{NodeId, Parameter};
use crate::models::ClassWeights;
use crate::plot::{Panel, curve, network, what};
use crate::report::answers::Answers;
use crate::report::pictures::Tiles;
use crate::report::record::RunRecord;
use crate::report::versus::Versus;
use crate::report::words::{decimals, signed};
use crate::text::{shell, thousands};
use crate::train::history::best_epoch;
use crate::train::rates::{epoch_rate, step_rate};

/// One run.
#[derive(Debug)]
pub(in crate::report) struct ModelView {
    /// Its number among the runs.
    pub(in crate::report) run: usize,
    pub(in crate::report) name: String,
    pub(in crate::report) heading: String,
    pub(in crate::report) answers: Answers,
    /// `config.toml`, whole.
    pub(in crate::report) config: String,
    /// The name that the commands give it.
    pub(in crate::report) config_file: String,
    /// Command lines that make the run and its maps again.
    pub(in crate::report) commands: String,
    /// The model file, whole.
    pub(in crate::report) model: String,
    pub(in crate::report) layers: Table,
    pub(in crate::report) network: String,
    /// Loss, accuracy.
    pub(in crate::report) curves: [String; 2],
    /// Losses include an L2 penalty.
    pub(in crate::report) has_penalty: bool,
    pub(in crate::report) epochs: Table,
    /// Test, validation and training.
    pub(in crate::report) accuracies: Table,
    /// By sample, then by song.
    pub(in crate::report) matrices: Vec<MatrixView>,
    pub(in crate::report) song_matrices: Vec<MatrixView>,
    pub(in crate::report) scores: Table,
    /// The reliability curve, drawn and as a table.
    pub(in crate::report) reliability: (String, Table),
    /// Before and after temperature scaling; without rows in runs of older versions.
    pub(in crate::report) calibration: Table,
    /// `training`.
    pub(in crate::report) explained: &'static str,
    /// How many are classified correctly, and which songs hold the errors.
    pub(in crate::report) errors: String,
    pub(in crate::report) genres: Vec<GenreView>,
    /// Axes of every sample's picture.
    pub(in crate::report) axes: Axes,
    /// How the pictures are to be read.
    pub(in crate::report) reading: Vec<String>,
    pub(in crate::report) maps: Vec<LayerMaps>,
    pub(in crate::report) trust: TrustView,
    pub(in crate::report) versus_table: Option<Table>,
}

impl ModelView {
    pub(in crate::report) fn new(
        run: &RunRecord,
        number: usize,
        against: Option<(&RunRecord, &Versus)>,
        tiles: Tiles,
        legible: &[usize],
    ) -> Result<Self> {
        let found = &run.explanation;
        let drawn = Drawn { found, tiles, layers: legible };
        let axes = Axes::of(found);
        let versus_table = against.and_then(|(_, versus)| versus_table(versus));
        let answers = Answers::new(run, against)?;
        let part = found.parts.first().and_then(|part| run.labels.get(&part.part));
        let songs = part.and_then(|labels| labels.song.as_deref());
        Ok(Self {
            run: number,
            name: run.metrics.model.clone(),
            heading: run.heading(),
            config: run.config.to_toml(),
            config_file: config_file(run),
            commands: commands(run, &config_file(run), &run.path()),
            model: run.model.text.clone(),
            layers: layers(run),
            network: network(&run.graph).svg(),
            curves: curves(run),
            has_penalty: run.graph.parameters().iter().any(|p| p.l2 > 0.0),
            epochs: epochs(run),
            accuracies: tables::accuracies(run),
            matrices: matrices(run, number),
            song_matrices: song_matrices(run, number),
            scores: tables::scores(run),
            reliability: tables::reliability(run)?,
            calibration: tables::calibration(run),
            explained: found.parts.first().map_or("", |part| part.part.word()),
            errors: samples::errors(found, songs),
            genres: samples::genres(drawn)?,
            reading: samples::reading(drawn, &axes),
            axes,
            maps: legible
                .iter()
                .map(|layer| means::of_layer(found, *layer))
                .collect::<Result<_>>()?,
            trust: TrustView::new(found, &answers.checks),
            versus_table,
            answers,
        })
    }

    /// What the pictures of the samples take in the page.
    pub(in crate::report) fn picture_bytes(&self) -> usize {
        let rows = self.genres.iter().flat_map(|genre| genre.rows.iter().chain(&genre.by_song));
        let plots = rows.flat_map(|row| &row.items).flat_map(|item| &item.plots);
        plots.flat_map(|plot| &plot.sources).map(String::len).sum()
    }

    /// Numbers of the samples that have a figure.
    pub(in crate::report) fn figures(&self) -> Vec<usize> {
        let rows = self.genres.iter().flat_map(|genre| genre.rows.iter().chain(&genre.by_song));
        rows.flat_map(|row| row.items.iter().map(|item| item.at)).collect()
    }
}

/// Not the name of a model's file, which may lie there.
fn config_file(run: &RunRecord) -> String {
    format!("{}-run.toml", run.file_name())
}

/// The run from its own configuration, which the page holds, and its maps.
fn commands(run: &RunRecord, file: &str, folder: &str) -> String {
    let (file, out) = (shell(file), shell(folder));
    format!("genre-gpu train --config {file} --out {out}\n{}", explain_command(run, folder))
}

/// The command that explains a run as this one was.
pub(in crate::report) fn explain_command(run: &RunRecord, folder: &str) -> String {
    let heard = run.explanation.shown.iter().any(|shown| shown.sound.is_some());
    format!(
        "genre-gpu explain {}{}{}",
        shell(folder),
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
    let name = run.heading();
    let caption = match all - trained {
        0 => format!("Layers of {name}: {} parameters, all trained", thousands(all as u64)),
        rest => format!(
            "Layers of {name}: {} parameters, of which {} are trained and {} are moving statistics of batch normalisation",
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
        curve(&Panel { name, label: &label, rows, digits, unit, best }).svg()
    };
    [panel("loss", &loss, 4, ""), panel("accuracy (%)", &accuracy, 2, " %")]
}

fn epochs(run: &RunRecord) -> Table {
    let mut head = ["epoch", "loss", "accuracy", "val. loss", "val. accuracy", "seconds"].to_vec();
    let steps = run.part(PartName::Train).samples as usize;
    let steps = steps.div_ceil(run.config.batch_size.max(1)).max(1);
    let rate = |epoch: usize| {
        let rate = epoch_rate(&run.config, &run.history, epoch);
        step_rate(&run.config, (epoch, rate), steps - 1, steps)
    };
    let rates: Vec<f32> = (0..run.history.len()).map(rate).collect();
    let varies = rates.iter().any(|rate| *rate != run.config.learning_rate);
    if varies {
        head.push("learning rate at its end");
    }
    let row = |(i, e): (usize, &crate::train::history::Epoch)| {
        let mut row = vec![
            (i + 1).to_string(),
            format!("{:.4}", e.loss),
            format!("{} %", decimals(100.0 * f64::from(e.accuracy), 2)),
            format!("{:.4}", e.val_loss),
            format!("{} %", decimals(100.0 * f64::from(e.val_accuracy), 2)),
            format!("{:.2}", e.seconds),
        ];
        if varies {
            row.push(format!("{:.2e}", rates[i]));
        }
        row
    };
    Table {
        caption: format!(
            "Loss and accuracy of {} by epoch{}",
            run.heading(),
            match run.config.class_weights {
                ClassWeights::None => "",
                _ => " (training losses are weighted by class)",
            }
        ),
        words: 1,
        head: head.into_iter().map(String::from).collect(),
        rows: run.history.iter().enumerate().map(row).collect(),
    }
}

/// Training and test by sample.
fn matrices(run: &RunRecord, number: usize) -> Vec<MatrixView> {
    let matrix = |part: PartName| {
        let rows = &run.part(part).confusion;
        MatrixView::new((number, &run.heading()), part, "segment", rows, &run.facts.classes)
    };
    [PartName::Train, PartName::Test].map(matrix).into()
}

/// The same by song, where songs are known.
fn song_matrices(run: &RunRecord, number: usize) -> Vec<MatrixView> {
    let matrix = |part: &PartName| {
        let rows = run.part(*part).song_confusion.as_ref()?;
        Some(MatrixView::new((number, &run.heading()), *part, "song", rows, &run.facts.classes))
    };
    [PartName::Train, PartName::Test].iter().filter_map(matrix).collect()
}

/// None where the runs are of different data.
fn versus_table(versus: &Versus) -> Option<Table> {
    let Versus::Same { report, at } = versus else { return None };
    let models = [report.models.first()?, report.models.get(*at)?];
    let tests = report.models.len() - 1;
    let mut head = vec!["part".to_owned()];
    for model in models {
        head.push(format!("{}: segments", model.model));
        head.push(format!("{}: songs", model.model));
    }
    let more = ["difference by song", "95 % interval", "only correct", "McNemar p"];
    head.extend(more.map(String::from));
    if tests > 1 {
        head.push("after Holm".into());
    }
    let percent = |spread: Option<Spread>| {
        spread.map_or("–".into(), |spread| format!("{} %", decimals(100.0 * spread.mean, 2)))
    };
    let row = |part: &PartName| {
        let of = |model: &ModelReport| model.parts.get(part.as_str()).cloned();
        let mut row = vec![part.word().to_owned()];
        for model in models {
            let figures = of(model);
            row.push(percent(figures.as_ref().map(|f| f.accuracy)));
            row.push(percent(figures.and_then(|f| f.songs).map(|s| s.mean_probability)));
        }
        let paired = of(models[1]).and_then(|f| f.against_baseline?.songs);
        let more = match paired {
            None => vec!["–".to_owned(); head.len() - row.len()],
            Some(p) => {
                let (low, high) = p.interval_95;
                let mut more = vec![
                    format!("{} points", signed(100.0 * p.difference, 1)),
                    format!("{} to {}", signed(100.0 * low, 1), signed(100.0 * high, 1)),
                    format!("{} : {}", p.only_model, p.only_baseline),
                    p_value(p.mcnemar_p),
                ];
                if tests > 1 {
                    more.push(p_value(p.holm_p));
                }
                more
            }
        };
        row.extend(more);
        row
    };
    let [first, model] = models.map(|model| &model.model);
    let holm = match tests {
        1 => String::new(),
        _ => format!("; after Holm: over {tests} comparisons with {first}"),
    };
    Some(Table {
        caption: format!(
            "{model} against {first} (only correct: songs that {model} classifies correctly and \
             the other does not, then the reverse; differences in percentage points; the interval \
             is the paired bootstrap over songs{holm})"
        ),
        words: 1,
        rows: report.shown.iter().map(row).collect(),
        head,
    })
}
