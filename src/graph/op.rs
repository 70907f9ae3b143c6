//! What nodes do, and the one rule of shapes.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Role;

/// The shape of one sample at a node, without the batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A map of `h` mel bands (0 lowest), `w` frames and `c` channels, channels last.
    Map {
        /// Rows: mel bands at the input.
        h: usize,
        /// Columns: frames at the input.
        w: usize,
        /// Channels.
        c: usize,
    },
    /// A vector of features.
    Flat(usize),
}

impl Shape {
    /// Number of elements per sample.
    pub fn len(self) -> usize {
        match self {
            Self::Map { h, w, c } => h * w * c,
            Self::Flat(n) => n,
        }
    }

    /// Number of elements per sample, or none if it is beyond `u32`, which all devices index with.
    pub fn checked_len(self) -> Option<usize> {
        let extents = match self {
            Self::Map { h, w, c } => [h, w, c],
            Self::Flat(n) => [1, 1, n],
        };
        let len = extents.iter().try_fold(1usize, |product, n| product.checked_mul(*n));
        len.filter(|len| *len <= u32::MAX as usize)
    }

    /// `[h, w, c]`; a vector is a map of one position.
    pub fn as_map(self) -> [usize; 3] {
        match self {
            Self::Map { h, w, c } => [h, w, c],
            Self::Flat(n) => [1, 1, n],
        }
    }

    /// Extent of the last axis: channels of a map, elements of a vector.
    pub fn channels(self) -> usize {
        match self {
            Self::Map { c, .. } => c,
            Self::Flat(n) => n,
        }
    }

    /// True if a sample has no element.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Map { h, w, c } => write!(f, "[{h}, {w}, {c}]"),
            Self::Flat(n) => write!(f, "[{n}]"),
        }
    }
}

/// How a convolution treats the border.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Padding {
    /// Zeros around the input, so that the output has one element for each stride of it, at stride 1
    /// as many: half of the zeros before, rounded down, and the rest after, as Keras does.
    Same,
    /// No padding: the output is `k - 1` smaller, then one element for each stride.
    Valid,
}

/// A convolution along one axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Border {
    /// Elements of the output.
    pub out: usize,
    /// Zeros before the input.
    pub before: usize,
    /// Zeros behind it that a kernel reaches.
    pub after: usize,
}

impl Padding {
    /// `n` elements under a kernel of `k` at every `stride`-th; none if the kernel does not fit.
    pub fn along(self, n: usize, k: usize, stride: usize) -> Option<Border> {
        match self {
            Self::Same => {
                let out = n.div_ceil(stride);
                let zeros = (out.saturating_sub(1) * stride).saturating_add(k).saturating_sub(n);
                Some(Border { out, before: zeros / 2, after: zeros - zeros / 2 })
            }
            Self::Valid => {
                let out = n.checked_sub(k)? / stride + 1;
                Some(Border { out, before: 0, after: 0 })
            }
        }
    }
}

/// What follows a layer's sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// The sum itself.
    #[default]
    Linear,
    /// `max(0, x)`, with derivative 0 at 0 as Keras has it.
    Relu,
}

/// An activation that is a node of its own. The kernels of convolutions, dense layers and batch norms
/// know [`Activation`] alone.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(tag = "function", rename_all = "snake_case")]
pub enum Function {
    /// `x` above 0, else `exp(x) - 1`. Clevert et al. 2015.
    Elu,
    /// `x · Φ(x)` with the distribution function of the standard normal, Keras's default form, not the
    /// approximation by a tanh. Hendrycks and Gimpel 2016.
    Gelu,
    /// `x` above 0, else `slope · x`, with the derivative `slope` at 0 as Keras has it.
    LeakyRelu {
        /// 0 or more.
        slope: f32,
    },
    /// `1 / (1 + exp(-x))`.
    Sigmoid,
    /// The hyperbolic tangent.
    Tanh,
}

impl Function {
    /// Its name in model files, which is Keras's.
    pub fn name(self) -> &'static str {
        match self {
            Self::Elu => "elu",
            Self::Gelu => "gelu",
            Self::LeakyRelu { .. } => "leaky_relu",
            Self::Sigmoid => "sigmoid",
            Self::Tanh => "tanh",
        }
    }
}

/// One of the two axes of a spectrogram.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Axis {
    /// Mel bands: rows.
    Mel,
    /// Frames: columns.
    Time,
}

