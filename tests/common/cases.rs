//! Small graphs, most with one op of interest between a stem that makes its
//! input learn and a head that makes a loss. One list for every backend.

use genre_gpu::graph::{Activation, Axis, Graph, NodeId, Op, Padding, Role, Shape};
use genre_gpu::random::streams::Stream;

pub struct Case {
    pub name: &'static str,
    pub graph: Graph,
    /// Most samples in a step, and those of the partial batch that is compared too.
    pub batch: usize,
    pub partial: usize,
    /// Inputs of few distinct values, so that maxima tie.
    pub ties: bool,
}

pub fn conv(filters: usize, kernel: [usize; 2], padding: Padding, activation: Activation) -> Op {
    Op::Conv2d { filters, kernel, padding, bias: true, activation }
}

fn dense(units: usize, activation: Activation, l2: f32) -> Op {
    Op::Dense { units, bias: true, activation, l2 }
}

/// Adds a flatten, a dense layer and a softmax over three classes.
fn head(graph: &mut Graph, from: NodeId) {
    let flat = graph.push("flatten", Op::Flatten, &[from]).unwrap();
    let logits = graph.push("head", dense(3, Activation::Linear, 0.0), &[flat]).unwrap();
    graph.push("softmax", Op::Softmax, &[logits]).unwrap();
}

/// input → 1×1 stem of `c` channels → the op → head.
fn one(name: &'static str, [h, w, c]: [usize; 3], batch: usize, partial: usize, op: Op) -> Case {
    let mut graph = Graph::new(name, Shape::Map { h, w, c: 1 });
    let stem_op = conv(c, [1, 1], Padding::Same, Activation::Linear);
    let stem = graph.push("stem", stem_op, &[graph.input()]).unwrap();
    let node = graph.push("op", op, &[stem]).unwrap();
    head(&mut graph, node);
    Case { name, graph, batch, partial, ties: false }
}

/// input → 1×1 stem of `c` channels → the convolution → 2×2 pooling → head.
fn pooled(name: &'static str, [h, w, c]: [usize; 3], op: Op) -> Case {
    let mut graph = Graph::new(name, Shape::Map { h, w, c: 1 });
    let stem_op = conv(c, [1, 1], Padding::Same, Activation::Relu);
    let stem = graph.push("stem", stem_op, &[graph.input()]).unwrap();
    let node = graph.push("op", op, &[stem]).unwrap();
    let pool = graph.push("pool", Op::MaxPool2d { window: [2, 2] }, &[node]).unwrap();
    head(&mut graph, pool);
    Case { name, graph, batch: 5, partial: 3, ties: false }
}

