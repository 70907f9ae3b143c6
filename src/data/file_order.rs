//! Where the elements of a file go that is in another order than what is made of it.

/// Where the elements of a file go, one after the other, in row-major order.
pub(super) struct FileOrder {
    /// Extent, stride in the result and position of each axis, the file's fastest first.
    axes: Vec<(usize, usize, usize)>,
    offset: usize,
}

impl FileOrder {
    pub(super) fn new(shape: &[usize], fortran: bool, transpose: bool) -> Self {
        // Axes from the result's slowest to its fastest, then their strides.
        let mut by_result: Vec<usize> = (0..shape.len()).collect();
        if transpose && shape.len() > 2 {
            by_result.swap(1, 2);
        }
        let extent = |axis: usize| shape.get(axis).copied().unwrap_or(1);
        let mut stride = 1;
        let mut axes: Vec<(usize, usize, usize)> = Vec::new();
        for &axis in by_result.iter().rev() {
            axes.push((axis, stride, 0));
            stride *= extent(axis);
        }
        axes.sort_by_key(|&(axis, ..)| if fortran { axis } else { usize::MAX - axis });
        for axis in &mut axes {
            axis.0 = extent(axis.0);
        }
        // An axis of one element never moves.
        axes.retain(|&(extent, ..)| extent != 1);
        Self { axes, offset: 0 }
    }

    /// The file's order is the result's.
    pub(super) fn is_sequential(&self) -> bool {
        let mut next = 1;
        self.axes.iter().all(|&(extent, stride, _)| {
            let fits = stride == next;
            next *= extent;
            fits
        })
    }

    /// The place of the file's next element.
    pub(super) fn next(&mut self) -> usize {
        let here = self.offset;
        for (extent, stride, position) in &mut self.axes {
            *position += 1;
            self.offset += *stride;
            if *position < *extent {
                break;
            }
            self.offset -= *stride * *extent;
            *position = 0;
        }
        here
    }
}
