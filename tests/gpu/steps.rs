//! What a step on the GPU costs besides arithmetic, and that its kernels can be timed.

use genre_gpu::backend::{Backend, Batches, DatasetRef, Optimizer, State};
use genre_gpu::gpu::{Gpu, Timer};
use genre_gpu::measure::Budget;
use genre_gpu::models::Model;
use genre_gpu::random::keras::Shuffle;
use genre_gpu::random::streams::Stream;
use genre_gpu::train::initial_parameters;

use crate::common::gpu::{Variant, open};
use crate::common::plan;

const SHAPE: [usize; 3] = [12, 20, 1];
const CLASSES: usize = 4;
const BATCH: usize = 6;
/// More than a few submissions' worth, the last batch a short one.
const TRAIN: usize = 30 * BATCH + 1;
const VAL: usize = 5 * BATCH;

fn p1(variant: Variant) -> Option<Gpu> {
    let graph = Model::open("p1").unwrap().graph(SHAPE, CLASSES).unwrap();
    let start = State::new(initial_parameters(&graph, 42));
    let mut gpu = open(plan::of(&graph, BATCH), variant)?;
    gpu.set_state(&start).unwrap();
    Some(gpu)
}

fn random(n: usize) -> (Vec<f32>, Vec<u32>) {
    let mut stream = Stream::new(3, "gpu_steps");
    let len: usize = SHAPE.iter().product();
    let x = (0..n * len).map(|_| stream.normal() as f32).collect();
    (x, (0..n).map(|_| stream.below(CLASSES) as u32).collect())
}

mod epochs_after_the_first_allocate_nothing_and_submit_less_than_they_step {
    on_each_variant! { super::epochs }
}

fn epochs(variant: Variant) {
    let Some(mut gpu) = p1(variant) else { return };
    let (train, val) = (random(TRAIN), random(VAL));
    let (train, val) = (DatasetRef::new(&train.0, &train.1), DatasetRef::new(&val.0, &val.1));
    let sgd = Optimizer::momentum(0.01, 0.9, false);
    let (mut probabilities, mut allocations) = (Vec::new(), Vec::new());
    for epoch in 0..3 {
        let order = Shuffle::Keras2.order(42, TRAIN, epoch);
        let before = gpu.submits();
        let watch = &mut |_| std::ops::ControlFlow::Continue(());
        let steps = gpu.train(train, &Batches::plain(&order), sgd, watch).unwrap().len() as u64;
        assert_eq!(steps, TRAIN.div_ceil(BATCH) as u64);
        let submits = gpu.submits() - before;
        // By the second epoch the pace is known.
        let fewer = if epoch == 0 { submits <= steps } else { submits < steps };
        assert!(fewer, "{variant:?}: {submits} submits in {steps} steps");
        gpu.evaluate(val, &mut probabilities).unwrap();
        gpu.state().unwrap();
        allocations.push(gpu.allocations());
    }
    assert_eq!(allocations, [allocations[0]; 3], "{variant:?}: epochs 1 to 3");
}

mod every_dispatch_of_a_step_is_timed_by_either_clock_and_moves_no_weight {
    on_each_variant! { super::timed }
}

fn timed(variant: Variant) {
    let Some(mut gpu) = p1(variant) else { return };
    let (x, y) = random(TRAIN);
    let samples = DatasetRef::new(&x, &y);
    let batch: Vec<u32> = (0..BATCH as u32).collect();
    let before = gpu.state().unwrap();
    for timer in [gpu.timer().unwrap(), Timer::wall()] {
        let seconds = gpu.time_dispatches(&timer, samples, &batch).unwrap();
        assert_eq!(seconds.len(), gpu.dispatches().len());
        assert!(seconds.iter().all(|s| *s > 0.0), "{variant:?}, {}: {seconds:?}", timer.name());
        let rates = gpu.rates(&timer, Budget { steps: 1, seconds: 1.0 }).unwrap();
        assert!(rates.flop_per_second > 0.0 && rates.bytes_per_second > 0.0);
    }
    assert_eq!(gpu.state().unwrap(), before);
}

#[test]
fn bytes_of_a_dispatch_are_those_of_a_batch_whatever_is_resident() {
    let of = |n: usize| {
        let mut gpu = p1(Variant::Plain)?;
        let (x, y) = random(n);
        gpu.prepare(DatasetRef::new(&x, &y)).unwrap();
        Some(gpu.dispatches().iter().map(|(k, _, work)| (k.name, *work)).collect::<Vec<_>>())
    };
    let (Some(few), Some(many)) = (of(BATCH), of(10 * BATCH)) else { return };
    assert_eq!(few, many);
    let gather = few.iter().find(|(name, _)| *name == "gather_forward").unwrap().1;
    let len: usize = SHAPE.iter().product();
    assert_eq!(gather.bytes, 4 * (BATCH * (2 * len + 1)) as u64);
}