pub fn all() -> Vec<Case> {
    use Activation::{Linear, Relu};
    use Padding::{Same, Valid};
    let pool = |window| Op::MaxPool2d { window };
    let mut cases = vec![
        one("conv 5×5 same", [7, 11, 3], 5, 3, conv(4, [5, 5], Same, Relu)),
        one("conv 5×5 valid", [7, 11, 3], 3, 1, conv(8, [5, 5], Valid, Linear)),
        one("conv kernel as large as its input", [5, 7, 2], 3, 2, conv(3, [5, 7], Valid, Relu)),
        one(
            "conv kernel larger than its input, same",
            [3, 2, 2],
            3,
            2,
            conv(2, [5, 7], Same, Relu),
        ),
        one("conv even kernel, same", [6, 5, 1], 3, 2, conv(2, [4, 2], Same, Linear)),
        one("conv 9×3 tall", [13, 6, 2], 4, 3, conv(5, [9, 3], Same, Relu)),
        one("conv 1×9 long", [3, 17, 2], 4, 3, conv(17, [1, 9], Same, Relu)),
        one("conv 1×1 on one value", [1, 1, 1], 2, 1, conv(1, [1, 1], Valid, Linear)),
        one("conv 29 filters over 19 columns", [2, 19, 5], 7, 5, conv(29, [3, 3], Same, Relu)),
        one("conv without bias", [5, 5, 2], 3, 2, {
            Op::Conv2d { filters: 4, kernel: [3, 3], padding: Same, bias: false, activation: Relu }
        }),
        one("pool 2×2", [6, 8, 3], 5, 4, pool([2, 2])),
        one("pool 2×2 of odd extents", [7, 9, 2], 3, 2, pool([2, 2])),
        one("pool 4×1", [9, 5, 2], 3, 2, pool([4, 1])),
        one("pool 1×3", [3, 7, 2], 3, 2, pool([1, 3])),
        one("pool the whole map", [5, 3, 4], 3, 2, pool([5, 3])),
    ];
    let ties = [
        one("pool of ties", [6, 6, 2], 4, 3, pool([3, 2])),
        one("pool of wide windows of ties", [5, 25, 4], 4, 3, pool([2, 11])),
        one("pool of a channel's wide windows of ties", [5, 75, 1], 3, 2, pool([2, 35])),
        one("pool of 32 channels of ties", [2, 5, 32], 3, 2, pool([2, 2])),
    ];
    cases.extend(ties.map(|case| Case { ties: true, ..case }));
    let mut pooled_ties =
        pooled("conv 12 filters, then pool, of ties", [6, 10, 2], conv(12, [3, 3], Same, Relu));
    pooled_ties.ties = true;
    let mut channel_ties =
        pooled("conv of a channel, then pool, of ties", [6, 38, 1], conv(4, [3, 3], Same, Relu));
    channel_ties.ties = true;
    cases.extend([
        pooled("conv 5×5 same, then pool", [7, 11, 3], conv(8, [5, 5], Same, Relu)),
        pooled("conv 3×2 valid, then pool", [8, 9, 2], conv(4, [3, 2], Valid, Linear)),
        pooled(
            "conv 20 filters of many rows, then pool",
            [23, 21, 2],
            conv(20, [5, 7], Same, Relu),
        ),
        pooled("conv 1×1, then pool", [2, 3, 1], conv(4, [1, 1], Same, Relu)),
        pooled("conv without bias, then pool", [5, 6, 2], {
            Op::Conv2d { filters: 4, kernel: [2, 3], padding: Same, bias: false, activation: Relu }
        }),
        pooled("conv of a channel over many columns, then pool", [9, 75, 1], {
            conv(4, [5, 5], Same, Relu)
        }),
        pooled("conv 3 filters of a channel, then pool", [6, 41, 1], conv(3, [3, 3], Same, Linear)),
        pooled("conv 4 to 8 channels, then pool", [8, 14, 4], conv(8, [5, 5], Same, Relu)),
        pooled("conv 8 to 16 channels, then pool", [8, 20, 8], conv(16, [5, 5], Same, Relu)),
        pooled("conv 16 to 28 channels, then pool", [6, 8, 16], conv(28, [3, 3], Same, Relu)),
        pooled("conv 3 to 70 channels, then pool", [5, 7, 3], conv(70, [3, 1], Same, Relu)),
        one("conv of one column", [19, 1, 6], 4, 3, conv(16, [9, 1], Same, Relu)),
        pooled_ties,
        channel_ties,
        one("conv of many weights", [3, 4, 32], 2, 1, conv(24, [5, 5], Same, Relu)),
    ]);
    cases.extend(time_and_frequency());
    cases.extend(normed());
    cases.push(dense_in_a_row());
    cases.push(two_dense_of_one_input());
    cases.push(branches());
    cases.push(concat_of_vectors());
    cases.push(concat_of_many());
    cases
}

fn norm(activation: Activation) -> Op {
    Op::BatchNorm { momentum: 0.75, epsilon: 1e-3, activation }
}

/// The ops that treat the two axes differently, and what helps to train them.
fn time_and_frequency() -> Vec<Case> {
    use Activation::{Linear, Relu};
    let avg = |window| Op::AvgPool2d { window };
    let max = |window| Op::MaxPool2d { window };
    let to = |axis| Op::AxisToChannels { axis };
    vec![
        one("avg pool with a rest at the border", [7, 9, 3], 4, 3, avg([2, 4])),
        one("avg pool of wide windows with a rest", [5, 25, 4], 4, 3, avg([2, 11])),
        one("avg pool of a channel's wide windows", [4, 70, 1], 3, 2, avg([2, 35])),
        one("mean over time", [5, 11, 4], 4, 3, avg([1, 11])),
        one("mean over mel", [11, 5, 2], 4, 1, avg([11, 1])),
        one("mean over all", [6, 5, 17], 3, 2, avg([6, 5])),
        one("max over time", [5, 11, 4], 4, 3, max([1, 11])),
        one("max over mel", [11, 5, 2], 4, 1, max([11, 1])),
        one("max over all", [6, 5, 17], 3, 2, max([6, 5])),
        one("lowest bands", [7, 5, 3], 4, 3, Op::Crop { bands: 4 }),
        one("mel to channels", [5, 7, 3], 4, 3, to(Axis::Mel)),
        one("time to channels", [5, 7, 3], 4, 3, to(Axis::Time)),
        one("batch norm", [5, 7, 3], 5, 3, norm(Linear)),
        one("batch norm, relu", [13, 17, 8], 6, 5, norm(Relu)),
        one("batch norm of many channels", [2, 3, 70], 4, 3, norm(Relu)),
        one("batch norm of one position", [1, 1, 5], 7, 4, norm(Linear)),
        one("dropout", [5, 7, 3], 4, 3, Op::Dropout { rate: 0.4 }),
        one("dropout of nothing", [3, 2, 2], 4, 3, Op::Dropout { rate: 0.0 }),
        uneven_kernels(),
        vector_norm(),
        aids_on_a_branch(),
        bands_as_channels(),
    ]
}

