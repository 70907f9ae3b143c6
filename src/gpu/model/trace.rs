//! What the threads of one workgroup did, as a list of instructions with their operands; and from it
//! the counts: dead code left out, a product and the sum that takes it as one instruction.

use serde::Serialize;

/// Lanes that execute an instruction together.
pub(super) const WARP: usize = 32;
/// Bytes of what a cache keeps together.
pub(super) const LINE: usize = 128;
/// No operand.
pub(super) const NONE: u32 = u32::MAX;
/// Instructions of an iteration besides the loop's own: the jump, and the 64-bit counter that wgpu
/// adds so that every loop ends.
pub(super) const LOOP: u16 = 7;

/// Where a load or a store goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Space {
    Storage,
    Uniform,
    Workgroup,
}

/// What an instruction is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A value without an instruction: a constant, an index, a component, a merge of two paths.
    Free,
    /// A product of floats (or, if not, of integers), which a sum may take into itself.
    Multiply(bool),
    /// A sum or a difference.
    Add(bool),
    /// Another instruction of floats.
    Float,
    /// A product and a sum in one.
    Fma,
    /// Another instruction of integers, or a comparison.
    Integer,
    /// An exponential, a logarithm, a root, a division of floats.
    Special,
    Load(Space),
    Store(Space),
    Atomic,
    Barrier,
    /// A jump that depends on a value.
    Branch,
    /// An iteration of a loop begins.
    Iteration,
}

impl Kind {
    /// Whether it has an effect besides its result.
    fn is_root(self) -> bool {
        match self {
            Self::Store(_) | Self::Atomic | Self::Barrier | Self::Branch | Self::Iteration => true,
            Self::Free
            | Self::Multiply(_)
            | Self::Add(_)
            | Self::Float
            | Self::Fma
            | Self::Integer
            | Self::Special
            | Self::Load(_) => false,
        }
    }
}

/// An instruction.
#[derive(Debug, Clone, Copy)]
pub(super) struct Node {
    pub(super) kind: Kind,
    /// Issue slots.
    pub(super) cost: u16,
    /// Registers that its result takes.
    pub(super) registers: u8,
    /// Warps with an active thread, a bit each.
    pub(super) warps: u32,
    pub(super) operands: [u32; 3],
    /// Of a load or a store: its place in [`Trace::accesses`].
    pub(super) access: u32,
}

/// What one warp's load or store touches.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Access {
    /// Distinct lines of the cache; in workgroup memory, passes over its banks.
    pub(super) lines: u16,
    /// Those that no thread of the workgroup touched before.
    pub(super) fresh: u16,
}

/// The instructions of a workgroup in the order in which they were issued.
#[derive(Debug)]
pub(super) struct Trace {
    pub(super) warps: usize,
    pub(super) nodes: Vec<Node>,
    /// By access, then by warp.
    pub(super) accesses: Vec<Access>,
}

/// Cycles of a dependent chain, by what is waited for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Chain {
    /// Issue slots of stretches in which issuing takes longer than waiting.
    pub issue: f64,
    /// Results of arithmetic.
    pub arithmetic: f64,
    /// Results of special functions.
    pub special: f64,
    /// Loads that the first-level cache or the uniform cache has.
    pub cached: f64,
    /// Loads that it does not have.
    pub loads: f64,
    /// Loads from workgroup memory.
    pub workgroup: f64,
    /// Barriers.
    pub barriers: f64,
}

impl Chain {
    /// Their mean.
    pub(super) fn mean(chains: impl ExactSizeIterator<Item = Self>) -> Self {
        let count = chains.len().max(1) as f64;
        chains.fold(Self::default(), |sum, one| Self {
            issue: sum.issue + one.issue / count,
            arithmetic: sum.arithmetic + one.arithmetic / count,
            special: sum.special + one.special / count,
            cached: sum.cached + one.cached / count,
            loads: sum.loads + one.loads / count,
            workgroup: sum.workgroup + one.workgroup / count,
            barriers: sum.barriers + one.barriers / count,
        })
    }
}

