//! Plain tables: data, songs beside segments, time.

use crate::data::{PartName, ScaleKind};
use crate::error::Result;
use crate::graph::Op;
use crate::metrics::{Calibration, Confusion, PartScores, ReliabilityBin, Scores, wilson};
use crate::models::{ClassWeights, EarlyStopping};
use crate::plot::{self, Across, Line, Lines};
use crate::random::keras::Shuffle;
use crate::report::answers::augmentation;
use crate::report::record::RunRecord;
use crate::report::words::{counted, decimals};
use crate::text::{listed, thousands};
use crate::train::settings::{CheckpointSelection, Config};

/// A table whose first column heads its rows.
#[derive(Debug, Clone, Default)]
pub(in crate::report) struct Table {
    pub(in crate::report) caption: String,
    /// So many columns from the left hold words, the others numbers.
    pub(in crate::report) words: usize,
    pub(in crate::report) head: Vec<String>,
    pub(in crate::report) rows: Vec<Vec<String>>,
}

fn words<const N: usize>(words: [&str; N]) -> Vec<String> {
    words.map(String::from).into()
}

/// Samples of each class and part, from the matrices' rows.
pub(in crate::report) fn data(run: &RunRecord) -> Table {
    let mut head = words(["part"]);
    head.extend(run.facts.classes.iter().cloned());
    head.extend(words(["segments", "songs"]));
    let row = |part: PartName| {
        let figures = run.part(part);
        let mut row = vec![part.word().to_owned()];
        row.extend(figures.confusion.iter().map(|row| thousands(row.iter().sum())));
        row.push(thousands(figures.samples));
        row.push(figures.songs.map_or("unknown".into(), thousands));
        row
    };
    let caption = format!("Samples by class and part: {}", run.metrics.data);
    Table { caption, words: 1, head, rows: PartName::ALL.map(row).into() }
}

/// What the arrays are, how they are scaled, and what the audit found.
pub(in crate::report) fn data_facts(run: &RunRecord) -> Vec<String> {
    let [h, w, _] = run.facts.sample_shape;
    let scale = &run.facts.scale;
    let two = |value| decimals(f64::from(value), 2);
    let mut facts = vec![
        format!(
            "A segment, the sample that the network classifies, is a log-mel spectrogram of {h} bands × {w} frames."
        ),
        match scale.kind {
            ScaleKind::Standard => format!(
                "Inputs are standardised with the training set's mean ({}) and standard deviation \
                 ({}).",
                two(scale.offset),
                two(1.0 / scale.factor)
            ),
            ScaleKind::MinMax => format!(
                "Inputs are scaled to 0 to 1 by the training set's smallest ({}) and largest value \
                 ({}).",
                two(scale.offset),
                two(scale.offset + 1.0 / scale.factor)
            ),
            ScaleKind::None => "Inputs are not scaled.".into(),
        },
    ];
    facts.push(match &run.metrics.audit {
        Some(line) => format!("{line}."),
        None => "Audit: none is recorded in the run; genre-gpu audit makes one.".into(),
    });
    facts
}

/// How the runs are trained: a row for each setting, a column for each run.
pub(in crate::report) fn training(runs: &[RunRecord]) -> Table {
    let mut head = words(["setting"]);
    head.extend(runs.iter().map(RunRecord::heading));
    let row = |name: &str, of: &dyn Fn(&RunRecord) -> String| {
        let mut row = vec![name.to_owned()];
        row.extend(runs.iter().map(of));
        row
    };
    let rows = vec![
        row("loss", &loss),
        row("metric", &|_| "accuracy".into()),
        row("optimiser", &optimiser),
        row("batch size", &|run| run.config.batch_size.to_string()),
        row("epochs", &|run| match run.history.len() {
            done if done == run.config.epochs => done.to_string(),
            done => format!("{done} of {}", run.config.epochs),
        }),
        row(
            "early stopping",
            &|run| match (&run.config.early_stopping, &run.metrics.stopped_early) {
                (EarlyStopping::None, _) => "none".into(),
                (patience, None) => format!("patience {patience}; training ran through all epochs"),
                (patience, Some(reason)) => format!("patience {patience}; {reason}"),
            },
        ),
        row("augmentation", &|run| match &augmentation(&run.config.augment)[..] {
            [] => "none".into(),
            kinds => format!("{} ({})", listed(kinds), run.config.augment),
        }),
        row("seed", &|run| run.config.seed.to_string()),
        row("order of segments", &|run| match run.config.shuffle {
            Shuffle::Keras2 => "new in each epoch, as Keras 2".into(),
            Shuffle::Keras3 => "the first repeated, as Keras 3".into(),
        }),
        row("final weights", &|run| match run.config.keep {
            CheckpointSelection::Last => "of the last epoch".into(),
            CheckpointSelection::Best => format!(
                "of the {} validation loss, after epoch {}",
                if run.config.early_stopping == EarlyStopping::None {
                    "lowest"
                } else {
                    "last improved"
                },
                run.metrics.epochs
            ),
        }),
        row("device", &|run| run.metrics.device.clone()),
    ];
    let caption = "Training set-up".into();
    Table { caption, words: 1 + runs.len(), head, rows }
}

