//! Question 1: the number of parameters, what it lets expect, and what then happened.

use std::cmp::Ordering;

use askama::Template;

use super::curves::late_means;
use super::filters;
use crate::graph::{Graph, Op, Parameter};
use crate::models::Augment;
use crate::models::summary::heaviest;
use crate::text::thousands;
use crate::train::history::{Epoch, Turn, best_epoch, turn};
use crate::train::rates::epoch_rate;
use crate::train::settings::Config;

/// From so many parameters per training segment on, a network has enough to memorise its training set.
const MANY: f64 = 10.0;

/// Below so few, it cannot.
const FEW: f64 = 1.0;

/// How much overfitting is expected, or has happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Overfitting {
    Little,
    Moderate,
    Strong,
}

/// What is known before training.
#[derive(Debug, Template)]
#[template(path = "answers/expectation.txt", escape = "none")]
pub(super) struct Expectation {
    model: String,
    parameters: usize,
    samples: usize,
    per_sample: f64,
    songs: Option<usize>,
    /// Parameters per song.
    per_song: f64,
    segments_per_song: f64,
    heaviest: Option<Heaviest>,
    /// Parameters of convolutions.
    shared: usize,
    /// Values of a sample, and what the first dense layer reads; none where nothing pools.
    pooled: Option<(usize, usize)>,
    /// The largest penalty and its layer.
    l2: Option<(f32, String)>,
    batch_norm: bool,
    dropout: Option<f32>,
    augmentation: Vec<&'static str>,
    epochs: usize,
    steps: usize,
    learning_rate: f32,
    momentum: f32,
    /// As people write it.
    optimizer: String,
    weight_decay: f64,
    decays: bool,
    pub(super) expected: Overfitting,
}

/// The layer with most parameters.
#[derive(Debug)]
struct Heaviest {
    name: String,
    share: f64,
    is_dense: bool,
    /// Whether it reads a flattened map of bands and frames: a weight for every place.
    reads_places: bool,
}

impl Expectation {
    /// `samples` and `songs` are those of the training set, `history` the epochs that were trained.
    pub(super) fn new(
        model: &str,
        graph: &Graph,
        (config, history): (&Config, &[Epoch]),
        samples: usize,
        songs: Option<usize>,
    ) -> Self {
        let parameters = graph.trainable_count();
        let per_sample = parameters as f64 / samples.max(1) as f64;
        let songs = songs.filter(|songs| *songs > 0);
        let count = |wanted: fn(&Op) -> bool| -> usize {
            let own = graph.ids().filter(|id| wanted(&graph.node(*id).op));
            own.flat_map(|id| graph.parameters_of(id)).map(Parameter::len).sum()
        };
        let ops = || graph.nodes().iter().map(|node| node.op);
        let dropout = ops().find_map(|op| match op {
            Op::Dropout { rate } => Some(rate),
            _ => None,
        });
        let pools = ops().any(|op| {
            matches!(op, Op::MaxPool2d { .. } | Op::AvgPool2d { .. } | Op::StdPool2d { .. })
        });
        let dense = graph.ids().find(|id| matches!(graph.node(*id).op, Op::Dense { .. }));
        let reads = |id| graph.node(id).inputs.first().map(|input| graph.node(*input).shape.len());
        let input = graph.node(graph.input()).shape.len();
        let augmentation = augmentation(&config.augment);
        let restrained = dropout.is_some() || !augmentation.is_empty();
        Self {
            model: model.into(),
            parameters,
            samples,
            per_sample,
            songs,
            per_song: parameters as f64 / songs.unwrap_or(1) as f64,
            segments_per_song: samples as f64 / songs.unwrap_or(1) as f64,
            heaviest: heaviest(graph).map(|(name, own)| Heaviest {
                name: name.into(),
                share: own as f64 / parameters as f64,
                is_dense: graph
                    .find(name)
                    .is_some_and(|id| matches!(graph.node(id).op, Op::Dense { .. })),
                reads_places: graph.find(name).is_some_and(|id| behind_flatten(graph, id)),
            }),
            shared: count(|op| matches!(op, Op::Conv2d { .. } | Op::DepthwiseConv2d { .. })),
            pooled: dense.filter(|_| pools).and_then(reads).map(|features| (input, features)),
            l2: (graph.parameters().iter().filter(|p| p.l2 > 0.0))
                .max_by(|a, b| a.l2.total_cmp(&b.l2))
                .map(|p| (p.l2, graph.node(p.node).name.clone())),
            batch_norm: ops().any(|op| matches!(op, Op::BatchNorm { .. })),
            dropout,
            augmentation,
            epochs: history.len(),
            steps: samples.div_ceil(config.batch_size.max(1)) * history.len(),
            learning_rate: config.learning_rate,
            momentum: config.momentum,
            optimizer: config.optimizer.to_string(),
            weight_decay: config.weight_decay.unwrap_or(0.0),
            decays: history
                .len()
                .checked_sub(1)
                .is_some_and(|last| epoch_rate(config, history, last) < config.learning_rate),
            expected: expected(per_sample, restrained),
        }
    }
}

