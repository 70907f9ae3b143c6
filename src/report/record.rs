//! What a run's folder holds, read and checked.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::data::{Part, PartName};
use crate::error::{Error, Result};
use crate::explain::{ExplainFolder, Explanation, HeatShare, MeanMap, SignedMap, Zone};
use crate::graph::Graph;
use crate::metrics::{PartScores, all_song_votes};
use crate::models::Model;
use crate::train::checkpoint::Checkpoint;
use crate::train::ending::ending;
use crate::train::history::Epoch;
use crate::train::results::PartMetrics;
use crate::train::run_folder::{Metrics, Predictions, RunFolder};
use crate::train::settings::{Config, Recipe, Settings};
use crate::train::{ModelFacts, SavedModel};

/// A finished and explained run.
#[derive(Debug)]
pub(super) struct RunRecord {
    pub(super) folder: RunFolder,
    pub(super) config: Config,
    pub(super) metrics: Metrics,
    pub(super) history: Vec<Epoch>,
    pub(super) facts: ModelFacts,
    pub(super) model: Model,
    pub(super) graph: Graph,
    pub(super) explanation: Explanation,
    /// Labels and songs of all parts, without samples.
    pub(super) labels: BTreeMap<PartName, Part>,
    /// Probabilities of all parts, `[n, classes]`.
    pub(super) probabilities: BTreeMap<PartName, Vec<f32>>,
    /// What tells it from other runs of its model: `seed 43`.
    apart: Option<String>,
}

/// Names the command that trains with the settings of a fold's run, but on all data.
fn on_all_data(config: &Config) -> Result<String> {
    let recipe = Recipe::of(&Model::open(&config.model)?)?;
    let whole = Config { fold: None, ..config.clone() };
    let usual = Settings::default().resolve(recipe)?;
    let flags = whole.flags_beside(&usual);
    Ok(format!("; train a run on all data with\n  genre-gpu train{flags}"))
}

impl RunRecord {
    pub(super) fn read(path: &Path) -> Result<Self> {
        let folder = RunFolder::open(path)?;
        let config = Config::read(&folder.config())?;
        folder.check_finished()?;
        if let Some(fold) = &config.fold {
            let problem = format!(
                "a report is of a run on all data, and this one holds out fold {fold}; what the folds tell is in \
                 compare.txt beside their runs{}",
                // Where the model's file is missing no command is shown.
                on_all_data(&config).unwrap_or_default()
            );
            return Err(Error::Run { path: path.into(), problem });
        }
        folder.check_resumable()?;
        let (saved, graph) = folder.read_model()?;
        let SavedModel { facts, .. } = saved;
        let model = Model::parse(&facts.name, &facts.model)?;
        let history = Checkpoint::read(&folder.checkpoint())?.position.history;
        if ending(&config, &history).is_none() {
            let problem = format!(
                "expected the history of {} epochs, found {}: the run is not finished; go on with \
                 genre-gpu train --resume {}",
                config.epochs,
                history.len(),
                path.display()
            );
            return Err(Error::Run { path: path.into(), problem });
        }
        let mut metrics = folder.read_metrics()?;
        let fail = |problem: String| Error::Run { path: folder.metrics(), problem };
        let n = facts.classes.len();
        let square = |rows: &Vec<Vec<u64>>| rows.len() == n && rows.iter().all(|r| r.len() == n);
        for name in PartName::ALL {
            let part = metrics.parts.get(name.as_str());
            let part =
                part.ok_or_else(|| fail(format!("expected figures of {name}, found none")))?;
            if !square(&part.confusion) || part.song_confusion.as_ref().is_some_and(|m| !square(m))
            {
                return Err(fail(format!("expected matrices of {n} classes for {name}")));
            }
        }
        let explanation = explanation(&folder, &facts)?;
        let (mut labels, mut probabilities) = (BTreeMap::new(), BTreeMap::new());
        for part in PartName::ALL {
            let Predictions { labels: y, songs: song, probabilities: rows } =
                folder.read_predictions(part, &facts.classes)?;
            // Absent in runs of older versions.
            if let Some(of_part) = metrics.parts.get_mut(part.as_str()) {
                of_part.scores = Some(PartScores::new(&y, &rows, n)?);
                let votes = song.as_ref().map(|song| all_song_votes(song, &y, &rows, n));
                let (votes, found) = (votes.transpose()?, facts.temperatures);
                let calibrated = found.map(|t| t.calibrated(&y, &rows, n, votes.as_deref()));
                of_part.calibrated = calibrated.transpose()?;
            }
            labels.insert(part, Part { x: Vec::new(), y, song });
            probabilities.insert(part, rows);
        }
        Ok(Self {
            folder,
            config,
            metrics,
            history,
            facts,
            model,
            graph,
            explanation,
            labels,
            probabilities,
            apart: None,
        })
    }