/// Waits on a path while it is looked for; lengths are compared at the latencies of a typical GPU.
#[derive(Debug, Clone, Copy, Default)]
struct Path {
    length: u32,
    issue: u32,
    arithmetic: u32,
    special: u32,
    cached: u32,
    loads: u32,
    workgroup: u32,
    barriers: u32,
}

impl Path {
    fn later(self, other: Self) -> Self {
        if other.length > self.length { other } else { self }
    }

    fn issued(mut self, slots: u32) -> Self {
        self.issue += slots;
        self.length += slots;
        self
    }

    fn arithmetic(mut self) -> Self {
        self.arithmetic += 1;
        self.length += 4;
        self
    }

    fn special(mut self) -> Self {
        self.special += 1;
        self.length += 20;
        self
    }

    fn loaded(mut self, space: Space, is_fresh: bool) -> Self {
        match (space, is_fresh) {
            (Space::Workgroup, _) => {
                self.workgroup += 1;
                self.length += 25;
            }
            (Space::Storage | Space::Uniform, false) => {
                self.cached += 1;
                self.length += 35;
            }
            (Space::Storage | Space::Uniform, true) => {
                self.loads += 1;
                self.length += 220;
            }
        }
        self
    }

    fn barrier(mut self) -> Self {
        self.barriers += 1;
        self.length += 20;
        self
    }

    fn chain(self) -> Chain {
        Chain {
            issue: self.issue.into(),
            arithmetic: self.arithmetic.into(),
            special: self.special.into(),
            cached: self.cached.into(),
            loads: self.loads.into(),
            workgroup: self.workgroup.into(),
            barriers: self.barriers.into(),
        }
    }
}

/// Counts of a workgroup: of all its warps, unless said otherwise.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Counts {
    /// Workgroups that were interpreted.
    pub workgroups: f64,
    /// Issue slots.
    pub issue: f64,
    /// Those of integers.
    pub integers: f64,
    /// Those of special functions.
    pub special: f64,
    /// Multiply-adds of floats.
    pub fma: f64,
    /// Loads from storage.
    pub loads: f64,
    /// Distinct lines of 128 bytes that they touch, load by load.
    pub load_lines: f64,
    /// Stores and atomics to storage.
    pub stores: f64,
    /// Distinct lines that they touch.
    pub store_lines: f64,
    /// Loads from uniforms.
    pub uniform_loads: f64,
    /// Loads and stores in workgroup memory.
    pub workgroup_accesses: f64,
    /// Passes over its banks that they take.
    pub workgroup_passes: f64,
    /// Distinct lines of storage and uniforms that the workgroup touches.
    pub fresh_lines: f64,
    /// Barriers, by warp.
    pub barriers: f64,
    /// Atomics.
    pub atomics: f64,
}

impl Counts {
    /// The sum of both.
    pub(super) fn plus(mut self, other: &Self) -> Self {
        let Self { workgroups, issue, integers, special, fma, loads, load_lines, .. } = other;
        let Self { stores, store_lines, uniform_loads, workgroup_accesses, .. } = other;
        let Self { workgroup_passes, fresh_lines, barriers, atomics, .. } = other;
        self.workgroups += workgroups;
        self.issue += issue;
        self.integers += integers;
        self.special += special;
        self.fma += fma;
        self.loads += loads;
        self.load_lines += load_lines;
        self.stores += stores;
        self.store_lines += store_lines;
        self.uniform_loads += uniform_loads;
        self.workgroup_accesses += workgroup_accesses;
        self.workgroup_passes += workgroup_passes;
        self.fresh_lines += fresh_lines;
        self.barriers += barriers;
        self.atomics += atomics;
        self
    }
}

impl Counts {
    /// Of one of so many workgroups.
    pub(super) fn divided(self, by: f64) -> Self {
        let by = by.max(1.0);
        Self {
            workgroups: self.workgroups,
            issue: self.issue / by,
            integers: self.integers / by,
            special: self.special / by,
            fma: self.fma / by,
            loads: self.loads / by,
            load_lines: self.load_lines / by,
            stores: self.stores / by,
            store_lines: self.store_lines / by,
            uniform_loads: self.uniform_loads / by,
            workgroup_accesses: self.workgroup_accesses / by,
            workgroup_passes: self.workgroup_passes / by,
            fresh_lines: self.fresh_lines / by,
            barriers: self.barriers / by,
            atomics: self.atomics / by,
        }
    }