/// The loss, and the penalties by coefficient.
fn loss(run: &RunRecord) -> String {
    let mut penalties: Vec<String> = Vec::new();
    for node in run.graph.nodes() {
        let Op::Dense { l2, .. } = node.op else { continue };
        if l2 > 0.0 {
            penalties.push(format!("{l2}·Σw² of {}", node.name));
        }
    }
    let penalty = match penalties.is_empty() {
        true => String::new(),
        false => format!(" + L2 penalty {}", penalties.join(" + ")),
    };
    let Config { label_smoothing, class_weights, .. } = &run.config;
    let smoothing = match label_smoothing {
        share if *share > 0.0 => format!(", label smoothing {share}"),
        _ => String::new(),
    };
    let weights = match class_weights {
        ClassWeights::None => String::new(),
        weights => format!(", weights of classes in training: {weights}"),
    };
    format!("sparse categorical cross-entropy{smoothing}{weights}{penalty}")
}

fn optimiser(run: &RunRecord) -> String {
    let config = &run.config;
    let (optimizer, rate, schedule) = (config.optimizer, config.learning_rate, config.schedule);
    let warm_up = match config.warmup {
        0.0 => String::new(),
        1.0 => ", after a linear rise from 0 over 1 epoch".into(),
        epochs => format!(", after a linear rise from 0 over {epochs} epochs"),
    };
    let mut text = format!("{optimizer}, learning rate {rate} ({schedule}{warm_up})");
    if optimizer.is_sgd() && config.momentum == 0.0 {
        text.push_str(", momentum 0");
    }
    for detail in config.optimizer_details() {
        text.push_str(&format!(", {detail}"));
    }
    text
}

/// What the seed and determinism are in Keras.
pub(in crate::report) const REPRODUCIBLE: &str = "The seed plays the role of tf.keras.utils.set_random_seed: \
    initial weights and the order of samples are those that Keras draws from it. What \
    tf.config.experimental.enable_op_determinism() asks for always holds: the same seed and device \
    give the same weights, bit for bit, with any number of threads.";

fn percent(share: Option<f64>) -> String {
    share.map_or("–".into(), |share| format!("{} %", decimals(100.0 * share, 2)))
}

/// Loss and accuracy of a run by part, test first.
pub(in crate::report) fn accuracies(run: &RunRecord) -> Table {
    let head =
        words(["part", "segments", "by segment", "songs", "by song", "95 % interval", "loss"]);
    let row = |part: PartName| {
        let metrics = run.part(part);
        let interval = metrics.song_interval_95.map_or("–".into(), |(low, high)| {
            format!("{:.1} to {:.1} %", 100.0 * low, 100.0 * high)
        });
        vec![
            part.word().to_owned(),
            thousands(metrics.samples),
            percent(Some(metrics.accuracy)),
            metrics.songs.map_or("–".into(), thousands),
            percent(metrics.song_accuracy),
            interval,
            format!("{:.4}", metrics.loss),
        ]
    };
    Table {
        caption: format!(
            "Accuracy of {}. A song is classified by the mean probability of its segments; the \
             interval is Wilson's, over songs",
            run.heading()
        ),
        words: 1,
        head,
        rows: [PartName::Test, PartName::Val, PartName::Train].map(row).into(),
    }
}

/// The same of all runs on the test set, in short.
pub(in crate::report) fn results(runs: &[RunRecord]) -> Table {
    let head = words([
        "model",
        "parameters",
        "training",
        "validation",
        "test",
        "test by song",
        "95 % interval",
    ]);
    let row = |run: &RunRecord| {
        let test = run.part(PartName::Test);
        let mut row = vec![run.heading(), thousands(run.metrics.parameters as u64)];
        row.extend(PartName::ALL.map(|part| percent(Some(run.part(part).accuracy))));
        row.push(percent(test.song_accuracy));
        row.push(test.song_interval_95.map_or("–".into(), |(low, high)| {
            format!("{:.1} to {:.1} %", 100.0 * low, 100.0 * high)
        }));
        row
    };
    let caption = "Accuracy".into();
    Table { caption, words: 1, head, rows: runs.iter().map(row).collect() }
}

