//! What a workgroup stages in its memory, and how its threads share it: shapes of `forward_staged` and
//! `backward_staged`, chosen so that all of it fits and few threads are left over.

use super::{GROUP, TAPS, TileConfig};
use crate::ops::conv2d::Conv2d;
use crate::ops::gpu::switch;
use crate::ops::split_k::SplitK;

/// Vectors of four columns of x that a workgroup of `forward_staged` holds.
const FORWARD_X: usize = 512;
/// Columns of a cell of `forward_staged`.
const CELL_COLUMNS: usize = 4;
/// Rows that a thread of `forward_staged` loads before it stores the first.
const ROWS_AHEAD: usize = 4;
/// Instructions of a thread for each element of x that it stages, about.
const STAGED_COST: usize = 17;
/// The same for each vector of dz.
const DZ_COST: usize = 40;
/// Instructions of a thread for the weight gradients of a run, about.
const RUN_COST: usize = 120;
/// Threads of a workgroup of `backward_staged`.
const BACKWARD_GROUP: usize = 128;
/// Vectors of x and dz that it holds.
const BACKWARD_MEMORY: usize = 1024;
/// Columns that a thread owns of a run of positions or of dx, or of a staged vector of x.
const RUN: usize = 4;
/// Threads that share a tile of the kernel, at least, where so many blocks of channels allow it.
const SPLITS: usize = 3;

impl TileConfig {
    /// Workgroups that keep the GPU busy: threads own less where there are fewer. A graphics card has
    /// hundreds of slots for a warp; one in a processor has 24 to 40, and time goes to instructions, of
    /// which larger tiles need fewer.
    fn busy(self) -> usize {
        self.choose(512, 512, 48)
    }
}

/// Shapes of `forward_staged`.
#[derive(Debug)]
pub(super) struct Forward {
    tall: bool,
    tile_h: usize,
    tile_w: usize,
    chunk: usize,
    /// Workgroups of a sample and a layer.
    pub(super) groups: usize,
}

impl Forward {
    /// The tile of cells with the least work for all workgroups; none if the memory does not hold what
    /// one cell reads.
    pub(super) fn new(op: &Conv2d) -> Option<Self> {
        let d = &op.extents;
        let tall = op.pool().is_some() || d.h_out > 1;
        let height = if tall { 2 } else { 1 };
        let (cells_h, cells_w) = match op.pool() {
            Some(pool) => (pool.h_out, pool.w_out.div_ceil(CELL_COLUMNS / 2)),
            None => (d.h_out.div_ceil(height), d.w_out.div_ceil(CELL_COLUMNS)),
        };
        let groups_j = ((d.k_w + 2) / 4).max(1);
        let area = |h: usize, w: usize| ((height * h + d.k_h - 1) * (w + groups_j)) | 1;
        let tiles = (1..=cells_w.min(GROUP)).flat_map(|tile_w| {
            let heights = 1..=cells_h.min(GROUP / tile_w);
            heights.map(move |tile_h| (tile_h, tile_w))
        });
        // A thread's multiply-adds over one channel, and what it stages of one.
        let cost = |(tile_h, tile_w): (usize, usize)| {
            let groups = cells_h.div_ceil(tile_h) * cells_w.div_ceil(tile_w);
            let chunk = chunk(d.c_in, area(tile_h, tile_w));
            let width = 4 * (tile_w + groups_j) * chunk;
            let down = GROUP / width.min(GROUP);
            let rows = (height * tile_h + d.k_h - 1).div_ceil(down).next_multiple_of(ROWS_AHEAD);
            let staged = STAGED_COST * rows * width.div_ceil(GROUP);
            let computed = d.k_h * d.k_w * height * 4 * CELL_COLUMNS * chunk;
            groups * d.c_in.div_ceil(chunk) * (staged + computed)
        };
        let (tile_h, tile_w) = tiles
            .filter(|(h, w)| area(*h, *w) <= FORWARD_X)
            .min_by_key(|(h, w)| (cost((*h, *w)), area(*h, *w)))?;
        let groups = cells_h.div_ceil(tile_h) * cells_w.div_ceil(tile_w);
        Some(Self { tall, tile_h, tile_w, chunk: chunk(d.c_in, area(tile_h, tile_w)), groups })
    }

