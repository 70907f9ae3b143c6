//! The demo songs on which a model is trained in the page, and the runs that are made of them.

use serde::Serialize;

use super::models::GraphText;
use super::store::{ByKind, Floats, Store};
use crate::audio::FrontEnd;
use crate::backend::{Loss, Rule};
use crate::data::{Scale, ScaleKind};
use crate::demo::{DEFAULT_SEED, DemoPart, Genre, Recipe, SOURCE, make};
use crate::error::{Error, Result};
use crate::gpu::{KernelVariant, Recording, Tiles};
use crate::graph::Graph;
use crate::models::{Model, Schedule};
use crate::plan::Plan;
use crate::progress::Progress;
use crate::random::keras::Shuffle;
use crate::train::settings::{self, Settings};
use crate::train::{ModelFacts, initial_parameters};

/// Songs of each genre: 420 spectrograms to train on and 180 to test with. None chooses anything, so none
/// validates.
const RECIPE: Recipe = Recipe { seed: DEFAULT_SEED, train_songs: 7, val_songs: 0, test_songs: 3 };
/// The seed of weights and order.
const SEED: u32 = 42;
/// The models that can be trained.
const MODELS: [&str; 2] = ["p1", "p2"];
/// Epochs for which the page has orders of samples.
const MOST_EPOCHS: usize = 40;
/// The lowest value of the spectrograms, in dB.
const LOWEST_DB: f32 = -80.0;
/// Values are multiples of it: what music changes is far larger, and the page is smaller by a quarter.
const STEP_DB: f32 = 0.5;

/// `Training` of `web/types.d.ts`.
#[derive(Serialize)]
pub(super) struct TrainingText {
    source: &'static str,
    classes: Vec<String>,
    shape: [usize; 3],
    /// Training samples come first.
    train: usize,
    test: usize,
    labels: Vec<u32>,
    lowest_db: f32,
    step_db: f32,
    most_epochs: usize,
    seed: u32,
    models: Vec<TrainedText>,
}

#[derive(Serialize)]
struct TrainedText {
    facts: ModelFacts,
    graph: GraphText,
    recordings: ByKind,
    /// Initial ones.
    weights: Floats,
    epochs: usize,
    learning_rate: f32,
    schedule: String,
    momentum: f32,
    nesterov: bool,
    /// What of the recipe the page leaves out.
    left_out: Option<String>,
}

/// What of it is large.
pub(super) struct Large {
    /// `[samples, bands, frames]`, steps above the lowest value, each less that of the frame before.
    pub(super) spectrograms: Vec<u8>,
    /// `[epochs, training samples]` in little endian.
    pub(super) orders: Vec<u8>,
}

/// Makes the songs, and a recording of each model that trains on them.
///
/// # Errors
/// If a model cannot be planned.
pub(super) fn training(
    store: &mut Store,
    progress: &dyn Progress,
) -> Result<(TrainingText, Large)> {
    let front_end = FrontEnd::bristol_80();
    let [train, _, test] = make(&RECIPE, &front_end, progress)?;
    let steps = |part: &DemoPart| -> Vec<u8> { part.x.iter().map(|db| step(*db)).collect() };
    let train_steps = steps(&train);
    let x: Vec<f32> = train_steps.iter().map(|q| LOWEST_DB + STEP_DB * f32::from(*q)).collect();
    let scale = Scale::fit(ScaleKind::Standard, &x)?;
    let (n, shape) = (train.y.len(), [front_end.n_mels, front_end.frames, 1]);
    let samples = n + test.y.len();
    let classes: Vec<String> = Genre::ALL.map(|genre| genre.as_str().to_owned()).into();
    let facts = ModelFacts {
        version: env!("CARGO_PKG_VERSION").into(),
        name: String::new(),
        model: String::new(),
        sample_shape: shape,
        classes: classes.clone(),
        scale,
        front_end: Some(front_end.clone()),
        cutting: None,
        spectra: None,
        typical: None,
        temperatures: None,
        seed: SEED,
        epochs: 0,
        data_source: format!("{SOURCE}, in the browser"),
        // Of another program, to which the page counts.
        data_hash: String::new(),
    };
    let models = MODELS.map(|name| trained(name, &facts, samples, store));
    let mut spectrograms = train_steps;
    spectrograms.extend(steps(&test));
    for row in spectrograms.chunks_exact_mut(front_end.frames) {
        for i in (1..row.len()).rev() {
            row[i] = row[i].wrapping_sub(row[i - 1]);
        }
    }
    let order = |epoch| Shuffle::default().order(SEED, n, epoch).into_iter();
    let orders = (0..MOST_EPOCHS).flat_map(order).flat_map(|i| (i as u16).to_le_bytes());
    let text = TrainingText {
        source: SOURCE,
        classes,
        shape,
        train: n,
        test: test.y.len(),
        labels: [train.y, test.y].concat(),
        lowest_db: LOWEST_DB,
        step_db: STEP_DB,
        most_epochs: MOST_EPOCHS,
        seed: SEED,
        models: models.into_iter().collect::<Result<_>>()?,
    };
    Ok((text, Large { spectrograms, orders: orders.collect() }))
}

/// The nearest step of a value.
fn step(db: f32) -> u8 {
    // Saturates.
    ((db - LOWEST_DB) / STEP_DB).round() as u8
}

fn trained(
    name: &str,
    facts: &ModelFacts,
    samples: usize,
    store: &mut Store,
) -> Result<TrainedText> {
    let model = Model::open(name)?;
    let settings = Settings { model: Some(name.into()), seed: Some(SEED), ..Settings::default() };
    let config = settings.resolve(settings::Recipe::of(&model)?)?;
    let graph: Graph = model.graph(facts.sample_shape, facts.classes.len())?;
    let weights = initial_parameters(&graph, SEED);
    let text = GraphText::of(&graph);
    let plan = Plan::new(graph, config.batch_size)?.with_loss(&Loss::default())?;
    let optimizer = config.optimizer(config.learning_rate);
    let Rule::Sgd { momentum, nesterov } = optimizer.rule else {
        let problem = "the page trains by gradient descent only".into();
        return Err(Error::Model { model: name.into(), problem });
    };
    let record = |tiles: &Tiles| {
        let kernels = (KernelVariant::default(), tiles);
        Recording::with_optimizer(plan.clone(), samples, kernels, 1, &optimizer)
    };
    let augment = config.augment;
    Ok(TrainedText {
        facts: ModelFacts { name: name.into(), model: model.text.clone(), ..facts.clone() },
        graph: text,
        recordings: store.add_by_kind(&record)?,
        weights: store.floats.add(&weights),
        epochs: config.epochs,
        learning_rate: config.learning_rate,
        schedule: match config.schedule {
            Schedule::Constant => "constant".into(),
            Schedule::Cosine => "cosine".into(),
            other @ (Schedule::Step { .. } | Schedule::Plateau { .. }) => {
                let problem = format!("the page knows no schedule {other}");
                return Err(Error::Model { model: name.into(), problem });
            }
        },
        momentum,
        nesterov,
        left_out: (!augment.is_none()).then(|| format!("augmentation ({augment})")),
    })
}