/// What a node does. A closed list: every backend matches all of it. In JSON an object with
/// [`Op::name`] as `op`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub enum Op {
    /// The samples.
    Input,
    /// 2-D cross-correlation. Kernel `[k_h, k_w, c_in, c_out]`.
    Conv2d {
        /// Output channels.
        filters: usize,
        /// `[k_h, k_w]`.
        kernel: [usize; 2],
        /// Rows and columns from one output to the next.
        strides: [usize; 2],
        /// Border rule.
        padding: Padding,
        /// Whether a bias is added.
        bias: bool,
        /// What follows the sum.
        activation: Activation,
    },
    /// 2-D cross-correlation of each channel with filters of its own. Kernel
    /// `[k_h, k_w, c_in, multiplier]`; the filters of a channel are neighbours in the output.
    DepthwiseConv2d {
        /// `[k_h, k_w]`.
        kernel: [usize; 2],
        /// Filters of each channel.
        multiplier: usize,
        /// Rows and columns from one output to the next.
        strides: [usize; 2],
        /// Border rule.
        padding: Padding,
        /// Whether a bias is added.
        bias: bool,
        /// What follows the sum.
        activation: Activation,
    },
    /// Maximum over windows, stride = window; a rest at the border is dropped.
    MaxPool2d {
        /// `[rows, columns]` of a window.
        window: [usize; 2],
    },
    /// Mean over windows, stride = window; a rest at the border is dropped.
    AvgPool2d {
        /// `[rows, columns]` of a window.
        window: [usize; 2],
    },
    /// Standard deviation over windows, `√(variance + epsilon)` of the population variance; stride =
    /// window; a rest at the border is dropped. Where a window's elements are equal it is
    /// `√epsilon` and its derivative 0.
    StdPool2d {
        /// `[rows, columns]` of a window.
        window: [usize; 2],
        /// Keeps the derivative defined.
        epsilon: f32,
    },
    /// `y = gamma · (x - mean) / √(variance + epsilon) + beta` for each channel. In training the
    /// mean and the (population) variance are those of the batch, over samples and positions,
    /// and the moving ones go `momentum · old + (1 - momentum) · new`; in evaluation they are
    /// the moving ones. Ioffe and Szegedy 2015, as in Keras 3.
    BatchNorm {
        /// Share of the moving mean and variance that a step keeps.
        momentum: f32,
        /// Keeps the division defined.
        epsilon: f32,
        /// What follows.
        activation: Activation,
    },
    /// A function of each element.
    Activation {
        /// Which.
        #[serde(flatten)]
        function: Function,
    },
    /// In training, each element becomes 0 with probability `rate`, and the others are divided by
    /// `1 - rate`; in evaluation nothing happens. Srivastava et al. 2014.
    Dropout {
        /// From 0 to below 1.
        rate: f32,
    },
    /// Only the lowest bands: what lies above is not looked at.
    Crop {
        /// Mel bands that are kept.
        bands: usize,
    },
    /// One axis becomes channels, so that a convolution runs along the other alone:
    /// `[h, w, c]` to `[1, w, h · c]` (mel) or `[h, 1, w · c]` (time).
    AxisToChannels {
        /// The axis that is given up.
        axis: Axis,
    },
    /// A map as a vector, in h, w, c order.
    Flatten,
    /// Joins maps of equal h and w along channels, or vectors end to end.
    Concat,
    /// Sum of two inputs of equal shape, element by element: a residual connection (He et al. 2016).
    Add,
    /// `y = x W + b`. Kernel `[in, out]`.
    Dense {
        /// Output features.
        units: usize,
        /// Whether a bias is added.
        bias: bool,
        /// What follows the sum.
        activation: Activation,
        /// Penalty `l2 · Σ w²` on the kernel, added to the loss once per batch.
        l2: f32,
    },
    /// Softmax over the classes, with the cross-entropy taken from the logits.
    /// Always the last node.
    Softmax,
}

