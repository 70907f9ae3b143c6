//! How much of a convolution one thread of the tiled kernels owns.

use super::adapter::Kind;

/// Wide tiles load less for each product, narrow ones leave registers and work for more threads.
/// Results are the same but for the order in which parts of weight gradients are added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tiles {
    /// What measures best on llvmpipe, where a load costs as much as dozens of products and two
    /// cores have nothing to gain from more threads.
    Wide,
    /// Half of that: for hardware, whose thousands of lanes a small batch must fill. By reason,
    /// not yet by measurement.
    Narrow,
}

impl Tiles {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Wide, Self::Narrow];

    /// Its name on the command line and in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Wide => "wide",
            Self::Narrow => "narrow",
        }
    }

    /// Those for an adapter of which nothing else is known.
    pub(super) fn of(kind: Kind) -> Self {
        match kind {
            Kind::Software => Self::Wide,
            Kind::Discrete | Kind::Integrated | Kind::Virtual | Kind::Other => Self::Narrow,
        }
    }

    fn choose(self, wide: usize, narrow: usize) -> usize {
        match self {
            Self::Wide => wide,
            Self::Narrow => narrow,
        }
    }

    /// Blocks of four output channels that a thread sums over 8 columns.
    pub(super) fn forward_blocks(self) -> usize {
        self.choose(4, 2)
    }

    /// The same over 8 columns of 2 rows, under a pooling.
    pub(super) fn pooled_blocks(self) -> usize {
        self.choose(2, 1)
    }

    /// Input channels that a thread sums gradients of, over 8 columns.
    pub(super) fn input_channels(self) -> usize {
        self.choose(8, 4)
    }

    /// Blocks of four output channels whose weight gradients a thread sums, over 25 taps.
    pub(super) fn weight_blocks(self) -> usize {
        self.choose(2, 1)
    }

    /// Rows of the output whose products one thread sums for the weight gradients: many for few
    /// parts to add up, few for many threads. Even, so that windows of a pooling stay whole.
    pub(super) fn rows_per_part(self) -> usize {
        self.choose(10, 4)
    }
}
