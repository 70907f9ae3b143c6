//! Plain tables: data, songs beside segments, time.

use crate::data::PartName;
use crate::metrics::{Confusion, wilson};
use crate::report::record::RunRecord;
use crate::report::words::{counted, part_word};
use crate::text::thousands;

/// A table whose first column heads its rows.
#[derive(Debug, Clone, Default)]
pub(super) struct Table {
    pub(super) caption: String,
    /// So many columns from the left hold words, the others figures.
    pub(super) words: usize,
    pub(super) head: Vec<String>,
    pub(super) rows: Vec<Vec<String>>,
}

fn words<const N: usize>(words: [&str; N]) -> Vec<String> {
    words.map(String::from).into()
}

/// Samples of each class and part, from the matrices' rows.
pub(super) fn data(run: &RunRecord) -> Table {
    let mut head = words(["part"]);
    head.extend(run.facts.classes.iter().cloned());
    head.extend(words(["samples", "songs"]));
    let row = |part: PartName| {
        let figures = run.part(part);
        let mut row = vec![part_word(part.as_str()).to_owned()];
        row.extend(figures.confusion.iter().map(|row| thousands(row.iter().sum())));
        row.push(thousands(figures.samples));
        row.push(figures.songs.map_or("unknown".into(), thousands));
        row
    };
    let caption = format!("Samples by class and part: {}", run.metrics.data);
    Table { caption, words: 1, head, rows: PartName::ALL.map(row).into() }
}

/// What the arrays are, how they are scaled, and what the audit said.
pub(super) fn data_facts(run: &RunRecord) -> Vec<String> {
    let [h, w, _] = run.facts.sample_shape;
    let scale = &run.facts.scale;
    let mut facts = vec![
        format!("A sample is a log-mel spectrogram of {h} bands × {w} frames."),
        format!(
            "Networks are given (x {} {}) · {} ({}, by the training set).",
            if scale.offset < 0.0 { '+' } else { '−' },
            scale.offset.abs(),
            scale.factor,
            scale.kind
        ),
        format!("Hash of the data: {}.", run.facts.data_hash),
    ];
    facts.push(match &run.metrics.audit {
        Some(line) => format!("{line}."),
        None => "Audit: the run's folder says nothing of one; genre-gpu audit makes it.".into(),
    });
    facts
}

fn percent(share: Option<f64>) -> String {
    share.map_or("–".into(), |share| format!("{:.2} %", 100.0 * share))
}

/// Accuracy by segment beside that by song, of each run and part.
pub(super) fn by_song(runs: &[RunRecord]) -> Table {
    let head = words([
        "model, part",
        "samples right",
        "songs right",
        "95 % interval",
        "by majority",
        "by product",
        "samples",
        "songs",
    ]);
    let row = |(run, part): (&RunRecord, PartName)| {
        let figures = run.part(part);
        let interval = figures.song_interval_95.map_or("–".into(), |(low, high)| {
            format!("{:.1} to {:.1}", 100.0 * low, 100.0 * high)
        });
        vec![
            format!("{}, {}", run.metrics.model, part_word(part.as_str())),
            percent(Some(figures.accuracy)),
            percent(figures.song_accuracy),
            interval,
            percent(figures.song_accuracy_majority),
            percent(figures.song_accuracy_product),
            thousands(figures.samples),
            figures.songs.map_or("–".into(), thousands),
        ]
    };
    let rows = runs.iter().flat_map(|run| PartName::ALL.map(|part| row((run, part)))).collect();
    Table { caption: "Accuracy by segment and by song".into(), words: 1, head, rows }
}

/// What songs add to segments, run by run.
pub(super) fn song_facts(runs: &[RunRecord]) -> Vec<String> {
    let of = |run: &RunRecord| {
        let test = run.part(PartName::Test);
        let (name, samples) = (&run.metrics.model, counted(test.samples as usize, "test sample"));
        let (Some(songs), Some(n)) = (test.song_accuracy, test.songs) else {
            return format!("{name}: songs are unknown, so the {samples} are judged one by one.");
        };
        format!(
            "{name}: a song's samples together are right in {:.2} % of {} where single samples are \
             in {:.2} % of {samples}: {:+.1} points.",
            100.0 * songs,
            counted(n as usize, "test song"),
            100.0 * test.accuracy,
            100.0 * (songs - test.accuracy)
        )
    };
    let mut facts: Vec<String> = runs.iter().map(of).collect();
    if runs.iter().any(|run| run.part(PartName::Test).songs.is_some()) {
        facts.push(
            "Samples of one song are not independent, so the interval (Wilson's) is over songs, \
             which are judged by the mean probability of their samples."
                .into(),
        );
    }
    facts
}

/// Where each run was made, and how long it took.
pub(super) fn time(runs: &[RunRecord]) -> Table {
    let head = words([
        "model",
        "device",
        "parameters",
        "epochs",
        "s per epoch (median)",
        "training, s",
        "explaining, s",
    ]);
    let row = |run: &RunRecord| {
        let all: f64 = run.history.iter().map(|epoch| epoch.seconds).sum();
        vec![
            run.metrics.model.clone(),
            run.metrics.device.clone(),
            thousands(run.metrics.parameters as u64),
            run.history.len().to_string(),
            format!("{:.2}", run.metrics.seconds_per_epoch),
            format!("{all:.1}"),
            format!("{:.1}", run.explanation.seconds),
        ]
    };
    Table {
        caption: "Time and device (wall time)".into(),
        words: 2,
        head,
        rows: runs.iter().map(row).collect(),
    }
}

/// How fast that is.
pub(super) fn time_facts(runs: &[RunRecord]) -> Vec<String> {
    let of = |run: &RunRecord| {
        let samples = run.part(PartName::Train).samples as f64;
        let seconds = run.metrics.seconds_per_epoch;
        (seconds > 0.0).then(|| {
            format!(
                "{} took {seconds:.2} s for an epoch (training and validation) on {}: {} training \
                 samples a second.",
                run.metrics.model,
                run.metrics.device,
                thousands((samples / seconds) as u64)
            )
        })
    };
    let explained = |run: &RunRecord| {
        format!("{} was explained on {}.", run.metrics.model, run.explanation.device)
    };
    runs.iter().filter_map(of).chain(runs.iter().map(explained)).collect()
}

/// Right, all and the interval of a matrix of songs.
pub(super) fn interval(rows: &[Vec<u64>]) -> String {
    let matrix = Confusion { counts: rows.to_vec() };
    let (low, high) = wilson(matrix.correct(), matrix.total());
    format!("95 % interval {:.1} to {:.1} %", 100.0 * low, 100.0 * high)
}