    /// Lines of the cache and passes over workgroup memory, which share a unit.
    pub(super) fn lines(&self) -> f64 {
        self.load_lines + self.store_lines + self.workgroup_passes
    }
}

/// What a workgroup needs.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Totals {
    pub(super) counts: Counts,
    /// The longest dependent chain of any of its warps.
    pub(super) chain: Chain,
    /// Its length on a typical GPU.
    pub(super) length: u32,
    /// Multiply-adds of the thread with most.
    pub(super) fma_per_thread: f64,
    /// Loads from storage of the warp with most.
    pub(super) loads_per_thread: f64,
    /// Most registers whose values are needed later, at any place of the program.
    pub(super) registers: u32,
}

impl Trace {
    /// Removes what has no effect and joins products with sums; then counts.
    pub(super) fn totals(mut self) -> Totals {
        let uses = self.remove_dead_code();
        self.join(&uses);
        let registers = self.registers();
        let mut counts = Counts { workgroups: 1.0, ..Counts::default() };
        let (mut longest, mut fma_per_thread, mut loads_per_thread) = (Path::default(), 0.0, 0.0);
        for warp in 0..self.warps {
            let (of_warp, path) = self.walk(warp);
            fma_per_thread = f64::max(fma_per_thread, of_warp.fma);
            loads_per_thread = f64::max(loads_per_thread, of_warp.loads);
            counts = counts.plus(&of_warp);
            longest = longest.later(path);
        }
        Totals {
            counts,
            chain: longest.chain(),
            length: longest.length,
            fma_per_thread,
            loads_per_thread,
            registers,
        }
    }

    /// Leaves only what an effect needs. Returns how often each result is used.
    fn remove_dead_code(&mut self) -> Vec<u32> {
        let mut uses = vec![0_u32; self.nodes.len()];
        for at in (0..self.nodes.len()).rev() {
            let node = &mut self.nodes[at];
            if uses[at] == 0 && !node.kind.is_root() {
                node.warps = 0;
                continue;
            }
            for operand in node.operands {
                if let Some(count) = uses.get_mut(operand as usize) {
                    *count += 1;
                }
            }
        }
        uses
    }

    /// A sum takes a product that only sums need into itself.
    fn join(&mut self, uses: &[u32]) {
        let mut rest = uses.to_vec();
        for node in self.nodes.iter().filter(|node| node.warps != 0) {
            let Kind::Add(_) = node.kind else { continue };
            for operand in node.operands {
                if let Some(rest) = rest.get_mut(operand as usize) {
                    *rest -= 1;
                }
            }
        }
        // What is left is needed by others than sums.
        let is_free = |at: u32| rest.get(at as usize) == Some(&0);
        let mut joined = vec![0_u32; self.nodes.len()];
        for at in 0..self.nodes.len() {
            let node = self.nodes[at];
            let Kind::Add(of_floats) = node.kind else { continue };
            let product = node.operands.into_iter().find(|operand| {
                let product = self.nodes.get(*operand as usize);
                let is_product = |node: &Node| node.kind == Kind::Multiply(of_floats);
                is_free(*operand) && product.is_some_and(is_product)
            });
            self.nodes[at].kind = match (product, of_floats) {
                (None, true) => Kind::Float,
                (Some(_), true) => Kind::Fma,
                (_, false) => Kind::Integer,
            };
            if let Some(joined) = product.and_then(|at| joined.get_mut(at as usize)) {
                *joined += 1;
            }
        }
        for (at, node) in self.nodes.iter_mut().enumerate() {
            if joined[at] > 0 && joined[at] == uses[at] {
                (node.kind, node.cost, node.registers) = (Kind::Free, 0, 0);
            }
        }
        for node in &mut self.nodes {
            match node.kind {
                Kind::Multiply(true) => node.kind = Kind::Float,
                Kind::Multiply(false) => node.kind = Kind::Integer,
                Kind::Free
                | Kind::Add(_)
                | Kind::Float
                | Kind::Fma
                | Kind::Integer
                | Kind::Special
                | Kind::Load(_)
                | Kind::Store(_)
                | Kind::Atomic
                | Kind::Barrier
                | Kind::Branch
                | Kind::Iteration => {}
            }
        }
    }

