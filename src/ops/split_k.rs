//! Split-K: a sum over the batch and its positions (the K of a matrix product) is computed as
//! partial sums of independent parts, which a later pass reduces in a fixed order. The weight
//! gradients of convolutions and the sums of batch norms are computed so: one thread for each
//! element of the result would leave most of a GPU idle, and drivers end a shader whose loops are
//! long (llvmpipe after 65,535 iterations).
//!
//! ```text
//! samples   0        1        2        3         partial sums [parts, stride]
//! rows    ┌────┐   ┌────┐   ┌────┐   ┌────┐
//!  0      │ p0 │   │ p2 │   │ p4 │   │ p6 │      part = sample / samples_per_part · parts_per_sample
//!  ⋮      ├────┤   ├────┤   ├────┤   ├────┤             + row / rows_per_part
//!         │ p1 │   │ p3 │   │ p5 │   │ p7 │
//!         └────┘   └────┘   └────┘   └────┘
//! ```

/// How a sum is split, and the size of its partial sums.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SplitK {
    /// Samples in a part: more than one only if a part has whole samples.
    pub samples_per_part: usize,
    /// Rows, positions or windows of a sample in a part.
    pub rows_per_part: usize,
    /// Parts of one sample, or of one group of `samples_per_part`.
    pub parts_per_sample: usize,
    /// Elements of a part's sums.
    pub stride: usize,
}

/// Most positions of a thread: see the limit of llvmpipe above.
pub(crate) const MAX_POSITIONS: usize = 1 << 14;

impl SplitK {
    /// Parts of `rows_per_part` rows of one sample.
    pub fn by_rows(rows: usize, rows_per_part: usize, stride: usize) -> Self {
        let parts_per_sample = rows.div_ceil(rows_per_part);
        Self { samples_per_part: 1, rows_per_part, parts_per_sample, stride }
    }

    /// Parts of `samples_per_part` whole samples; `rows_per_part` is at least the rows of one.
    pub fn by_samples(samples_per_part: usize, rows_per_part: usize, stride: usize) -> Self {
        Self { samples_per_part, rows_per_part, parts_per_sample: 1, stride }
    }

    /// The finest of the splits into `by_rows` and into 1, 2, 4, … whole samples whose partial
    /// sums have at most `limit` elements; one part for the batch if none has.
    pub fn within(self, batch: usize, whole_rows: usize, limit: usize) -> Self {
        let whole = |samples| Self::by_samples(samples, whole_rows, self.stride);
        let doubling = std::iter::successors(Some(1), |samples| Some(2 * samples));
        let coarser = doubling.take_while(|samples| *samples < batch).map(whole);
        let mut splits = std::iter::once(self).chain(coarser);
        splits.find(|split| split.len(batch) <= limit).unwrap_or_else(|| whole(batch))
    }

    /// Number of parts of a batch.
    pub fn parts(&self, batch: usize) -> usize {
        batch.div_ceil(self.samples_per_part) * self.parts_per_sample
    }

    /// Elements of the partial sums of a batch.
    pub fn len(&self, batch: usize) -> usize {
        self.parts(batch) * self.stride
    }
}

/// Lays the partial sums of several nodes one behind another, each at a multiple of `align`
/// elements: `split(node, limit)` splits a node's sum into at most `limit` elements. The splits are
/// chosen so that all have at most `limit` elements, unless their coarsest have more. Returns
/// each node's split with its first element, and the elements of all.
pub(crate) fn lay_out(
    nodes: usize,
    batch: usize,
    align: usize,
    limit: usize,
    split: impl Fn(usize, usize) -> Option<SplitK>,
) -> (Vec<Option<(SplitK, usize)>>, usize) {
    let aligned = |split: SplitK| split.len(batch).next_multiple_of(align);
    let coarsest = |node: usize| split(node, 0).map_or(0, aligned);
    let mut reserved: usize = (0..nodes).map(coarsest).sum();
    let mut used = 0;
    let starts = (0..nodes)
        .map(|node| {
            reserved -= coarsest(node);
            let room = limit.saturating_sub(used + reserved) / align * align;
            let split = split(node, room)?;
            let start = used;
            used += aligned(split);
            Some((split, start))
        })
        .collect();
    (starts, used)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_become_coarser_until_they_fit() {
        let fine = SplitK::by_rows(10, 4, 7);
        assert_eq!((fine.parts_per_sample, fine.parts(5), fine.len(5)), (3, 15, 105));
        assert_eq!(fine.within(5, 10, 105), fine);
        assert_eq!(fine.within(5, 10, 104), SplitK::by_samples(1, 10, 7));
        assert_eq!(fine.within(5, 10, 34), SplitK::by_samples(2, 10, 7));
        assert_eq!(fine.within(5, 10, 0), SplitK::by_samples(5, 10, 7));
    }

    #[test]
    fn later_nodes_have_room_for_their_coarsest_split() {
        let split = |_, limit| Some(SplitK::by_rows(8, 2, 4).within(4, 8, limit));
        let (starts, len) = lay_out(2, 4, 4, 64 + 16, split);
        let starts: Vec<_> = starts.into_iter().flatten().collect();
        assert_eq!(starts[0], (SplitK::by_rows(8, 2, 4), 0));
        assert_eq!(starts[1], (SplitK::by_samples(1, 8, 4), 64));
        assert_eq!(len, 80);
    }
}