impl Op {
    /// The op's name in model files, kernels and tables.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Conv2d { .. } => "conv2d",
            Self::DepthwiseConv2d { .. } => "depthwise_conv2d",
            Self::MaxPool2d { .. } => "max_pool2d",
            Self::AvgPool2d { .. } => "avg_pool2d",
            Self::StdPool2d { .. } => "std_pool2d",
            Self::BatchNorm { .. } => "batch_norm",
            Self::Activation { .. } => "activation",
            Self::Dropout { .. } => "dropout",
            Self::Crop { .. } => "crop",
            Self::AxisToChannels { .. } => "axis_to_channels",
            Self::Flatten => "flatten",
            Self::Concat => "concat",
            Self::Add => "add",
            Self::Dense { .. } => "dense",
            Self::Softmax => "softmax",
        }
    }

    /// Whether the output is the input's elements in the same order, so that both are one buffer.
    pub fn is_view(&self) -> bool {
        matches!(self, Self::Flatten | Self::AxisToChannels { axis: Axis::Time })
    }

    /// Role, shape and penalty of each parameter tensor, in the order of [`Role`].
    pub(super) fn parameters(&self, input: Shape, output: Shape) -> Vec<(Role, Vec<usize>, f32)> {
        let c = output.channels();
        let weights = |kernel, bias, l2| {
            let bias = if bias { Some((Role::Bias, vec![c], 0.0)) } else { None };
            [(Role::Kernel, kernel, l2)].into_iter().chain(bias).collect()
        };
        match *self {
            Self::Conv2d { kernel: [k_h, k_w], bias, .. } => {
                weights(vec![k_h, k_w, input.channels(), c], bias, 0.0)
            }
            Self::DepthwiseConv2d { kernel: [k_h, k_w], multiplier, bias, .. } => {
                weights(vec![k_h, k_w, input.channels(), multiplier], bias, 0.0)
            }
            Self::Dense { bias, l2, .. } => weights(vec![input.len(), c], bias, l2),
            Self::BatchNorm { .. } => {
                [Role::Gamma, Role::Beta, Role::MovingMean, Role::MovingVariance]
                    .map(|role| (role, vec![c], 0.0))
                    .to_vec()
            }
            Self::Input
            | Self::MaxPool2d { .. }
            | Self::AvgPool2d { .. }
            | Self::StdPool2d { .. }
            | Self::Activation { .. }
            | Self::Dropout { .. }
            | Self::Crop { .. }
            | Self::AxisToChannels { .. }
            | Self::Flatten
            | Self::Concat
            | Self::Add
            | Self::Softmax => Vec::new(),
        }
    }

    /// The shape that this op makes of its inputs', or what is wrong with them.
    pub(super) fn output(&self, inputs: &[Shape]) -> Result<Shape, String> {
        let one = || match inputs {
            [shape] => Ok(*shape),
            _ => Err(format!("{} takes one input, found {}", self.name(), inputs.len())),
        };
        let map = || as_map(one()?);
        match *self {
            Self::Input => Err("only the first node is the input".into()),
            Self::Conv2d { filters, kernel, strides, padding, .. } => {
                let [h, w] = convolved(one()?, kernel, strides, padding)?;
                if filters == 0 {
                    return Err("filters must be at least 1".into());
                }
                Ok(Shape::Map { h, w, c: filters })
            }
            Self::DepthwiseConv2d { kernel, multiplier, strides, padding, .. } => {
                let [_, _, c] = map()?;
                let [h, w] = convolved(one()?, kernel, strides, padding)?;
                if multiplier == 0 {
                    return Err("multiplier must be at least 1".into());
                }
                Ok(Shape::Map { h, w, c: c.checked_mul(multiplier).ok_or("too many channels")? })
            }
            Self::MaxPool2d { window } | Self::AvgPool2d { window } => pooled(one()?, window),
            Self::StdPool2d { window, epsilon } => {
                check_epsilon(epsilon)?;
                pooled(one()?, window)
            }
            Self::BatchNorm { momentum, epsilon, .. } => {
                if !(0.0..1.0).contains(&momentum) {
                    return Err(format!(
                        "momentum must be at least 0 and below 1, found {momentum}"
                    ));
                }
                check_epsilon(epsilon)?;
                one()
            }
            Self::Activation { function: Function::LeakyRelu { slope } }
                if !(slope.is_finite() && slope >= 0.0) =>
            {
                Err(format!("slope must be 0 or more, found {slope}"))
            }
            Self::Activation { .. } => one(),
            Self::Dropout { rate } if !(0.0..1.0).contains(&rate) => {
                Err(format!("rate must be at least 0 and below 1, found {rate}"))
            }
            Self::Dropout { .. } => one(),
            Self::Crop { bands } => {
                let [h, w, c] = map()?;
                if bands == 0 || bands > h {
                    return Err(format!("expected 1 to {h} bands to keep, found {bands}"));
                }
                Ok(Shape::Map { h: bands, w, c })
            }
            Self::AxisToChannels { axis } => {
                let [h, w, c] = map()?;
                // Elements are counted where nodes are pushed; a product beyond that is refused here.
                let times = |n: usize| n.checked_mul(c).ok_or("too many channels");
                Ok(match axis {
                    Axis::Mel => Shape::Map { h: 1, w, c: times(h)? },
                    Axis::Time => Shape::Map { h, w: 1, c: times(w)? },
                })
            }
            Self::Flatten => one().map(|shape| Shape::Flat(shape.len())),
            Self::Concat => concat_output(inputs),
            Self::Add => match inputs {
                [a, b] if a == b => Ok(*a),
                [a, b] => Err(format!("expected two inputs of one shape, found {a} and {b}")),
                _ => Err(format!("add takes two inputs, found {}", inputs.len())),
            },
            Self::Dense { units, l2, .. } => match one()? {
                Shape::Flat(_) if units == 0 => Err("units must be at least 1".into()),
                Shape::Flat(_) if !(l2.is_finite() && l2 >= 0.0) => {
                    Err(format!("l2 must be 0 or more, found {l2}"))
                }
                Shape::Flat(_) => Ok(Shape::Flat(units)),
                shape => {
                    Err(format!("expected a vector as input, found {shape}; flatten it first"))
                }
            },
            Self::Softmax => match one()? {
                Shape::Flat(n) if n >= 2 => Ok(Shape::Flat(n)),
                shape => Err(format!("expected a vector of two or more logits, found {shape}")),
            },
        }
    }
}