/// A batch norm of fours of channels that nothing but poolings reads: one pass with them where a
/// device fuses. Windows with a rest at the border, over all frames, and of both kinds at once.
fn normed() -> Vec<Case> {
    use Activation::{Linear, Relu};
    let max = |window| Op::MaxPool2d { window };
    let avg = |window| Op::AvgPool2d { window };
    [
        ("norm, then pool with a rest", [7, 9], 8, Linear, Relu, vec![max([2, 2])]),
        ("norm without relu, then pool", [9, 5], 4, Relu, Linear, vec![max([4, 1])]),
        ("norm, then mean with a rest", [5, 7], 4, Relu, Relu, vec![avg([2, 3])]),
        ("norm, then max and mean", [6, 11], 12, Linear, Relu, vec![max([1, 11]), avg([1, 11])]),
        (
            "norm, then max and mean of blocks",
            [9, 12],
            4,
            Relu,
            Relu,
            vec![avg([3, 4]), max([3, 4])],
        ),
        ("norm, then other windows", [6, 6], 4, Linear, Relu, vec![max([2, 2]), avg([3, 3])]),
        ("norm, then wide means", [4, 12], 4, Linear, Relu, vec![avg([1, 12]), avg([2, 12])]),
        ("norm, then pool twice", [4, 6], 4, Linear, Relu, vec![max([2, 2]), max([2, 2])]),
    ]
    .map(|(name, [h, w], c, below, activation, pools)| {
        let mut graph = Graph::new(name, Shape::Map { h, w, c: 1 });
        let stem_op = conv(c, [1, 3], Padding::Same, below);
        let stem = graph.push("stem", stem_op, &[graph.input()]).unwrap();
        let norm = graph.push("norm", norm(activation), &[stem]).unwrap();
        // The norm adds to what another reader of its input writes.
        let mut ends = vec![graph.push("stem.flat", Op::Flatten, &[stem]).unwrap()];
        for (i, pool) in pools.into_iter().enumerate() {
            let pool = graph.push(&format!("pool{i}"), pool, &[norm]).unwrap();
            ends.push(graph.push(&format!("pool{i}.flat"), Op::Flatten, &[pool]).unwrap());
        }
        let joined = graph.push("joined", Op::Concat, &ends).unwrap();
        let logits = graph.push("logits", dense(3, Linear, 0.0), &[joined]).unwrap();
        graph.push("softmax", Op::Softmax, &[logits]).unwrap();
        Case { name, graph, batch: 5, partial: 3, ties: false }
    })
    .into()
}

/// More inputs than one dispatch joins, one of them twice in a row and once more.
fn concat_of_many() -> Case {
    let relu = |filters| conv(filters, [1, 3], Padding::Same, Activation::Relu);
    let mut graph = Graph::new("concat of many", Shape::Map { h: 3, w: 5, c: 1 });
    let input = graph.input();
    let [a, b, c] = [("a", 2), ("b", 3), ("c", 5)]
        .map(|(name, n)| graph.push(name, relu(n), &[input]).unwrap());
    let many = graph.push("many", Op::Concat, &[a, a, b, c, input, a]).unwrap();
    head(&mut graph, many);
    Case { name: "concat of many", graph, batch: 4, partial: 3, ties: false }
}

/// Even kernels with and without padding, no pooling behind them, reading one stem of many channels.
fn uneven_kernels() -> Case {
    let mut graph = Graph::new("uneven kernels", Shape::Map { h: 5, w: 7, c: 1 });
    let stem_op = conv(17, [1, 1], Padding::Same, Activation::Relu);
    let stem = graph.push("stem", stem_op, &[graph.input()]).unwrap();
    let wide = conv(3, [2, 4], Padding::Valid, Activation::Linear);
    let tall = conv(6, [3, 2], Padding::Same, Activation::Relu);
    let ends = [("wide", wide), ("tall", tall)].map(|(name, op)| {
        let node = graph.push(name, op, &[stem]).unwrap();
        graph.push(&format!("{name}.flat"), Op::Flatten, &[node]).unwrap()
    });
    let joined = graph.push("joined", Op::Concat, &ends).unwrap();
    let logits = graph.push("logits", dense(3, Activation::Linear, 0.0), &[joined]).unwrap();
    graph.push("softmax", Op::Softmax, &[logits]).unwrap();
    Case { name: "uneven kernels", graph, batch: 4, partial: 1, ties: false }
}

