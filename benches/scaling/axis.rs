//! What is varied, the rest standing still.

use genre_gpu::device::Device;

use super::point::Point;

/// Along which the cost is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Axis {
    /// Samples of an epoch.
    Samples,
    /// Pixels of a sample.
    Pixels,
    /// Filters of each convolution, as a multiple of P1's.
    Channels,
    /// Samples of a step.
    Batch,
}

impl Axis {
    pub(crate) const ALL: [Self; 4] = [Self::Samples, Self::Pixels, Self::Channels, Self::Batch];

    pub(crate) fn points(self, quick: bool, device: Device) -> Vec<Point> {
        let (seconds, samples) = if quick { (0.3, 336) } else { (3.0, 3360) };
        let step = Point { samples: 32, size: 80, channels: 1, batch: 32, seconds, device };
        match self {
            Self::Samples => {
                let point = |times: usize| Point { samples: samples * times, ..step };
                [1, 4, 16].map(point).to_vec()
            }
            Self::Pixels => {
                let sizes: &[usize] =
                    if quick { &[40, 80, 160] } else { &[40, 64, 80, 112, 160, 208, 256] };
                sizes.iter().map(|&size| Point { size, ..step }).collect()
            }
            Self::Channels => {
                let times: &[usize] = if quick { &[1, 2, 4] } else { &[1, 2, 4, 8, 16] };
                times.iter().map(|&channels| Point { channels, ..step }).collect()
            }
            Self::Batch => {
                let sizes: &[usize] =
                    if quick { &[8, 32, 128] } else { &[8, 16, 32, 64, 128, 256, 512] };
                sizes.iter().map(|&batch| Point { batch, samples: batch, ..step }).collect()
            }
        }
    }

    pub(crate) fn value(self, point: &Point) -> usize {
        match self {
            Self::Samples => point.samples,
            Self::Pixels => point.size * point.size,
            Self::Channels => point.channels,
            Self::Batch => point.batch,
        }
    }

    pub(crate) fn label(self, point: &Point) -> String {
        match self {
            Self::Pixels => format!("{0}x{0}", point.size),
            Self::Channels => format!("x{}", point.channels),
            Self::Samples | Self::Batch => self.value(point).to_string(),
        }
    }

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Samples => "samples",
            Self::Pixels => "image size",
            Self::Channels => "channels",
            Self::Batch => "batch",
        }
    }

    /// What is timed, in words, and from the time of a whole pass over a point's samples.
    pub(crate) fn unit(self) -> &'static str {
        match self {
            Self::Samples => "ms/epoch",
            Self::Pixels | Self::Channels => "ms/step",
            Self::Batch => "us/sample",
        }
    }

    /// From the seconds of a pass over a point's samples.
    pub(crate) fn time(self, seconds: f64, point: &Point) -> f64 {
        match self {
            Self::Samples | Self::Pixels | Self::Channels => 1e3 * seconds,
            Self::Batch => 1e6 * seconds / point.samples as f64,
        }
    }

    /// The exponent that is to be expected, and why.
    pub(crate) fn expected(self) -> &'static str {
        match self {
            Self::Samples => "1: each sample costs the same",
            Self::Pixels => "1: each pixel costs the same",
            Self::Channels => {
                "2 for convolutions that read channels too, 1 for the first and the dense layer"
            }
            Self::Batch => {
                "0: a sample costs the same in any batch, but for what a step costs by itself"
            }
        }
    }
}
