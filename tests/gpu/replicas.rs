//! Several runs at once: each replica has the bits of the run alone.

use std::ops::ControlFlow;

use genre_gpu::backend::{
    Augmentation, Backend, Batches, DatasetRef, Evaluation, Loss, Optimizer, Replicas, State,
    StepMetrics,
};
use genre_gpu::error::Error;
use genre_gpu::gpu::Gpu;
use genre_gpu::graph::Graph;
use genre_gpu::models::Model;
use genre_gpu::plan::Plan;
use genre_gpu::random::keras::Shuffle;
use genre_gpu::random::streams::Stream;
use genre_gpu::train::initial_parameters;

use crate::common::gpu::{Variant, open, open_capped};
use crate::common::plan;

const CLASSES: usize = 4;
const BATCH: usize = 6;
/// Not a multiple of the batch.
const TRAIN: usize = 4 * BATCH + 2;
const VAL: usize = 2 * BATCH + 1;
const SEEDS: [u32; 3] = [42, 7, 4_000_000_000];
/// P2 has batch norms, dropout, a concatenation and crops; P1 penalties.
const MODELS: [(&str, [usize; 3]); 3] = [
    ("p1", [17, 27, 1]),
    ("p2-bands", [16, 24, 1]),
    (concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/models/two_branches.toml"), [16, 24, 1]),
];
const SGD: Optimizer = Optimizer::momentum(0.02, 0.9, true);
const ADAMW: Optimizer =
    Optimizer { weight_decay: 0.1, clip_norm: Some(0.5), ..Optimizer::adam(0.002) };
/// Models by their places, with optimisers.
const RUNS: [(usize, Optimizer); 5] =
    [(0, SGD), (1, SGD), (2, SGD), (0, Optimizer::adam(0.002)), (1, ADAMW)];

mod have_the_bits_of_a_run_alone {
    on_each_variant! { super::same_bits }

    /// With the kernels of graphics cards.
    #[test]
    fn narrow() {
        super::same_bits_of(|plan| open_tiled(plan, Variant::Fused, TileSize::Narrow), "narrow");
    }

    use crate::common::gpu::{TileSize, Variant, open_tiled};
}

fn random(shape: [usize; 3], n: usize) -> (Vec<f32>, Vec<u32>) {
    let mut stream = Stream::new(3, "replicas");
    let len: usize = shape.iter().product();
    let x = (0..n * len).map(|_| stream.normal() as f32).collect();
    (x, (0..n).map(|_| stream.below(CLASSES) as u32).collect())
}

/// What a call gives a replica.
struct Call {
    order: Vec<u32>,
    augmentations: Vec<Augmentation>,
    seed: u32,
    first_step: u32,
}

impl Call {
    fn new(shape: [usize; 3], seed: u32, call: usize) -> Self {
        let mut stream = Stream::new(seed.into(), "augmentations");
        let [h, w, _] = shape;
        let mut augmentation = || Augmentation {
            roll: stream.below(w) as u32,
            band: stream.below(h - 2) as u32,
            bands: 2,
            frame: stream.below(w - 2) as u32,
            frames: 2,
            gain: stream.between(0.8, 1.2) as f32,
            fill: 0.5,
        };
        Self {
            order: Shuffle::Keras2.order(seed, TRAIN, call),
            // The second call has none.
            augmentations: (0..if call == 0 { TRAIN } else { 0 }).map(|_| augmentation()).collect(),
            seed,
            first_step: (call * TRAIN.div_ceil(BATCH)) as u32,
        }
    }

    fn batches(&self) -> Batches<'_> {
        let Self { order, augmentations, seed, first_step } = self;
        let (seed, first_step) = (*seed, *first_step);
        Batches { augmentations, seed, first_step, ..Batches::plain(order) }
    }
}

/// Metrics of each call, the state and the evaluation in the end.
type Result = (Vec<Vec<StepMetrics>>, State, Evaluation);

fn start(graph: &Graph, seed: u32) -> State {
    State::new(initial_parameters(graph, seed))
}