/// The shape of an input.
fn as_map(shape: Shape) -> Result<[usize; 3], String> {
    match shape {
        Shape::Map { h, w, c } => Ok([h, w, c]),
        Shape::Flat(n) => Err(format!("expected a map [h, w, c] as input, found [{n}]")),
    }
}

/// Rows and columns that a convolution makes of its input.
fn convolved(
    input: Shape,
    kernel: [usize; 2],
    strides: [usize; 2],
    padding: Padding,
) -> Result<[usize; 2], String> {
    let [h, w, _] = as_map(input)?;
    let ([k_h, k_w], [s_h, s_w]) = (kernel, strides);
    if k_h == 0 || k_w == 0 {
        return Err("the kernel must be at least [1, 1]".into());
    }
    if s_h == 0 || s_w == 0 {
        return Err("strides must be at least [1, 1]".into());
    }
    match (padding.along(h, k_h, s_h), padding.along(w, k_w, s_w)) {
        (Some(rows), Some(columns)) => Ok([rows.out, columns.out]),
        _ => Err(format!("kernel [{k_h}, {k_w}] is larger than its input {input}")),
    }
}

/// What a pooling makes of its input.
fn pooled(input: Shape, [k_h, k_w]: [usize; 2]) -> Result<Shape, String> {
    let [h, w, c] = as_map(input)?;
    if k_h == 0 || k_w == 0 {
        return Err("the window must be at least [1, 1]".into());
    }
    if k_h > h || k_w > w {
        return Err(format!("window [{k_h}, {k_w}] is larger than its input {input}"));
    }
    Ok(Shape::Map { h: h / k_h, w: w / k_w, c })
}

fn check_epsilon(epsilon: f32) -> Result<(), String> {
    // Some GPUs take a subnormal number for 0.
    let is_valid = epsilon.is_normal() && epsilon > 0.0;
    is_valid.then_some(()).ok_or_else(|| format!("epsilon must be more than 0, found {epsilon}"))
}