    /// Most registers that are alive at once in the order of the program. A compiler that loads
    /// earlier than the program says needs more, one that computes a value again needs fewer.
    fn registers(&self) -> u32 {
        let mut last = vec![NONE; self.nodes.len()];
        for (at, node) in self.nodes.iter().enumerate().filter(|(_, node)| node.warps != 0) {
            for operand in node.operands {
                if let Some(last) = last.get_mut(operand as usize) {
                    *last = at as u32;
                }
            }
        }
        let mut ends = vec![0_u32; self.nodes.len() + 1];
        let (mut alive, mut most) = (0_u32, 0);
        for (at, node) in self.nodes.iter().enumerate() {
            if node.warps != 0 && last[at] != NONE {
                alive += u32::from(node.registers);
                ends[last[at] as usize] += u32::from(node.registers);
            }
            most = most.max(alive);
            alive -= ends[at];
        }
        most
    }

    /// One warp's counts, and its longest chain: instructions between two iterations or barriers
    /// are issued in any order that their operands allow, those of the next begin when all of
    /// these were issued.
    fn walk(&self, warp: usize) -> (Counts, Path) {
        let mut counts = Counts::default();
        let mut ready = vec![Path::default(); self.nodes.len()];
        let (mut begin, mut end, mut slots) = (Path::default(), Path::default(), 0);
        for (at, node) in self.nodes.iter().enumerate() {
            if node.warps >> warp & 1 == 0 {
                continue;
            }
            if matches!(node.kind, Kind::Iteration | Kind::Barrier) {
                begin = end.later(begin.issued(slots));
                (end, slots) = (begin, 0);
            }
            let mut start = begin;
            for operand in node.operands {
                if let Some(ready) = ready.get(operand as usize) {
                    start = start.later(*ready);
                }
            }
            end = end.later(start);
            slots += u32::from(node.cost);
            counts.issue += f64::from(node.cost);
            let access = self.accesses.get(node.access as usize + warp).copied();
            let Access { lines, fresh } = access.unwrap_or_default();
            let (lines, slots) = (f64::from(lines), f64::from(node.cost));
            ready[at] = match node.kind {
                Kind::Free | Kind::Branch | Kind::Iteration => start,
                Kind::Multiply(_) | Kind::Add(_) | Kind::Float => start.arithmetic(),
                Kind::Fma => {
                    counts.fma += 1.0;
                    start.arithmetic()
                }
                Kind::Integer => {
                    counts.integers += slots;
                    start.arithmetic()
                }
                Kind::Special => {
                    counts.special += slots;
                    start.special()
                }
                Kind::Load(space) => {
                    counts.fresh_lines += f64::from(fresh);
                    match space {
                        Space::Storage => {
                            counts.loads += 1.0;
                            counts.load_lines += lines;
                        }
                        Space::Uniform => {
                            counts.uniform_loads += 1.0;
                            // A uniform cache serves one address at a time.
                            counts.load_lines += lines - 1.0;
                        }
                        Space::Workgroup => {
                            counts.workgroup_accesses += 1.0;
                            counts.workgroup_passes += lines;
                        }
                    }
                    start.loaded(space, fresh > 0)
                }
                Kind::Store(Space::Workgroup) => {
                    counts.workgroup_accesses += 1.0;
                    counts.workgroup_passes += lines;
                    start
                }
                Kind::Store(Space::Storage | Space::Uniform) => {
                    counts.fresh_lines += f64::from(fresh);
                    counts.stores += 1.0;
                    counts.store_lines += lines;
                    start
                }
                Kind::Atomic => {
                    counts.atomics += 1.0;
                    counts.stores += 1.0;
                    counts.store_lines += lines;
                    start.loaded(Space::Storage, true)
                }
                Kind::Barrier => {
                    counts.barriers += 1.0;
                    begin = begin.barrier();
                    end = begin;
                    begin
                }
            };
        }
        (counts, end.later(begin.issued(slots)))
    }
}