fn alone(
    gpu: &mut Gpu,
    graph: &Graph,
    shape: [usize; 3],
    [train, val]: [DatasetRef<'_>; 2],
    (optimizer, seed): (Optimizer, u32),
) -> Result {
    gpu.set_state(&start(graph, seed)).unwrap();
    let steps = (0..2).map(|call| {
        let call = Call::new(shape, seed, call);
        gpu.train(train, &call.batches(), optimizer, &mut |_| ControlFlow::Continue(())).unwrap()
    });
    let steps = steps.collect();
    let mut probabilities = Vec::new();
    let metrics = gpu.evaluate(val, &mut probabilities).unwrap();
    (steps, gpu.state().unwrap(), (metrics, probabilities))
}

fn together(
    gpu: &mut Gpu,
    graph: &Graph,
    shape: [usize; 3],
    [train, val]: [DatasetRef<'_>; 2],
    (optimizer, seeds): (Optimizer, &[(usize, u32)]),
) -> Vec<Result> {
    for (replica, seed) in seeds {
        gpu.set_state_of(*replica, &start(graph, *seed)).unwrap();
    }
    let mut steps = vec![Vec::new(); gpu.replicas()];
    for call in 0..2 {
        let calls: Vec<_> =
            seeds.iter().map(|(replica, seed)| (*replica, Call::new(shape, *seed, call))).collect();
        let batches: Vec<_> =
            calls.iter().map(|(replica, call)| (*replica, call.batches())).collect();
        let go_on = &mut |_| ControlFlow::Continue(());
        let trained = gpu.train_all(train, &batches, optimizer, go_on).unwrap();
        for (all, call) in steps.iter_mut().zip(trained.metrics) {
            all.push(call);
        }
    }
    let evaluations = gpu.evaluate_all(val).unwrap();
    let results = steps.into_iter().zip(evaluations).enumerate();
    results.map(|(i, (steps, evaluation))| (steps, gpu.state_of(i).unwrap(), evaluation)).collect()
}

fn same_bits(variant: Variant) {
    same_bits_of(|plan| open(plan, variant), variant.as_str());
}

fn same_bits_of(open: impl Fn(Plan) -> Option<Gpu>, variant: &str) {
    for (number, optimizer) in RUNS {
        let (model, shape) = MODELS[number];
        // The last model with another loss, the weights of which each replica has.
        let class_weights =
            if number + 1 < MODELS.len() { Vec::new() } else { vec![0.5, 2.0, 1.0, 1.5] };
        let loss = Loss { label_smoothing: if number == 0 { 0.0 } else { 0.1 }, class_weights };
        let plan = |graph: &Graph| plan::of(graph, BATCH).with_loss(&loss).unwrap();
        let graph = Model::open(model).unwrap().graph(shape, CLASSES).unwrap();
        let (train, val) = (random(shape, TRAIN), random(shape, VAL));
        let data = [DatasetRef::new(&train.0, &train.1), DatasetRef::new(&val.0, &val.1)];
        let Some(mut gpu) = open(plan(&graph)) else { return };
        let want: Vec<Result> =
            SEEDS.map(|seed| alone(&mut gpu, &graph, shape, data, (optimizer, seed))).to_vec();
        // Whatever the device has done in between: a driver may compile a kernel anew when a batch
        // of another size comes.
        let again = alone(&mut gpu, &graph, shape, data, (optimizer, SEEDS[0]));
        assert!(again == want[0], "{model}, {variant}, seed {}, again", SEEDS[0]);
        let mut gpu = gpu.with_replicas(plan(&graph), SEEDS.len()).unwrap();
        assert_eq!(gpu.replicas(), SEEDS.len());
        gpu.fill(f32::NAN);
        let all: Vec<(usize, u32)> = SEEDS.into_iter().enumerate().collect();
        let got = together(&mut gpu, &graph, shape, data, (optimizer, &all));
        for ((got, want), seed) in got.iter().zip(&want).zip(SEEDS) {
            assert!(want.1.parameters.iter().all(|w| w.is_finite()), "{model}, seed {seed}");
            assert!(got == want, "{model}, {variant}, seed {seed}");
        }
        // The first has ended, the others go on.
        let got = together(&mut gpu, &graph, shape, data, (optimizer, &all[1..]));
        assert!(got[1..] == want[1..], "{model}, {variant}: without the first");
        // And the device goes back to one run.
        let mut gpu = gpu.with_plan(plan(&graph)).unwrap();
        let last = alone(&mut gpu, &graph, shape, data, (optimizer, SEEDS[1]));
        assert!(last == want[1], "{model}, {variant}");
    }
}

/// A replica that diverges says so, and the others are what they are alone.
#[test]
fn a_replica_that_diverges_leaves_the_others_alone() {
    let shape = [12, 20, 1];
    let graph = Model::open("p1").unwrap().graph(shape, CLASSES).unwrap();
    let data = random(shape, TRAIN);
    let samples = DatasetRef::new(&data.0, &data.1);
    let Some(gpu) = open(plan::of(&graph, BATCH), Variant::default()) else { return };
    let mut gpu = gpu.with_replicas(plan::of(&graph, BATCH), 3).unwrap();
    let calls = SEEDS.map(|seed| Call::new(shape, seed, 1));
    let batches: Vec<_> = calls.iter().map(Call::batches).enumerate().collect();
    let mut finite = Vec::new();
    for wrong in [false, true] {
        for (i, seed) in SEEDS.into_iter().enumerate() {
            let mut state = start(&graph, seed);
            if wrong && i == 1 {
                state.velocity[3] = f32::NAN;
            }
            gpu.set_state_of(i, &state).unwrap();
        }
        let go_on = &mut |_| ControlFlow::Continue(());
        let trained = gpu.train_all(samples, &batches, SGD, go_on).unwrap().metrics;
        let is_finite = |steps: &Vec<StepMetrics>| steps.iter().all(|step| step.loss.is_finite());
        finite.push((trained.iter().map(is_finite).collect::<Vec<_>>(), trained));
    }
    assert_eq!(finite[0].0, [true; 3]);
    assert_eq!(finite[1].0, [true, false, true]);
    for i in [0, 2] {
        assert_eq!(finite[0].1[i], finite[1].1[i]);
    }
}

#[test]
fn replicas_that_cannot_go_together_are_refused() {
    let shape = [12, 20, 1];
    let graph = Model::open("p1").unwrap().graph(shape, CLASSES).unwrap();
    let data = random(shape, TRAIN);
    let samples = DatasetRef::new(&data.0, &data.1);
    let Some(gpu) = open(plan::of(&graph, BATCH), Variant::default()) else { return };
    let mut gpu = gpu.with_replicas(plan::of(&graph, BATCH), 2).unwrap();
    let [with, without] = [0, 1].map(|call| Call::new(shape, 42, call));
    for (first, second, replica) in
        [(&with, &without, 1), (&without, &with, 1), (&without, &without, 2)]
    {
        let batches = [(0, first.batches()), (replica, second.batches())];
        let go_on = &mut |_| ControlFlow::Continue(());
        let error = gpu.train_all(samples, &batches, SGD, go_on).unwrap_err();
        assert!(matches!(error, Error::Mismatch { .. }), "{error}");
    }
}

/// Each buffer of all replicas is bound at once: as many are opened as fit.
#[test]
fn as_many_replicas_are_opened_as_fit() {
    let graph = Model::open("p1").unwrap().graph([12, 20, 1], CLASSES).unwrap();
    let plan = || plan::of(&graph, BATCH);
    let Some(gpu) = open_capped(plan(), Some(1 << 20)) else { return };
    let few = gpu.unwrap().with_replicas(plan(), 64).unwrap().replicas();
    assert!((2..64).contains(&few), "{few}");
    let most = open_capped(plan(), None).unwrap().unwrap();
    assert_eq!(most.with_replicas(plan(), 1000).unwrap().replicas(), 64);
}
