//! What the report says to each question: rules over a run's numbers, and templates that state them.

mod accuracy;
mod comparison;
mod confusion;
mod curves;
mod filters;
mod findings;
mod genres;
mod grad_cam;
mod maps;
mod parameters;
mod rationale;
mod zones;

pub(super) use parameters::augmentation;

use std::collections::BTreeSet;
use std::path::Path;

use askama::DynTemplate;

use super::record::RunRecord;
use super::versus::Versus;
use crate::data::PartName;
use crate::error::{Error, Result};
use crate::explain::{Explanation, MeanMap, Unit, unit};
use accuracy::TestAccuracy;
use comparison::Comparison;
use confusion::{Confusions, MatrixFacts};
use curves::CurvesShow;
use findings::{Heat, Units};
use genres::{Errors, Genres};
use grad_cam::{Checked, GradCam};
use maps::MapsShow;
use parameters::{Expectation, Fit};
use rationale::Rationale;

/// What the report says to one question.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Answer {
    /// Sentences or short paragraphs, in order.
    pub(super) answer: Vec<String>,
    /// What limits them; may be empty.
    pub(super) caveats: Vec<String>,
}

/// The answers to all questions about one run.
#[derive(Debug, Clone, Default)]
pub(super) struct Answers {
    /// Question 1: parameters, and whether overfitting is expected before training.
    pub(super) expectation: Answer,
    /// Question 1: what then happened.
    pub(super) overfitting: Answer,
    /// Question 2: what the curves show.
    pub(super) curves: Answer,
    /// Question 3.
    pub(super) test_accuracy: Answer,
    /// Question 4.
    pub(super) confusion: Answer,
    /// Question 5: what differs among the classes' spectrograms.
    pub(super) genres: Answer,
    /// Question 5: where the maps lie, and why predictions are wrong.
    pub(super) maps: Answer,
    /// Question 6: how far Grad-CAM applies. Its evidence is [`Answers::checks`].
    pub(super) grad_cam: Answer,
    /// Question 6: the checks, a table for each layer and method; empty where they were not run.
    pub(super) checks: Vec<CheckTable>,
    /// Why the model is built so.
    pub(super) rationale: Answer,
    /// Against the first run of the report; none for the first run itself.
    pub(super) comparison: Option<Answer>,
}

/// The checks of one kind of map at one layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CheckTable {
    /// The layer's name.
    pub(super) layer: String,
    /// `Grad-CAM` or `HiResCAM`.
    pub(super) method: &'static str,
    /// How many samples of how many songs the checks are measured on.
    pub(super) measured_on: String,
    /// One for each check.
    pub(super) rows: Vec<CheckRow>,
}

/// One check: check | verdict | effect | 95 % interval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CheckRow {
    pub(super) check: String,
    /// `passes`, `fails` or `inconclusive`.
    pub(super) verdict: &'static str,
    pub(super) effect: String,
    pub(super) interval: String,
}

impl Answers {
    /// Of a run; `against` is the first run of the report, where this is another one.
    ///
    /// # Errors
    /// If the numbers of a run do not fit together.
    pub(super) fn new(run: &RunRecord, against: Option<(&RunRecord, &Versus)>) -> Result<Self> {
        let found = &run.explanation;
        let name = run.heading();
        let [train, val, test] = PartName::ALL.map(|part| run.part(part));
        let write = |template: &dyn DynTemplate| render(template, run.folder.path());

        let songs = train.songs.map(|songs| songs as usize);
        let samples = train.samples as usize;
        let before =
            Expectation::new(&name, &run.graph, (&run.config, &run.history), samples, songs);
        let fit = Fit::new(&before, &run.history, [train, val, test].map(|part| part.accuracy));
        let confusions = Confusions::new(
            &train.confusion,
            &test.confusion,
            &run.facts.classes,
            train.songs.zip(test.songs).map(|(a, b)| [a as usize, b as usize]),
        );
        let unit = unit(found);
        let training = MatrixFacts::new("training", &train.confusion, &run.facts.classes).attractor;
        let training = training.as_ref().map(|found| &found.class[..]);
        let errors = [
            Errors { part: "training", attractor: training, confusion: &train.confusion },
            Errors {
                part: "test",
                attractor: confusions.test_attractor(),
                confusion: &test.confusion,
            },
        ];
        let genres = Genres::new(&found.textures, &run.facts.classes, &found.axes, unit, &errors);
        let comparison = match against {
            Some((first, versus)) => Some(compared(first, run, versus, &write)?),
            None => None,
        };
        let part = found.parts.first().map_or("", |part| part.part.word());
        Ok(Self {
            expectation: write(&before)?,
            overfitting: write(&fit)?,
            curves: write(&CurvesShow::new(
                &run.history,
                before.acts_in_training(),
                train.accuracy,
                run.config.seed,
            ))?,
            test_accuracy: write(&TestAccuracy::new(
                &name,
                test,
                val,
                run.facts.temperatures.as_ref(),
            ))?,
            confusion: write(&confusions)?,
            genres: write(&genres)?,
            maps: match maps(run, unit) {
                Some(maps) => write(&maps)?,
                None => Answer::default(),
            },
            grad_cam: match found.layers.split_first() {
                Some((layer, others)) => {
                    let checked = found.trust.first().map(Checked::of);
                    let (shape, axes) = (found.sample_shape, &found.axes);
                    write(&GradCam::new(&run.graph, layer, others, shape, axes, checked))?
                }
                None => Answer::default(),
            },
            checks: grad_cam::tables(&found.trust, part),
            rationale: write(&Rationale::new(
                &run.model.rationale,
                &run.graph,
                &found.axes,
                &run.metrics.data,
            ))?,
            comparison,
        })
    }
}