/// Sums over more outputs than some drivers let a loop have rounds (llvmpipe: 65,535).
pub fn long_sums() -> Case {
    let mut graph = Graph::new("long sums", Shape::Map { h: 48, w: 48, c: 1 });
    let op = conv(6, [1, 5], Padding::Same, Activation::Linear);
    let node = graph.push("conv", op, &[graph.input()]).unwrap();
    let norm = graph.push("norm", norm(Activation::Relu), &[node]).unwrap();
    let mean = graph.push("mean", Op::AvgPool2d { window: [48, 48] }, &[norm]).unwrap();
    head(&mut graph, mean);
    Case { name: "long sums", graph, batch: 32, partial: 30, ties: false }
}

/// A batch norm and a dropout of vectors behind a ReLU.
fn vector_norm() -> Case {
    let mut graph = Graph::new("vector norm", Shape::Map { h: 3, w: 5, c: 1 });
    let flat = graph.push("flat", Op::Flatten, &[graph.input()]).unwrap();
    let hidden = graph.push("hidden", dense(19, Activation::Relu, 0.01), &[flat]).unwrap();
    let norm = graph.push("norm", norm(Activation::Relu), &[hidden]).unwrap();
    let drop = graph.push("drop", Op::Dropout { rate: 0.25 }, &[norm]).unwrap();
    let logits = graph.push("logits", dense(3, Activation::Linear, 0.0), &[drop]).unwrap();
    graph.push("softmax", Op::Softmax, &[logits]).unwrap();
    Case { name: "vector norm", graph, batch: 8, partial: 5, ties: false }
}

/// Each new op as one of several readers behind a ReLU, so that gradients are added and masked.
fn aids_on_a_branch() -> Case {
    let relu = |filters, kernel| conv(filters, kernel, Padding::Same, Activation::Relu);
    let mut graph = Graph::new("aids on a branch", Shape::Map { h: 5, w: 6, c: 1 });
    let stem = graph.push("stem", relu(3, [3, 3]), &[graph.input()]).unwrap();
    let mut readers = Vec::new();
    for (name, op) in [
        ("norm", norm(Activation::Linear)),
        ("drop", Op::Dropout { rate: 0.5 }),
        ("avg", Op::AvgPool2d { window: [2, 2] }),
        ("max", Op::MaxPool2d { window: [5, 6] }),
        ("crop", Op::Crop { bands: 2 }),
        ("mel", Op::AxisToChannels { axis: Axis::Mel }),
        ("time", Op::AxisToChannels { axis: Axis::Time }),
    ] {
        let node = graph.push(name, op, &[stem]).unwrap();
        readers.push(graph.push(&format!("{name}.flat"), Op::Flatten, &[node]).unwrap());
    }
    let joined = graph.push("joined", Op::Concat, &readers).unwrap();
    let logits = graph.push("logits", dense(3, Activation::Linear, 0.0), &[joined]).unwrap();
    graph.push("softmax", Op::Softmax, &[logits]).unwrap();
    Case { name: "aids on a branch", graph, batch: 4, partial: 3, ties: false }
}

/// Convolutions over time with mel bands as channels, normalised before their ReLU.
fn bands_as_channels() -> Case {
    let mut graph = Graph::new("bands as channels", Shape::Map { h: 6, w: 13, c: 1 });
    let mel = graph.push("mel", Op::AxisToChannels { axis: Axis::Mel }, &[graph.input()]).unwrap();
    let level = graph.push("level", norm(Activation::Linear), &[mel]).unwrap();
    let op = Op::Conv2d {
        filters: 8,
        kernel: [1, 5],
        padding: Padding::Same,
        bias: false,
        activation: Activation::Linear,
    };
    let conv = graph.push("conv", op, &[level]).unwrap();
    let norm = graph.push("norm", norm(Activation::Relu), &[conv]).unwrap();
    let pool = graph.push("pool", Op::MaxPool2d { window: [1, 2] }, &[norm]).unwrap();
    let max = graph.push("max", Op::MaxPool2d { window: [1, 6] }, &[pool]).unwrap();
    let mean = graph.push("mean", Op::AvgPool2d { window: [1, 6] }, &[pool]).unwrap();
    let both = graph.push("both", Op::Concat, &[max, mean]).unwrap();
    head(&mut graph, both);
    Case { name: "bands as channels", graph, batch: 5, partial: 4, ties: false }
}

