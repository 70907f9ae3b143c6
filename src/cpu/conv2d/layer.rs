//! A convolution made ready: its weights in the orders that the loops read, and the room
//! that the samples of one part need.

use super::super::activation;
use super::super::aligned::Aligned;
use super::super::simd::vectorised;
use super::outputs::{Outputs, first_places, place};
use super::packed::Packed;
use super::tile::Job;
use super::windows::{self, Layout};
use super::{Dims, columns, dense, sparse, tile};
use crate::graph::Activation;
use crate::plan::Gradient;

/// A convolution and its weights as the loops read them.
#[derive(Debug)]
pub(in crate::cpu) struct Conv2d {
    d: Dims,
    activation: Activation,
    /// Whether a 2×2 max-pooling is done in the same pass.
    pooled: bool,
    /// Whether the input's gradient is computed.
    learns: bool,
    packed: Packed,
    /// Of a pooling's windows.
    first_places: Vec<u32>,
    /// For the input's gradient: by windows of the pooling, or turned.
    layout: Layout,
    filters: Aligned,
    turned: Packed,
    /// Room for the sum of all parts' gradients of the kernel.
    dw: Aligned,
}

/// What one part of a batch needs.
#[derive(Debug)]
pub(in crate::cpu) struct Room {
    /// `[samples, frame]`: the inputs of the last forward, framed.
    frames: Aligned,
    /// `[samples, h, w, c_out]` after a fused pooling: which of the four won.
    corners: Vec<u32>,
    /// Of one sample behind a fused pooling: the gradients at the sums that won, and where
    /// their patches begin.
    dz: Vec<f32>,
    places: Vec<u32>,
    entries: Vec<windows::Entry>,
    /// The frame of one sample's gradient.
    frame_gradient: Aligned,
    /// Gradients of kernel, in the order of the loops, and bias.
    dw: Aligned,
    db: Vec<f32>,
}

impl Conv2d {
    pub(in crate::cpu) fn new(
        d: Dims,
        activation: Activation,
        pooled: bool,
        learns: bool,
        lanes: usize,
    ) -> Self {
        // A vector holds columns there, and four filters stand side by side.
        let widest = if pooled && columns::suits(d) { 4 } else { lanes };
        let layout = Layout::new(d);
        let filters = match (learns, pooled) {
            (false, _) => 0,
            (true, true) => layout.len(),
            (true, false) => d.kernel_len(),
        };
        let turned = if learns && !pooled { d.reversed() } else { Dims { c_out: 0, ..d } };
        Self {
            d,
            activation,
            pooled,
            learns,
            packed: Packed::new(d, widest),
            first_places: if pooled { first_places(d) } else { Vec::new() },
            layout,
            filters: Aligned::zeros(filters),
            turned: Packed::new(turned, lanes),
            dw: Aligned::zeros(if pooled { sparse::padded_len(d) } else { d.kernel_len() }),
        }
    }

    pub(in crate::cpu) fn in_len(&self) -> usize {
        self.d.in_len()
    }

    /// Elements of one sample that forward writes.
    pub(in crate::cpu) fn out_len(&self) -> usize {
        if self.pooled {
            self.d.h_out() / 2 * (self.d.w_out() / 2) * self.d.c_out
        } else {
            self.d.out_len()
        }
    }

    /// For parts of `samples`.
    pub(in crate::cpu) fn room(&self, samples: usize) -> Room {
        let (d, pooled) = (self.d, self.pooled);
        let frame = if pooled { d.frame_len() } else { d.reversed().frame_len() };
        let outputs = if pooled { self.out_len() } else { 0 };
        Room {
            frames: Aligned::zeros(samples * d.frame_len()),
            corners: vec![0; samples * outputs],
            dz: vec![0.0; outputs],
            places: vec![0; outputs],
            entries: vec![(0, 0.0); if pooled && self.learns { d.w_out() * d.c_out } else { 0 }],
            frame_gradient: Aligned::zeros(if self.learns { frame } else { 0 }),
            dw: Aligned::zeros(self.dw.len()),
            db: vec![0.0; d.c_out],
        }
    }