/// Precision, recall, F1 and the area under the ROC curve by class, of training and test.
pub(in crate::report) fn scores(run: &RunRecord) -> Table {
    let mut head = words(["genre"]);
    let mut columns: Vec<&PartScores> = Vec::new();
    for part in [PartName::Train, PartName::Test] {
        let Some(scores) = &run.part(part).scores else { continue };
        let part = part.word();
        head.extend(["precision", "recall", "F1", "ROC AUC"].map(|name| format!("{part} {name}")));
        columns.push(scores);
    }
    let cells = |scores: &Scores, area: Option<f64>| {
        let Scores { precision, recall, f1, .. } = scores;
        let area = area.map_or("–".into(), |area| format!("{area:.3}"));
        [*precision, *recall, *f1].map(|score| format!("{score:.3}")).into_iter().chain([area])
    };
    let row = |(i, name): (usize, &String)| {
        let of = |scores: &&PartScores| cells(&scores.classes[i], scores.roc_auc[i]);
        std::iter::once(name.clone()).chain(columns.iter().flat_map(of)).collect()
    };
    let mut rows: Vec<Vec<String>> = run.facts.classes.iter().enumerate().map(row).collect();
    let mean = |scores: &&PartScores| cells(&scores.macro_average, scores.macro_roc_auc);
    rows.push(
        std::iter::once("macro average".into()).chain(columns.iter().flat_map(mean)).collect(),
    );
    let caption = format!("Precision, recall, F1 and ROC AUC of {} by segment", run.heading());
    Table { caption, words: 1, head, rows }
}

/// Bins of the reliability curve with fewer samples are not drawn.
const FEW: u64 = 10;

/// How probabilities compare with accuracies: a drawing, and the same as a table.
pub(in crate::report) fn reliability(run: &RunRecord) -> Result<(String, Table)> {
    let name = run.heading();
    let mut table = Table {
        caption: format!(
            "Calibration of {name}: how often the predicted class is correct, by its probability \
             (bins of at least {FEW} segments are drawn)"
        ),
        words: 2,
        head: words(["part", "probability", "segments", "mean probability", "accuracy"]),
        rows: Vec::new(),
    };
    let (mut lines, mut errors) = (Vec::new(), Vec::new());
    let mut at: Vec<f64> = Vec::new();
    let before = |part: PartName| {
        Some((part.word().to_owned(), &run.part(part).scores.as_ref()?.calibration))
    };
    let calibrated = run.part(PartName::Test).calibrated.as_ref();
    let after = calibrated.map(|found| ("test with T".to_owned(), &found.samples));
    let parts = [PartName::Train, PartName::Test].into_iter().filter_map(before).chain(after);
    for (part, calibration) in parts {
        at = calibration.bins.iter().map(|bin| f64::midpoint(bin.low, bin.high)).collect();
        // The accuracy of a few samples is noise: such bins stand in the table alone.
        let known = |bin: &ReliabilityBin| bin.accuracy.filter(|_| bin.samples >= FEW);
        let values = calibration.bins.iter().map(|bin| known(bin).unwrap_or(f64::NAN));
        lines.push(Line::new(part.clone(), values.collect()));
        if let Some(error) = calibration.expected_error {
            errors.push(format!("{part} {error:.3}"));
        }
        for bin in calibration.bins.iter().filter(|bin| bin.samples > 0) {
            let [p, accuracy] = [bin.confidence, bin.accuracy]
                .map(|share| share.map_or("–".into(), |share| format!("{share:.3}")));
            let interval = format!("{:.1} to {:.1}", bin.low, bin.high);
            let samples = thousands(bin.samples);
            table.rows.push(vec![part.clone(), interval, samples, p, accuracy]);
        }
    }
    lines.push(Line::new("perfect calibration", at.clone()));
    let label = format!(
        "Accuracy against the probability of the predicted class; expected calibration error: {}",
        errors.join(", ")
    );
    let drawing = plot::lines(&Lines {
        heading: "",
        across: "probability of the predicted class",
        name: "accuracy",
        label: &label,
        at: &at,
        ticks: Across::Numbers,
        within: Some((0.0, 1.0)),
        series: &lines,
        area: plot::HALF,
    })?;
    table.caption = format!(
        "{}. Expected calibration error: {}",
        table.caption,
        if errors.is_empty() { "unknown".into() } else { errors.join(", ") }
    );
    Ok((drawing.svg(), table))
}