/// Dense layers, one with ReLU, a penalty and no bias.
fn dense_in_a_row() -> Case {
    let mut graph = Graph::new("dense", Shape::Map { h: 1, w: 37, c: 1 });
    let flat = graph.push("flat", Op::Flatten, &[graph.input()]).unwrap();
    let hidden = graph.push("hidden", dense(53, Activation::Relu, 0.02), &[flat]).unwrap();
    let middle = graph.push("middle", dense(21, Activation::Relu, 0.0), &[hidden]).unwrap();
    let op = Op::Dense { units: 5, bias: false, activation: Activation::Linear, l2: 0.1 };
    let logits = graph.push("logits", op, &[middle]).unwrap();
    graph.push("softmax", Op::Softmax, &[logits]).unwrap();
    Case { name: "dense", graph, batch: 9, partial: 5, ties: false }
}

fn two_dense_of_one_input() -> Case {
    let mut graph = Graph::new("dense branches", Shape::Map { h: 1, w: 19, c: 1 });
    let flat = graph.push("flat", Op::Flatten, &[graph.input()]).unwrap();
    let left = graph.push("left", dense(7, Activation::Relu, 0.0), &[flat]).unwrap();
    let right = graph.push("right", dense(5, Activation::Linear, 0.1), &[flat]).unwrap();
    let both = graph.push("both", Op::Concat, &[left, right]).unwrap();
    let logits = graph.push("logits", dense(3, Activation::Linear, 0.0), &[both]).unwrap();
    graph.push("softmax", Op::Softmax, &[logits]).unwrap();
    Case { name: "dense branches", graph, batch: 5, partial: 3, ties: false }
}

/// A stem read by two branches and by the concat itself.
fn branches() -> Case {
    let relu = |filters, kernel| conv(filters, kernel, Padding::Same, Activation::Relu);
    let mut graph = Graph::new("branches", Shape::Map { h: 5, w: 7, c: 1 });
    let stem = graph.push("stem", relu(3, [3, 3]), &[graph.input()]).unwrap();
    let tall = graph.push("tall", relu(4, [5, 1]), &[stem]).unwrap();
    let long = graph.push("long", relu(2, [1, 5]), &[stem]).unwrap();
    let both = graph.push("both", Op::Concat, &[tall, stem, long]).unwrap();
    let pooled = graph.push("pool", Op::MaxPool2d { window: [2, 3] }, &[both]).unwrap();
    head(&mut graph, pooled);
    Case { name: "branches", graph, batch: 4, partial: 3, ties: false }
}

/// Two flattened branches joined end to end, one of them flattened twice.
fn concat_of_vectors() -> Case {
    let relu = |filters, kernel| conv(filters, kernel, Padding::Valid, Activation::Relu);
    let mut graph = Graph::new("vectors", Shape::Map { h: 5, w: 7, c: 1 });
    let left = graph.push("left", relu(2, [3, 3]), &[graph.input()]).unwrap();
    let right = graph.push("right", relu(3, [5, 2]), &[graph.input()]).unwrap();
    let a = graph.push("a", Op::Flatten, &[left]).unwrap();
    let b = graph.push("b", Op::Flatten, &[right]).unwrap();
    let joined = graph.push("joined", Op::Concat, &[a, b, a]).unwrap();
    let logits = graph.push("logits", dense(4, Activation::Linear, 0.0), &[joined]).unwrap();
    graph.push("softmax", Op::Softmax, &[logits]).unwrap();
    Case { name: "concat of vectors", graph, batch: 4, partial: 3, ties: false }
}

/// Samples, labels and parameters of a case, from named streams.
pub fn fill(case: &Case, samples: usize) -> (Vec<f32>, Vec<u32>, Vec<f32>) {
    let mut stream = Stream::new(1, case.name);
    let len = case.graph.node(case.graph.input()).shape.len();
    let mut value = || {
        let v = stream.normal();
        (if case.ties { v.round() } else { v }) as f32
    };
    let x = (0..samples * len).map(|_| value()).collect();
    let y = (0..samples).map(|_| stream.below(case.graph.classes()) as u32).collect();
    let mut parameters = Vec::new();
    for p in case.graph.parameters() {
        // Sums of about 1, whatever their length; biases of the same size as weights.
        let terms: usize = p.shape[..p.shape.len() - 1].iter().product();
        let scale = 1.0 / (terms as f64).sqrt().max(3.0);
        parameters.extend((0..p.len()).map(|_| match p.role {
            Role::MovingVariance => (0.2 + stream.uniform()) as f32,
            _ => (scale * stream.normal()) as f32,
        }));
    }
    (x, y, parameters)
}
