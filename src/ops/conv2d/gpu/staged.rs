//! What a workgroup stages in its memory, and how its threads share it: shapes of `forward_staged` and
//! `backward_staged`, chosen so that all of it fits and few threads are left over.

use super::{GROUP, TAPS, TileConfig};
use crate::ops::conv2d::Conv2d;
use crate::ops::split_k::SplitK;

/// Elements of x that a workgroup of `forward_staged` holds.
const FORWARD_X: usize = 2048;
/// Threads of a workgroup of `backward_staged`.
const BACKWARD_GROUP: usize = 128;
/// Elements of x that it holds.
const BACKWARD_X: usize = 1528;
/// Blocks of four channels of dz that it holds.
const BACKWARD_DZ: usize = 640;
/// Columns of dx that a thread owns.
const INPUT_COLUMNS: usize = 4;
/// Threads that share a tile of the kernel, at least, where so many blocks of channels allow it.
const SPLITS: usize = 3;

/// Workgroups that keep a graphics card busy: threads own less where there are fewer.
const BUSY: usize = 512;

/// Shapes of `forward_staged`.
#[derive(Debug)]
pub(super) struct Forward {
    tile_h: usize,
    tile_w: usize,
    chunk: usize,
    /// Workgroups of a sample and a layer.
    pub(super) groups: usize,
}

impl Forward {
    /// The tile of cells that needs the fewest workgroups, and of those the one that stages least;
    /// none if the memory does not hold what one cell reads.
    pub(super) fn new(op: &Conv2d) -> Option<Self> {
        let d = &op.extents;
        let (height, cells_h, cells_w) = match op.pool() {
            Some(pool) => (2, pool.h_out, pool.w_out),
            None => (1, d.h_out, d.w_out.div_ceil(2)),
        };
        let area = |h: usize, w: usize| (height * h + d.k_h - 1) * (2 * w + d.k_w - 1);
        let tiles = (1..=cells_w.min(GROUP)).filter_map(|tile_w| {
            let most = cells_h.min(GROUP / tile_w);
            let tile_h = (1..=most).rev().find(|h| area(*h, tile_w) <= FORWARD_X)?;
            Some((cells_h.div_ceil(tile_h) * cells_w.div_ceil(tile_w), tile_h, tile_w))
        });
        let (groups, tile_h, tile_w) =
            tiles.min_by_key(|(groups, h, w)| (*groups, area(*h, *w)))?;
        let chunk = d.c_in.min(FORWARD_X / area(tile_h, tile_w));
        Some(Self { tile_h, tile_w, chunk, groups })
    }

    /// Blocks of four output channels that a thread sums, of so many.
    pub(super) fn blocks(&self, fours: usize, batch: usize) -> usize {
        let enough = batch * self.groups * fours / 2 >= BUSY;
        fours.min(if enough { 2 } else { 1 })
    }

    pub(super) fn constants(&self) -> [(&'static str, f64); 3] {
        [("tile_h", self.tile_h), ("tile_w", self.tile_w), ("chunk", self.chunk)]
            .map(|(name, value)| (name, value as f64))
    }
}

/// Shapes of `backward_staged`.
#[derive(Debug)]
pub(super) struct Backward {
    tile_h: usize,
    tile_w: usize,
    blocks: usize,
    splits: usize,
    in_h: usize,
    in_w: usize,
    channels: usize,
    /// Workgroups of a part of the weight gradients.
    pub(super) weight_groups: usize,
    /// Workgroups of a sample of dx.
    pub(super) input_groups: usize,
}

impl Backward {
    /// None if a workgroup has too few threads or too little memory for one block of channels.
    pub(super) fn new(
        op: &Conv2d,
        tiles: TileConfig,
        split: &SplitK,
        batch: usize,
    ) -> Option<Self> {
        let d = &op.extents;
        let fours = d.c_out / 4;
        // Tiles of the kernel with one block of channels: as many blocks as leave some threads for each.
        let of_block = d.k_h * d.c_in * d.k_w.div_ceil(TAPS);
        let with = |splits: usize| BACKWARD_GROUP / splits / of_block;
        let blocks = fours.min(with(SPLITS).max(with(1).min(1)));
        if blocks == 0 {
            return None;
        }
        let splits = BACKWARD_GROUP / (of_block * blocks);
        let (tile_h, tile_w) = weight_tile(op, split.rows_per_part.min(d.h_out), blocks, splits)?;
        let (in_h, in_w, groups) = input_tile(op)?;
        let enough = |channels: usize| batch * groups * d.c_in.div_ceil(channels) >= BUSY / 2;
        let most = d.c_in.min(tiles.input_channels());
        let channels = if enough(most) { most } else { most.min(2) };
        Some(Self {
            tile_h,
            tile_w,
            blocks,
            splits,
            in_h,
            in_w,
            channels,
            weight_groups: fours.div_ceil(blocks),
            input_groups: groups * d.c_in.div_ceil(channels),
        })
    }

    pub(super) fn constants(&self) -> [(&'static str, f64); 7] {
        [
            ("tile_h", self.tile_h),
            ("tile_w", self.tile_w),
            ("blocks_o", self.blocks),
            ("splits", self.splits),
            ("in_h", self.in_h),
            ("in_w", self.in_w),
            ("channels", self.channels),
        ]
        .map(|(name, value)| (name, value as f64))
    }
}

/// Rows and columns of the output that are staged at a time: those with the fewest loads and steps
/// of a thread.
fn weight_tile(op: &Conv2d, rows: usize, blocks: usize, splits: usize) -> Option<(usize, usize)> {
    let d = &op.extents;
    let tiles = (1..=d.w_out).map(|pieces| d.w_out.div_ceil(pieces)).filter_map(|tile_w| {
        let of_dz = BACKWARD_DZ / (tile_w * blocks);
        let of_x = (BACKWARD_X / (d.c_in * (tile_w + d.k_w - 1))).checked_sub(d.k_h - 1)?;
        let tile_h = rows.min(of_dz).min(of_x);
        (tile_h > 0).then_some((tile_h, tile_w))
    });
    tiles.min_by_key(|(tile_h, tile_w)| {
        let positions = tile_h * tile_w;
        let x = (tile_h + d.k_h - 1) * (tile_w + d.k_w - 1) * d.c_in;
        let staged = (x + positions * blocks).div_ceil(BACKWARD_GROUP);
        let read = positions.div_ceil(splits) * (TAPS + 1);
        rows.div_ceil(*tile_h) * d.w_out.div_ceil(*tile_w) * (staged + read)
    })
}

/// Rows and columns of dx of a workgroup, and the workgroups of a sample: the fewest, and of those the
/// ones that stage least.
fn input_tile(op: &Conv2d) -> Option<(usize, usize, usize)> {
    let d = &op.extents;
    let area = |h: usize, w: usize| (h + d.k_h - 1) * (w + d.k_w - 1);
    let most = d.w_in.div_ceil(INPUT_COLUMNS).min(BACKWARD_GROUP);
    let tiles = (1..=most).filter_map(|runs| {
        let in_w = runs * INPUT_COLUMNS;
        let most = d.h_in.min(BACKWARD_GROUP / runs);
        let in_h = (1..=most).rev().find(|h| area(*h, in_w) <= BACKWARD_DZ)?;
        Some((in_h, in_w, d.h_in.div_ceil(in_h) * d.w_in.div_ceil(in_w)))
    });
    tiles.min_by_key(|(h, w, groups)| (*groups, area(*h, *w)))
}
