//! A kernel and bias in the order of the forward loops.

use super::super::Extents;
use crate::simd::Aligned;

/// Taps that are taken together where `left` of a kernel row are left.
pub(super) fn group(left: usize) -> usize {
    match left {
        5.. => 5,
        3.. => 3,
        _ => 1,
    }
}

/// Output channels that one vector holds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Block {
    /// The first channel.
    pub(crate) o: usize,
    /// Channels, at most `lanes`.
    pub(crate) count: usize,
    /// Floats of the vector: 4, 8 or 16.
    pub(crate) lanes: usize,
    /// Offset of its weights: for each kernel row and [`group`] of taps `[c_in, taps, lanes]`, zeros
    /// beyond `count`.
    pub(super) at: usize,
    /// Offset of its bias.
    pub(super) bias_at: usize,
}

/// Weights by blocks of channels.
#[derive(Debug)]
pub(crate) struct Packed {
    pub(crate) blocks: Vec<Block>,
    weights: Aligned,
    bias: Aligned,
}

impl Packed {
    /// For vectors of up to `widest` floats.
    pub(crate) fn new(d: Extents, widest: usize) -> Self {
        let taps = d.k_h * d.run();
        let (mut blocks, mut o, mut at, mut bias_at) = (Vec::new(), 0, 0, 0);
        while o < d.c_out {
            let left = d.c_out - o;
            // The narrowest that holds all that is left, or else the widest.
            let lanes = [4, 8, 16].into_iter().find(|lanes| left <= *lanes).unwrap_or(16);
            // Half full is no better than two of half the width.
            let lanes = if lanes > 4 && left <= lanes * 5 / 8 { lanes / 2 } else { lanes };
            let lanes = lanes.min(widest.max(4));
            let count = left.min(lanes);
            blocks.push(Block { o, count, lanes, at, bias_at });
            o += count;
            at += taps * lanes;
            bias_at += lanes;
        }
        Self { blocks, weights: Aligned::zeros(at), bias: Aligned::zeros(bias_at) }
    }

    /// Packs `w` (`[k_h, k_w, c_in, c_out]`) and `b` (`[c_out]`).
    pub(crate) fn pack(&mut self, d: Extents, w: &[f32], b: Option<&[f32]>) {
        for block in &self.blocks {
            let Block { o, count, lanes, at, bias_at } = *block;
            let mut to = self.weights[at..].chunks_exact_mut(lanes);
            for row in w.chunks_exact(d.run() * d.c_out) {
                let mut first = 0;
                while first < d.k_w {
                    let taps = group(d.k_w - first);
                    for c in 0..d.c_in {
                        for (j, to) in (first..first + taps).zip(&mut to) {
                            let from = &row[(j * d.c_in + c) * d.c_out + o..][..count];
                            to[..count].copy_from_slice(from);
                        }
                    }
                    first += taps;
                }
            }
            if let Some(b) = b {
                self.bias[bias_at..][..count].copy_from_slice(&b[o..o + count]);
            }
        }
    }

    pub(super) fn weights(&self, d: Extents, block: Block) -> &[f32] {
        &self.weights[block.at..][..d.k_h * d.run() * block.lanes]
    }

    pub(super) fn bias(&self, block: Block) -> &[f32] {
        &self.bias[block.bias_at..][..block.lanes]
    }
}