fn concat_output(inputs: &[Shape]) -> Result<Shape, String> {
    let [first, rest @ ..] = inputs else {
        return Err("concat takes two or more inputs, found none".into());
    };
    if rest.is_empty() {
        return Err("concat takes two or more inputs, found 1".into());
    }
    rest.iter().try_fold(*first, |joined, shape| match (joined, *shape) {
        (Shape::Map { h, w, c }, Shape::Map { h: h2, w: w2, c: c2 }) if h == h2 && w == w2 => {
            Ok(Shape::Map { h, w, c: c + c2 })
        }
        (Shape::Flat(a), Shape::Flat(b)) => Ok(Shape::Flat(a + b)),
        _ => {
            Err(format!("expected inputs that agree with {first} but for channels, found {shape}"))
        }
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::graph) const MAP: Shape = Shape::Map { h: 3, w: 5, c: 2 };

    pub(in crate::graph) fn conv(kernel: [usize; 2], padding: Padding) -> Op {
        strided(kernel, [1, 1], padding)
    }

    fn strided(kernel: [usize; 2], strides: [usize; 2], padding: Padding) -> Op {
        Op::Conv2d {
            filters: 4,
            kernel,
            strides,
            padding,
            bias: true,
            activation: Activation::Relu,
        }
    }

    #[test]
    fn strides_follow_keras() {
        let along = |n, k, stride| {
            let Border { out, before, after } = Padding::Same.along(n, k, stride).unwrap();
            (out, before, after)
        };
        assert_eq!(along(10, 3, 2), (5, 0, 1));
        assert_eq!(along(11, 3, 2), (6, 1, 1));
        assert_eq!(along(10, 5, 3), (4, 2, 2));
        assert_eq!(along(10, 1, 4), (3, 0, 0), "the kernel skips elements");
        assert_eq!(along(10, 4, 1), (10, 1, 2));
        assert_eq!(along(3, 9, 7), (1, 3, 3));
        let shape = |kernel, strides, padding| strided(kernel, strides, padding).output(&[MAP]);
        assert_eq!(shape([3, 3], [2, 2], Padding::Same), Ok(Shape::Map { h: 2, w: 3, c: 4 }));
        assert_eq!(shape([2, 2], [2, 3], Padding::Valid), Ok(Shape::Map { h: 1, w: 2, c: 4 }));
        let depthwise = Op::DepthwiseConv2d {
            kernel: [3, 3],
            multiplier: 3,
            strides: [1, 2],
            padding: Padding::Same,
            bias: true,
            activation: Activation::Linear,
        };
        assert_eq!(depthwise.output(&[MAP]), Ok(Shape::Map { h: 3, w: 3, c: 6 }));
        let error = shape([3, 3], [0, 1], Padding::Same).unwrap_err();
        assert_eq!(error, "strides must be at least [1, 1]");
    }

    #[test]
    fn shapes_follow_keras() {
        let shape = |op: Op| op.output(&[MAP]);
        assert_eq!(shape(conv([5, 5], Padding::Same)), Ok(Shape::Map { h: 3, w: 5, c: 4 }));
        assert_eq!(shape(conv([3, 2], Padding::Valid)), Ok(Shape::Map { h: 1, w: 4, c: 4 }));
        assert_eq!(shape(Op::MaxPool2d { window: [2, 2] }), Ok(Shape::Map { h: 1, w: 2, c: 2 }));
        assert_eq!(shape(Op::AvgPool2d { window: [3, 5] }), Ok(Shape::Map { h: 1, w: 1, c: 2 }));
        let std = |window, epsilon| shape(Op::StdPool2d { window, epsilon });
        assert_eq!(std([2, 5], 1e-3), Ok(Shape::Map { h: 1, w: 1, c: 2 }));
        assert_eq!(std([2, 5], 0.0).unwrap_err(), "epsilon must be more than 0, found 0");
        let to_channels = |axis| shape(Op::AxisToChannels { axis });
        assert_eq!(to_channels(Axis::Mel), Ok(Shape::Map { h: 1, w: 5, c: 6 }));
        assert_eq!(to_channels(Axis::Time), Ok(Shape::Map { h: 3, w: 1, c: 10 }));
        assert_eq!(shape(Op::Crop { bands: 2 }), Ok(Shape::Map { h: 2, w: 5, c: 2 }));
        assert!(shape(Op::Crop { bands: 4 }).is_err());
        let leaky = |slope| Op::Activation { function: Function::LeakyRelu { slope } };
        assert_eq!(shape(leaky(0.0)), Ok(MAP));
        assert_eq!(shape(leaky(-1.0)).unwrap_err(), "slope must be 0 or more, found -1");
        assert_eq!(shape(Op::Dropout { rate: 0.5 }), Ok(MAP));
        assert!(shape(Op::Dropout { rate: 1.0 }).is_err());
        assert_eq!(shape(Op::Flatten), Ok(Shape::Flat(30)));
        assert_eq!(Op::Concat.output(&[MAP, MAP]), Ok(Shape::Map { h: 3, w: 5, c: 4 }));
        assert_eq!(Op::Add.output(&[MAP, MAP]), Ok(MAP));
        let unlike = Op::Add.output(&[MAP, Shape::Flat(30)]);
        assert_eq!(
            unlike.unwrap_err(),
            "expected two inputs of one shape, found [3, 5, 2] and [30]"
        );
        assert_eq!(Op::Add.output(&[MAP]).unwrap_err(), "add takes two inputs, found 1");
    }
}