    /// Figures of a part; [`RunRecord::read`] made sure that they are there.
    pub(super) fn part(&self, name: PartName) -> &PartMetrics {
        &self.metrics.parts[name.as_str()]
    }

    /// What the report calls its model: built-in ones by their letters, `P1`.
    pub(super) fn heading(&self) -> String {
        match &self.apart {
            Some(apart) => format!("{} ({apart})", self.name()),
            None => self.name(),
        }
    }

    fn name(&self) -> String {
        let name = &self.metrics.model;
        if self.is_built_in() { name.to_uppercase() } else { name.clone() }
    }

    /// A model that is not built in is a file.
    pub(super) fn is_built_in(&self) -> bool {
        self.metrics.model == self.config.model
    }

    /// The same for files: `p1`, `p1-seed-43`.
    pub(super) fn file_name(&self) -> String {
        let words = [Some(&self.metrics.model), self.apart.as_ref()];
        let words: Vec<&str> = words.into_iter().flatten().map(String::as_str).collect();
        let plain = |c: char| if c.is_alphanumeric() || "_.".contains(c) { c } else { '-' };
        let name: String = words.join("-").chars().map(plain).collect();
        let name = name.trim_matches(['-', '.']);
        if name.is_empty() { "run".to_owned() } else { name.to_owned() }
    }

    /// The command line that names this run's folder.
    pub(super) fn path(&self) -> String {
        self.folder.path().display().to_string()
    }
}

/// Gives runs of one model names of their own.
pub(super) fn tell_apart(runs: &mut [RunRecord]) {
    let known: Vec<(String, u32, String)> =
        runs.iter().map(|run| (run.name(), run.config.seed, run.path())).collect();
    for (run, apart) in runs.iter_mut().zip(apart(&known)) {
        run.apart = apart;
    }
}

/// What tells runs of the same name apart, of (name, seed, folder): their seeds, else their
/// folders, else their numbers.
fn apart(runs: &[(String, u32, String)]) -> Vec<Option<String>> {
    let of = |(i, (name, seed, path)): (usize, &(String, u32, String))| {
        let same: Vec<_> = runs.iter().filter(|run| run.0 == *name).collect();
        if same.len() == 1 {
            return None;
        }
        let seeds: BTreeSet<u32> = same.iter().map(|run| run.1).collect();
        let paths: BTreeSet<&str> = same.iter().map(|run| run.2.as_str()).collect();
        Some(match same.len() {
            n if n == seeds.len() => format!("seed {seed}"),
            n if n == paths.len() => path.clone(),
            _ => format!("run {}", i + 1),
        })
    };
    runs.iter().enumerate().map(of).collect()
}

fn explanation(run: &RunFolder, facts: &ModelFacts) -> Result<Explanation> {
    let folder = ExplainFolder::of(run);
    let found = folder.read(run)?;
    let fail = |problem: String| {
        let again = format!("{problem}; run genre-gpu explain {}", run.path().display());
        Error::Run { path: folder.json(), problem: again }
    };
    check(&found, facts).map_err(fail)?;
    Ok(found)
}

/// Number of cells, where it fits a word.
fn cells([rows, columns]: [usize; 2]) -> Option<usize> {
    rows.checked_mul(columns)
}