    /// Blocks of four output channels that a thread sums, of so many.
    pub(super) fn blocks(&self, fours: usize, batch: usize, tiles: TileConfig) -> usize {
        let enough = batch * self.groups * fours / 2 >= tiles.busy();
        fours.min(if enough { 2 } else { 1 })
    }

    pub(super) fn constants(&self) -> [(&'static str, f64); 4] {
        let [tile_h, tile_w, chunk] =
            [("tile_h", self.tile_h), ("tile_w", self.tile_w), ("chunk", self.chunk)]
                .map(|(name, value)| (name, value as f64));
        [switch("tall", self.tall), tile_h, tile_w, chunk]
    }
}

/// Channels that are staged at a time, of a plane of so many vectors each: as even parts as possible.
fn chunk(channels: usize, plane: usize) -> usize {
    let most = (FORWARD_X / plane).max(1);
    channels.div_ceil(channels.div_ceil(most))
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
        let enough =
            |channels: usize| batch * groups * d.c_in.div_ceil(channels) >= tiles.busy() / 2;
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

/// Rows and columns of the output that are staged at a time: those with the least work of a thread.
fn weight_tile(op: &Conv2d, rows: usize, blocks: usize, splits: usize) -> Option<(usize, usize)> {
    let d = &op.extents;
    let most = d.w_out.div_ceil(RUN);
    let window = (TAPS * d.k_w.div_ceil(TAPS) - 1).div_ceil(RUN);
    let plane = |h: usize, runs: usize| ((h + d.k_h - 1) * (runs + window)) | 1;
    let memory = |h: usize, runs: usize| d.c_in * plane(h, runs) + h * runs * RUN * blocks;
    let tiles = (1..=most).map(|pieces| most.div_ceil(pieces)).flat_map(|runs| {
        (1..=rows).filter(move |h| memory(*h, runs) <= BACKWARD_MEMORY).map(move |h| (h, runs))
    });
    // Instructions of a thread, about.
    let cost = |(h, runs): (usize, usize)| {
        let pieces = rows.div_ceil(h) * most.div_ceil(runs);
        let x = STAGED_COST * (RUN * d.c_in * plane(h, runs)).div_ceil(BACKWARD_GROUP);
        let dz = DZ_COST * (h * runs * RUN * blocks).div_ceil(BACKWARD_GROUP);
        pieces * (x + dz + RUN_COST * (h * runs).div_ceil(splits))
    };
    let (h, runs) = tiles.min_by_key(|tile| cost(*tile))?;
    Some((h, runs * RUN))
}

/// Rows and columns of dx of a workgroup, and the workgroups of a sample: the fewest, and of those the
/// ones that stage least.
fn input_tile(op: &Conv2d) -> Option<(usize, usize, usize)> {
    let d = &op.extents;
    let window = ((d.k_w + 2) / 4).max(1);
    let area = |h: usize, runs: usize| (h + d.k_h - 1) * (runs + window) * RUN;
    let most = d.w_in.div_ceil(RUN).min(BACKWARD_GROUP);
    let tiles = (1..=most).filter_map(|runs| {
        let most = d.h_in.min(BACKWARD_GROUP / runs);
        let in_h = (1..=most).rev().find(|h| area(*h, runs) <= BACKWARD_MEMORY)?;
        Some((in_h, runs, d.h_in.div_ceil(in_h) * d.w_in.div_ceil(runs * RUN)))
    });
    let (in_h, runs, groups) = tiles.min_by_key(|(h, runs, groups)| (*groups, area(*h, *runs)))?;
    Some((in_h, runs * RUN, groups))
}