impl Expectation {
    /// Whether something acts in training alone, so that training metrics are lower.
    pub(super) fn acts_in_training(&self) -> bool {
        self.dropout.is_some() || !self.augmentation.is_empty()
    }

    /// What limits overfitting, in a few words each.
    fn limits(&self) -> Vec<String> {
        let mut all = Vec::new();
        all.extend((self.shared > 0).then(|| "shared kernels".to_owned()));
        all.extend(self.pooled.map(|_| "pooling".to_owned()));
        all.extend(self.l2.as_ref().map(|_| "the L2 penalty".to_owned()));
        all.extend((self.weight_decay > 0.0).then(|| "weight decay".to_owned()));
        all.push(format!("only {} {} steps", thousands(self.steps as u64), self.optimizer));
        all
    }
}

/// By parameters per segment, and whether dropout or augmentation restrain the network.
fn expected(per_sample: f64, restrained: bool) -> Overfitting {
    match (per_sample, restrained) {
        (r, false) if r >= MANY => Overfitting::Strong,
        (r, true) if r >= MANY => Overfitting::Moderate,
        (r, false) if r >= FEW => Overfitting::Moderate,
        _ => Overfitting::Little,
    }
}

/// Whether a dense layer reads a flattened map, views and dropout between them aside.
fn behind_flatten(graph: &Graph, id: crate::graph::NodeId) -> bool {
    let Some(input) = graph.node(id).inputs.first() else { return false };
    match graph.node(*input).op {
        Op::Flatten => {
            let [h, w, _] = graph
                .node(*input)
                .inputs
                .first()
                .map_or([1; 3], |map| graph.node(*map).shape.as_map());
            h.min(w) > 1
        }
        Op::Dropout { .. } => behind_flatten(graph, *input),
        _ => false,
    }
}

/// What varies in each epoch.
pub(in crate::report) fn augmentation(augment: &Augment) -> Vec<&'static str> {
    let all = [
        ("masked bands", augment.bands > 0.0),
        ("masked frames", augment.frames > 0.0),
        ("shifts in time", augment.roll),
        ("changes of level", augment.gain > 0.0),
    ];
    all.into_iter().filter(|(_, is_used)| *is_used).map(|(name, _)| name).collect()
}

/// A smaller gap than this is not called overfitting.
const GAP_SEEN: f64 = 0.03;

/// From here on it is moderate.
const GAP_MODERATE: f64 = 0.08;

/// From here on it is large.
pub(super) const GAP_LARGE: f64 = 0.15;

/// Training below this accuracy with no gap is underfitting.
const LEARNED: f64 = 0.75;

/// What happened.
#[derive(Debug, Template)]
#[template(path = "answers/overfitting.txt", escape = "none")]
pub(super) struct Fit {
    model: String,
    /// Accuracies of the final weights.
    train: f64,
    val: f64,
    test: f64,
    /// Training minus validation and test.
    over_val: f64,
    over_test: f64,
    /// The larger of the two gaps; none below what can be seen.
    seen: Option<Gap>,
    /// What can be seen.
    least: f64,
    underfits: bool,
    /// Against what was expected.
    against_expected: Ordering,
    turn: Turn,
    lowest: f64,
    best: usize,
    epochs: usize,
    /// Validation loss of the last epoch, and its means over the last epochs and those before.
    last: f64,
    late: Option<[f64; 2]>,
    has_penalty: bool,
    /// What holds overfitting back, where much was expected.
    limits: Vec<String>,
}

/// How large a gap is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gap {
    Small,
    Moderate,
    Large,
}

impl Fit {
    /// `accuracies` are those of training, validation and test under the final weights.
    pub(super) fn new(
        before: &Expectation,
        history: &[Epoch],
        [train, val, test]: [f64; 3],
    ) -> Self {
        let (over_val, over_test) = (train - val, train - test);
        let gap = over_val.max(over_test);
        let seen = match gap {
            gap if gap >= GAP_LARGE => Some(Gap::Large),
            gap if gap >= GAP_MODERATE => Some(Gap::Moderate),
            gap if gap >= GAP_SEEN => Some(Gap::Small),
            _ => None,
        };
        let happened = match seen {
            Some(Gap::Large) => Overfitting::Strong,
            Some(Gap::Moderate) => Overfitting::Moderate,
            Some(Gap::Small) | None => Overfitting::Little,
        };
        let against_expected = happened.cmp(&before.expected);
        let best = best_epoch(history).unwrap_or(0);
        Self {
            model: before.model.clone(),
            train,
            val,
            test,
            over_val,
            over_test,
            seen,
            least: GAP_SEEN,
            underfits: seen.is_none() && train < LEARNED,
            against_expected,
            turn: turn(history),
            lowest: history.get(best).map_or(f64::NAN, |epoch| f64::from(epoch.val_loss)),
            best: best + 1,
            epochs: history.len(),
            last: history.last().map_or(f64::NAN, |epoch| f64::from(epoch.val_loss)),
            late: late_means(history),
            has_penalty: before.l2.is_some(),
            limits: before.limits(),
        }
    }
}