    /// Takes new weights, `w` as `[k_h, k_w, c_in, c_out]`.
    pub(in crate::cpu) fn take(&mut self, w: &[f32], b: Option<&[f32]>) {
        self.packed.pack(self.d, w, b);
        match (self.learns, self.pooled) {
            (false, _) => {}
            (true, true) => self.layout.pack(w, &mut self.filters),
            (true, false) => {
                dense::turn(self.d, w, &mut self.filters);
                self.turned.pack(self.d.reversed(), &self.filters, None);
            }
        }
    }

    /// The outputs of a part, after a fused pooling.
    pub(in crate::cpu) fn forward(&self, x: &[f32], y: &mut [f32], room: &mut Room) {
        let d = self.d;
        let samples = x.chunks_exact(d.in_len()).zip(y.chunks_exact_mut(self.out_len()));
        let frames = room.frames.chunks_exact_mut(d.frame_len()).enumerate();
        for ((x, y), (s, frame)) in samples.zip(frames) {
            d.fill_frame(x, frame);
            let job = Job { d, activation: self.activation, frame, packed: &self.packed };
            if self.pooled {
                let corners = &mut room.corners[s * y.len()..][..y.len()];
                if columns::suits(d) {
                    columns::forward_pooled(job, y, corners);
                } else {
                    tile::forward_pooled(job, y, corners);
                }
            } else {
                tile::forward(job, Gradient::Set, y);
            }
        }
    }

    /// The part's gradients of kernel and bias into `room`, and of the input into `dx`, from
    /// those of the outputs `y`: after a fused pooling at what it gave, else at the sum.
    pub(in crate::cpu) fn backward(
        &self,
        y: &[f32],
        dy: &[f32],
        rule: Gradient,
        dx: &mut [f32],
        room: &mut Room,
    ) {
        let (d, out) = (self.d, self.out_len());
        let Room { frames, corners, dz, places, entries, frame_gradient, dw, db } = room;
        dw.fill(0.0);
        db.fill(0.0);
        let samples = y.chunks_exact(out).zip(dy.chunks_exact(out));
        for (s, ((y, dy), frame)) in samples.zip(frames.chunks_exact(d.frame_len())).enumerate() {
            let dx = dx.get_mut(s * d.in_len()..(s + 1) * d.in_len()).unwrap_or_default();
            if self.pooled {
                let corners = &corners[s * out..][..out];
                dz.copy_from_slice(dy);
                vectorised(
                    #[inline(always)]
                    || activation::backward(self.activation, y, dz),
                );
                place(d, &self.first_places, corners, places);
                let outputs = Outputs { dz, corners, places };
                sparse::backward_weight(d, outputs, frame, dw, db);
                if rule != Gradient::Skip {
                    windows::backward_input(
                        self.layout,
                        outputs,
                        &self.filters,
                        entries,
                        frame_gradient,
                    );
                    d.read_frame(frame_gradient, rule, dx);
                }
            } else {
                dense::backward_weight(d, &self.packed, frame, dy, dw, db);
                if rule != Gradient::Skip {
                    let d = d.reversed();
                    d.fill_frame(dy, frame_gradient);
                    let activation = Activation::Linear;
                    let job = Job { d, activation, frame: frame_gradient, packed: &self.turned };
                    tile::forward(job, rule, dx);
                }
            }
        }
    }

    /// Kernel and bias gradients of all parts, summed in their order; `db` is empty where there
    /// is no bias.
    pub(in crate::cpu) fn sum<'a>(
        &mut self,
        parts: impl Iterator<Item = &'a Room>,
        dw: &mut [f32],
        db: &mut [f32],
    ) {
        self.dw.fill(0.0);
        db.fill(0.0);
        for part in parts {
            for (to, from) in [(&mut *self.dw, &*part.dw), (&mut *db, &part.db)] {
                to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
            }
        }
        if self.pooled {
            sparse::unpack(self.d, &self.dw, dw);
        } else {
            dw.copy_from_slice(&self.dw);
        }
    }
}

impl Room {
    /// Gives the gradients to another part's room.
    pub(in crate::cpu) fn hand_over(&mut self, to: &mut Self) {
        std::mem::swap(&mut self.dw, &mut to.dw);
        std::mem::swap(&mut self.db, &mut to.db);
    }
}