/// What the page relies on.
fn check(found: &Explanation, facts: &ModelFacts) -> Result<(), String> {
    let [h, w, _] = facts.sample_shape;
    if found.classes != facts.classes || found.sample_shape != [h, w] {
        return Err(format!(
            "expected classes {:?} and samples of {:?}, found {:?} and {:?}",
            facts.classes,
            [h, w],
            found.classes,
            found.sample_shape
        ));
    }
    let n = facts.classes.len();
    let label = |label: u32| (label as usize) < n;
    for part in &found.parts {
        let wrong = part.classes.iter().flat_map(|class| &class.wrong);
        if part.classes.len() != n || !wrong.map(|w| w.predicted).all(label) {
            return Err(format!("part {}: expected {n} classes", part.part));
        }
    }
    for texture in &found.textures {
        // None of a class without samples.
        let bands = texture.bands.len();
        if !label(texture.label) || (bands != h && bands != 0) {
            return Err(format!("textures: expected {h} bands of each of {n} classes"));
        }
    }
    for mean in &found.means {
        let place = format!("mean map of {} at {}", mean.label, mean.layer);
        if !label(mean.label) || !confused(mean).all(label) {
            return Err(format!("{place}: expected {n} classes"));
        }
        if let Some(share) = shares(mean).find(|share| !fits(share, [h, w])) {
            return Err(format!(
                "{place}, zone {:?}: expected a span within {h} bands and {w} frames, found {:?}",
                share.zone, share.span
            ));
        }
    }
    for shown in &found.shown {
        let place = format!("{} sample {}", shown.part, shown.index);
        let labels = [shown.truth, shown.predicted, shown.target];
        if !labels.into_iter().all(label) || shown.probabilities.len() != n {
            return Err(format!("{place}: expected {n} classes"));
        }
        if shown.picture.values().is_none_or(|values| values.len() != h * w) {
            return Err(format!("{place}: expected a spectrogram of {h} x {w}"));
        }
        if shown.maps.len() != found.layers.len() {
            return Err(format!("{place}: expected a map of each layer"));
        }
        for (layer, map) in found.layers.iter().zip(&shown.maps) {
            let [h, w, _] = layer.shape;
            let count =
                cells([h, w]).ok_or_else(|| format!("layer {}: {h} x {w} cells", layer.name))?;
            let places = cells([layer.place.bands.count, layer.place.frames.count]);
            let len = |map: &SignedMap| map.values().map(|values| values.len());
            let sizes = [places, len(&map.grad_cam), len(&map.hires_cam)];
            if sizes.iter().any(|size| *size != Some(count)) {
                return Err(format!("{place}, layer {}: expected {count} cells", layer.name));
            }
        }
    }
    Ok(())
}

/// The labels that a mean map's samples were predicted as.
fn confused(mean: &MeanMap) -> impl Iterator<Item = u32> {
    let both = [&mean.maps.grad_cam, &mean.maps.hires_cam];
    both.into_iter().flat_map(|maps| &maps.confused).map(|confused| confused.predicted)
}

fn shares(mean: &MeanMap) -> impl Iterator<Item = &HeatShare> {
    let both = [&mean.maps.grad_cam, &mean.maps.hires_cam];
    both.into_iter().flat_map(|maps| [&maps.right, &maps.wrong]).flat_map(|of| &of.heat)
}

/// Whether a zone's span lies inside a sample.
fn fits(share: &HeatShare, [h, w]: [usize; 2]) -> bool {
    let all = match share.zone {
        Zone::Quarter(_) | Zone::LowestBands | Zone::HighestBands => h,
        Zone::FirstFrames | Zone::LastFrames => w,
        Zone::QuietCells => return share.span.is_none(),
    };
    share.span.is_some_and(|(first, end)| first < end && end <= all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_that_do_not_fit_a_word_are_refused() {
        assert_eq!(cells([3, 5]), Some(15));
        assert_eq!(cells([usize::MAX, 2]), None);
        assert_eq!(cells([0, usize::MAX]), Some(0));
    }

    #[test]
    fn runs_of_one_model_are_told_apart() {
        let told = |runs: &[(&str, u32, &str)]| -> Vec<String> {
            let runs: Vec<_> = runs.iter().map(|r| (r.0.to_owned(), r.1, r.2.to_owned())).collect();
            apart(&runs).into_iter().map(Option::unwrap_or_default).collect()
        };
        assert_eq!(told(&[("P1", 42, "a"), ("P2", 42, "b")]), ["", ""]);
        assert_eq!(
            told(&[("P1", 42, "a"), ("P2", 42, "b"), ("P1", 43, "c")]),
            ["seed 42", "", "seed 43"]
        );
        assert_eq!(told(&[("P1", 42, "a"), ("P1", 42, "b")]), ["a", "b"]);
        assert_eq!(told(&[("P1", 42, "a"), ("P1", 42, "a")]), ["run 1", "run 2"]);
    }
}