impl Fit {
    /// Whether overfitting is seen, but one step less than the number of parameters let expect.
    fn is_held_back(&self) -> bool {
        self.against_expected == Ordering::Less && self.seen == Some(Gap::Moderate)
    }

    /// Whether the lowest validation loss came before the last two epochs.
    fn is_early(&self) -> bool {
        self.best + 1 < self.epochs
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::Model;
    use crate::train::history::of_losses as history;
    use crate::train::settings::{Recipe, Settings};

    /// Of a model, on inputs of this shape, with its own recipe.
    fn before(
        model: &Model,
        shape: [usize; 3],
        samples: usize,
        songs: Option<usize>,
    ) -> Expectation {
        let config = Settings::default().resolve(Recipe::of(model).unwrap()).unwrap();
        let graph = model.graph(shape, 4).unwrap();
        let history = history(&vec![(1.0, 1.0); config.epochs]);
        Expectation::new("M", &graph, (&config, &history), samples, songs)
    }

    fn built_in(name: &str) -> Expectation {
        before(&Model::open(name).unwrap(), [80, 80, 1], 3360, Some(224))
    }

    /// One dense layer.
    fn small(dropout: &str) -> Model {
        let text = format!(
            "[[node]]\nname = \"flat\"\nop = \"flatten\"\n{dropout}[[node]]\nname = \"out\"\nop = \"dense\"\n\
             units = \"classes\"\n[[node]]\nname = \"softmax\"\nop = \"softmax\"\n"
        );
        Model::parse("small", &text).unwrap()
    }

    fn holds(text: &str, parts: &[&str]) {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        for part in parts {
            assert!(text.contains(part), "{part} in {text}");
        }
    }

    #[test]
    fn different_models_are_expected_to_do_different_things() {
        let p1 = built_in("p1");
        assert_eq!(p1.expected, Overfitting::Strong);
        holds(
            &p1.render().unwrap(),
            &[
                "M has 84,382 trainable parameters for 3,360 training segments: 25.1 per segment and \
                 377 for each of the 224 songs",
                "94.9 % of them are in the dense layer “dense”, which has a separate weight for every",
                "we expect clear overfitting",
                "so it has enough parameters to memorise its training set, and neither",
                "the 15 segments of a song are alike",
                "no dropout; no augmentation; 20 passes",
                "1,600 features of 6,400 inputs",
                "an L2 penalty of 0.01 on “dense”",
                "2,100 SGD steps at a learning rate of 0.01.",
            ],
        );
        let p2 = built_in("p2");
        assert_eq!(p2.expected, Overfitting::Little);
        let text = p2.render().unwrap();
        holds(
            &text,
            &[
                "3.1 per segment",
                "we expect little overfitting: 3.1 parameters per segment are few",
                "dropout of 0.3",
                "masked bands, masked frames and changes of level",
                "batch normalisation",
                "which falls during training",
            ],
        );
        assert!(!text.contains("no dropout") && !text.contains("many"), "{text}");
        // 25,604 parameters: 7.6 per segment, neither many nor few.
        let middle = before(&small(""), [80, 80, 1], 3360, None);
        assert_eq!(middle.expected, Overfitting::Moderate);
        let text = middle.render().unwrap();
        holds(&text, &["moderate overfitting: 7.6 parameters per segment are not many"]);
        assert!(!text.contains("songs that") && !text.contains("of a song are alike"), "{text}");
        let dropout = "[[node]]\nname = \"drop\"\nop = \"dropout\"\nrate = 0.5\n";
        let dropped = before(&small(dropout), [80, 80, 1], 1000, None);
        assert_eq!(dropped.expected, Overfitting::Moderate);
        holds(
            &dropped.render().unwrap(),
            &["has enough parameters to memorise its training set, but it sees"],
        );
        let tiny = before(&small(""), [8, 8, 1], 3360, Some(224));
        assert_eq!(tiny.expected, Overfitting::Little);
        holds(&tiny.render().unwrap(), &["fewer parameters than segments, so underfitting"]);
        let all: Vec<String> = [&p1, &p2, &middle, &dropped, &tiny]
            .iter()
            .map(|one| one.render().unwrap().lines().nth(1).unwrap().to_owned())
            .collect();
        for (i, text) in all.iter().enumerate() {
            assert!(!all[..i].contains(text), "{text}");
        }
    }

    #[test]
    fn a_gap_is_called_overfitting_whatever_the_loss_does() {
        let falling: Vec<(f32, f32)> =
            (0..20).map(|i| (2.0 - 0.05 * i as f32, 2.0 - 0.04 * i as f32)).collect();
        let of = |accuracies| {
            Fit::new(&built_in("p1"), &history(&falling), accuracies).render().unwrap()
        };
        let text = of([0.903, 0.766, 0.766]);
        holds(
            &text,
            &[
                "M overfits moderately: training accuracy is 90.3 %",
                "a gap of 13.7 percentage points to validation and 13.7 to test",
                "This is less than the capacity allows: shared kernels, pooling, the L2 penalty and \
                 only 2,100 SGD steps limit it.",
                "lowest in epoch 20 of 20",
                "does not rise yet",
                "Losses include the L2 penalty.",
            ],
        );
        holds(
            &of([0.95, 0.95, 0.75]),
            &[
                "overfits strongly",
                "This is what we expected.",
                "0.0 percentage points to validation and 20.0",
            ],
        );
        holds(&of([0.9, 0.86, 0.88]), &["overfits slightly", "less than we expected"]);
        let text = of([0.9, 0.89, 0.91]);
        holds(
            &text,
            &[
                "M hardly overfits",
                "less than we expected: what limits",
                "test accuracy 91.0 %; both gaps are below 3.0 percentage points.",
            ],
        );
        assert!(!text.contains("gap of") && !text.contains("noise of"), "{text}");
        let text = of([0.4, 0.41, 0.39]);
        holds(&text, &["M underfits: training accuracy is only 40.0 %", "are below 3.0"]);
        assert!(!text.contains("noise explains"), "{text}");
        let text =
            Fit::new(&built_in("p2"), &history(&falling), [0.95, 0.8, 0.8]).render().unwrap();
        holds(&text, &["This is more than we expected"]);
        assert!(!text.contains("penalty"), "{text}");
    }

    #[test]
    fn a_turn_needs_a_rise_above_the_noise_while_training_loss_falls() {
        let val = [1.9, 1.7, 1.5, 1.6, 1.7, 1.8, 1.9, 2.0];
        let rows: Vec<_> = (0..8).map(|i| (2.0 - 0.2 * i as f32, val[i])).collect();
        let text = Fit::new(&built_in("p1"), &history(&rows), [0.9, 0.7, 0.7]).render().unwrap();
        holds(
            &text,
            &[
                "lowest in epoch 3 of 8 (1.500) and then rises to a mean of 1.800",
                "0.100",
                "early stopping is the remedy.",
            ],
        );
        assert_eq!(turn(&history(&[(2.0, 1.9), (1.0, 1.5)])), Turn::TooLate);
        assert_eq!(
            turn(&history(&[(2.0, 1.9), (1.0, 1.5), (0.5, 1.8)])),
            Turn::TooLate,
            "too late to tell"
        );
        let jumps = [1.9, 1.5, 1.8, 1.55, 1.8, 1.6, 1.75, 1.55];
        let rows: Vec<_> = (0..8).map(|i| (2.0 - 0.2 * i as f32, jumps[i])).collect();
        assert!(matches!(turn(&history(&rows)), Turn::Flat { .. }));
        assert_eq!(turn(&history(&[(2.0, 1.9)])), Turn::Unknown);
        assert_eq!(turn(&[]), Turn::Unknown);
        let text =
            Fit::new(&built_in("p1"), &history(&[(2.0, 1.9)]), [0.3, 0.3, 0.3]).render().unwrap();
        holds(&text, &["One epoch shows no course"]);
    }

    #[test]
    fn one_higher_epoch_at_the_end_is_no_turn_but_is_told() {
        let text = |rows: &[(f32, f32)]| {
            Fit::new(&built_in("p1"), &history(rows), [0.9, 0.8, 0.8]).render().unwrap()
        };
        let mut rows: Vec<(f32, f32)> =
            (0..12).map(|i| (2.0 - 0.05 * i as f32, 2.0 - 0.1 * i as f32)).collect();
        rows[11].1 = 1.2;
        let got = text(&rows);
        holds(
            &got,
            &[
                "lowest in epoch 11 of 12 (1.000) and 1.200 in the last; its mean over the last five \
               epochs is 1.160, below the 1.600 of the five before, so no lasting rise is seen.",
            ],
        );
        assert!(!got.contains("does not rise"), "{got}");
        holds(&text(&rows[6..]), &["in the last, which is too little to tell a rise."]);
        rows[11].1 = 0.9;
        holds(&text(&rows), &["lowest in epoch 12 of 12 (0.900), so it does not rise yet"]);
    }
}