/// Over the first layer that is explained.
fn maps(run: &RunRecord, unit: Unit) -> Option<MapsShow> {
    let found: &Explanation = &run.explanation;
    let (layer, part) = (found.layers.first()?, found.parts.first()?);
    let means: Vec<&MeanMap> = found.means.iter().filter(|mean| mean.layer == layer.name).collect();
    let (labels, probabilities) = (run.labels.get(&part.part)?, run.probabilities.get(&part.part)?);
    let songs = labels.song.as_deref();
    let heat = Heat {
        means: &means,
        names: &found.classes,
        textures: &found.textures,
        units: &Units::of(&part.classes, songs),
        occlusion: &found.occlusion,
        axes: &found.axes,
        shape: found.sample_shape,
    };
    let mut findings = heat.findings();
    findings.extend(findings::of_errors(&labels.y, songs, probabilities, found.classes.len()));
    let both = means.iter().flat_map(|mean| [&mean.maps.grad_cam.right, &mean.maps.grad_cam.wrong]);
    let (empty, all) =
        both.fold((0, 0), |(empty, all), mean| (empty + mean.empty, all + mean.empty + mean.n));
    let frames = &layer.place.frames;
    let covered = (frames.first + frames.size * frames.count as f64) as usize;
    Some(MapsShow {
        part: part.part.word(),
        layer: layer.name.clone(),
        pads: grad_cam::pads(&run.graph),
        unit,
        errors: part.classes.iter().map(|class| class.wrong.len()).sum(),
        songs: songs.is_some_and(|songs| songs.iter().collect::<BTreeSet<_>>().len() < songs.len()),
        lit: maps::lit(&heat),
        findings,
        one_song: maps::one_song(&part.classes, |i| songs.and_then(|songs| songs.get(i).copied())),
        empty,
        all,
        emptiest: maps::emptiest(&means, &found.classes),
        uncovered: found.sample_shape[1].saturating_sub(covered),
    })
}

/// `run` against the first.
fn compared(
    first: &RunRecord,
    run: &RunRecord,
    versus: &Versus,
    write: &dyn Fn(&dyn DynTemplate) -> Result<Answer>,
) -> Result<Answer> {
    let (report, at) = match versus {
        Versus::Same { report, at } => (report, *at),
        Versus::Unlike(why) => {
            return Ok(Answer { answer: vec![why.clone()], caveats: Vec::new() });
        }
    };
    let runs = [run, first];
    let names = runs.map(RunRecord::heading);
    let parameters = runs.map(|run| run.metrics.parameters);
    let seeds = (run.config.seed, first.config.seed);
    let names = [&names[0][..], &names[1][..]];
    let classes = run.facts.classes.len();
    let predicted = runs.map(|run| {
        let probabilities = run.probabilities.get(&PartName::Test)?;
        Some(probabilities.chunks(classes.max(1)).map(most_likely).collect::<Vec<_>>())
    });
    let same = predicted[0].is_some() && predicted[0] == predicted[1];
    match Comparison::new((report, at), names, parameters, seeds, same) {
        Some(comparison) => write(&comparison),
        None => Ok(Answer::default()),
    }
}

/// The class with the largest probability, the first of equals.
fn most_likely(row: &[f32]) -> usize {
    (0..row.len()).reduce(|a, b| if row[b] > row[a] { b } else { a }).unwrap_or(0)
}

/// Renders a template: a line is a sentence or a paragraph, and what follows a line `---` limits it.
fn render(template: &dyn DynTemplate, run: &Path) -> Result<Answer> {
    let text = template.dyn_render().map_err(|e| Error::Run {
        path: run.into(),
        problem: format!("its answers cannot be written: {e}"),
    })?;
    let lines = |text: &str| -> Vec<String> {
        let words = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
        words.filter(|line| !line.is_empty()).collect()
    };
    let (answer, caveats) = text.split_once("\n---").unwrap_or((&text, ""));
    Ok(Answer { answer: lines(answer), caveats: lines(caveats) })
}