/// Log loss and calibration error before and after temperature scaling, by segment and by song.
pub(in crate::report) fn calibration(run: &RunRecord) -> Table {
    let mut table = Table {
        caption: format!(
            "Temperature scaling of {}: softmax(logits ÷ T), with the T of least log loss on the \
             validation set. T of songs is of the mean over a song's segments",
            run.heading()
        ),
        words: 1,
        head: words(["part", "T", "log loss", "with T", "calibration error", "with T"]),
        rows: Vec::new(),
    };
    let Some(found) = run.facts.temperatures else { return table };
    for part in [PartName::Val, PartName::Test] {
        let metrics = run.part(part);
        let (Some(scores), Some(after)) = (&metrics.scores, &metrics.calibrated) else { continue };
        let mut row = |unit: &str, t: f64, [before, after]: [&Calibration; 2]| {
            let loss = |of: &Calibration| of.log_loss.map_or("–".into(), |x| decimals(x, 3));
            table.rows.push(vec![
                format!("{}, {unit}", part.word()),
                decimals(t, 2),
                loss(before),
                loss(after),
                percent(before.expected_error),
                percent(after.expected_error),
            ]);
        };
        row("segments", found.segments.value, [&scores.calibration, &after.samples]);
        if let (Some(songs), Some(t)) = (&after.songs, found.songs) {
            row("songs", t.temperature.value, [&songs.before, &songs.after]);
        }
    }
    table
}

/// Votes of a song's segments, beside each other.
pub(in crate::report) fn by_song(runs: &[RunRecord]) -> Table {
    let head =
        words(["model, part", "mean probability", "majority vote", "product of probabilities"]);
    let row = |(run, part): (&RunRecord, PartName)| {
        let metrics = run.part(part);
        vec![
            format!("{}, {}", run.heading(), part.word()),
            percent(metrics.song_accuracy),
            percent(metrics.song_accuracy_majority),
            percent(metrics.song_accuracy_product),
        ]
    };
    let rows = runs.iter().flat_map(|run| PartName::ALL.map(|part| row((run, part)))).collect();
    let caption = "Accuracy by song under three votes of its segments".into();
    Table { caption, words: 1, head, rows }
}

/// Why there may be no accuracies by song.
pub(in crate::report) fn song_facts(runs: &[RunRecord]) -> Vec<String> {
    let unknown = |run: &&RunRecord| run.part(PartName::Test).song_accuracy.is_none();
    let of = |run: &RunRecord| {
        let samples = counted(run.part(PartName::Test).samples as usize, "test segment");
        format!("{}: songs are unknown, so the {samples} are judged one by one.", run.heading())
    };
    runs.iter().filter(unknown).map(of).collect()
}

/// Where each run was made, and how long it took.
pub(in crate::report) fn time(runs: &[RunRecord]) -> Table {
    let head = words([
        "model",
        "trained on",
        "explained on",
        "s per epoch (median)",
        "segments per s",
        "training, s",
        "explaining, s",
    ]);
    let row = |run: &RunRecord| {
        let all: f64 = run.history.iter().map(|epoch| epoch.seconds).sum();
        let seconds = run.metrics.seconds_per_epoch;
        let samples = run.part(PartName::Train).samples as f64;
        vec![
            run.heading(),
            run.metrics.device.clone(),
            run.explanation.device.clone(),
            format!("{seconds:.2}"),
            if seconds > 0.0 { thousands((samples / seconds) as u64) } else { "–".into() },
            format!("{all:.1}"),
            format!("{:.1}", run.explanation.seconds),
        ]
    };
    Table {
        caption: "Wall time; an epoch includes validation".into(),
        words: 3,
        head,
        rows: runs.iter().map(row).collect(),
    }
}

/// Right, all and the interval of a matrix of songs.
pub(in crate::report) fn interval(rows: &[Vec<u64>]) -> String {
    let matrix = Confusion { counts: rows.to_vec() };
    let (low, high) = wilson(matrix.correct(), matrix.total());
    format!("95 % interval {:.1} to {:.1} %", 100.0 * low, 100.0 * high)
}
