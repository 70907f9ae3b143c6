//! The state of a workgroup that is interpreted: its variables, its memory, and what it did so far.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use wgpu::naga::{self, BinaryOperator, Handle, MathFunction, UnaryOperator};

use super::arithmetic;
use super::program::{Bound, Leaf, Program};
use super::trace::{Access, Kind, LINE, NONE, Node, Space, Trace, WARP};
use super::value::{Lanes, Mask, Pointer, Register, Root, Scalar, Type, Value};

/// Bytes of a word.
const WORD: usize = 4;
/// Banks of workgroup memory, each a word wide.
const BANKS: usize = 32;
/// Instructions after which a workgroup is given up.
const MOST_NODES: usize = 6_000_000;

/// What is computed: where the same is computed of the same, a compiler computes it once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Key {
    Binary(BinaryOperator),
    Unary(UnaryOperator),
    Math(MathFunction),
    Convert(Type, bool),
    Select,
    /// Words between elements.
    Address(u32),
    /// Variable and words from its beginning.
    Load(Handle<naga::GlobalVariable>, u32),
}

/// A scalar variable.
#[derive(Debug, Clone)]
struct Cell {
    value: Scalar,
    /// The iteration in which it was stored.
    iteration: u64,
}

/// A loop that runs: numbers of its first and of its current iteration.
#[derive(Debug, Clone, Copy)]
struct Running {
    first: u64,
    current: u64,
}

#[derive(Debug)]
pub(super) struct Machine<'a> {
    pub(super) program: &'a Program,
    /// By binding.
    bindings: &'a [Bound<'a>],
    pub(super) lanes: usize,
    /// Threads that execute now.
    pub(super) mask: Mask,
    /// Threads whose kernel has not returned.
    pub(super) alive: Mask,
    pub(super) trace: Trace,
    constants: HashMap<(Type, u32), Scalar>,
    known: HashMap<(Key, [u32; 3]), Scalar>,
    /// Sums of a value and a constant, by their nodes.
    sums: HashMap<u32, (Scalar, u32)>,
    cells: Vec<Cell>,
    /// Variables of the module that each thread has for itself: their first cells.
    private: HashMap<Handle<naga::GlobalVariable>, u32>,
    /// Workgroup memory: bits, and whether they are data.
    shared: HashMap<Handle<naga::GlobalVariable>, Vec<(u32, bool)>>,
    /// Lines that were touched, by binding.
    touched: HashSet<(u32, u32)>,
    iteration: u64,
    running: Vec<Running>,
}

impl<'a> Machine<'a> {
    pub(super) fn new(program: &'a Program, bindings: &'a [Bound<'a>], threads: usize) -> Self {
        let warps = threads.div_ceil(WARP);
        let full = |warp: usize| u32::MAX >> (32 - (threads - warp * WARP).min(WARP));
        let mask = Mask((0..warps).map(full).collect());
        Self {
            program,
            bindings,
            lanes: warps * WARP,
            alive: mask.clone(),
            mask,
            trace: Trace { warps, nodes: Vec::new(), accesses: Vec::new() },
            constants: HashMap::new(),
            known: HashMap::new(),
            sums: HashMap::new(),
            cells: Vec::new(),
            private: HashMap::new(),
            shared: HashMap::new(),
            touched: HashSet::new(),
            iteration: 0,
            running: Vec::new(),
        }
    }

    /// An instruction of the threads that execute now; returns its place.
    pub(super) fn emit(
        &mut self,
        (kind, cost): (Kind, u16),
        registers: u8,
        operands: [u32; 3],
        access: u32,
    ) -> Result<u32, String> {
        if self.trace.nodes.len() >= MOST_NODES {
            return Err(format!("a workgroup of more than {MOST_NODES} instructions"));
        }
        let warps = self.mask.warps();
        self.trace.nodes.push(Node { kind, cost, registers, warps, operands, access });
        Ok((self.trace.nodes.len() - 1) as u32)
    }

    /// An effect that depends on some values.
    pub(super) fn effect(&mut self, what: (Kind, u16), of: &[&Scalar]) -> Result<(), String> {
        let operand = |i: usize| of.get(i).map_or(NONE, |value| value.node);
        self.emit(what, 0, [operand(0), operand(1), operand(2)], NONE).map(drop)
    }

    /// A value that is known when the kernel is compiled.
    pub(super) fn constant(&mut self, ty: Type, bits: u32) -> Result<Scalar, String> {
        if let Some(scalar) = self.constants.get(&(ty, bits)) {
            return Ok(scalar.clone());
        }
        let node = self.emit((Kind::Free, 0), 0, [NONE; 3], NONE)?;
        let lanes = Lanes::Same(bits);
        let scalar = Rc::new(Register { ty, node, is_constant: true, is_data: false, lanes });
        self.constants.insert((ty, bits), scalar.clone());
        Ok(scalar)
    }

    /// A value that a thread is given.
    pub(super) fn given(&mut self, lanes: Lanes) -> Result<Scalar, String> {
        let node = self.emit((Kind::Free, 0), 1, [NONE; 3], NONE)?;
        let ty = Type::Unsigned;
        Ok(Rc::new(Register { ty, node, is_constant: false, is_data: false, lanes }))
    }

    /// The result of an instruction, or what it computed of the same operands before.
    fn compute(
        &mut self,
        key: Key,
        what: (Kind, u16),
        ty: Type,
        of: &[&Scalar],
        lanes: impl FnOnce(usize) -> Lanes,
    ) -> Result<Scalar, String> {
        let operand = |i: usize| of.get(i).map_or(NONE, |value| value.node);
        let operands = [operand(0), operand(1), operand(2)];
        if let Some(scalar) = self.recall(key, operands) {
            return Ok(scalar);
        }
        let is_data = of.iter().any(|value| value.is_data);
        let lanes = if is_data && ty == Type::Float { Lanes::Same(0) } else { lanes(self.lanes) };
        let scalar = match lanes {
            Lanes::Same(bits) if of.iter().all(|value| value.is_constant) => {
                self.constant(ty, bits)?
            }
            lanes @ (Lanes::Same(_) | Lanes::Each(_)) => {
                let registers = u8::from(ty != Type::Bool);
                let node = self.emit(what, registers, operands, NONE)?;
                Rc::new(Register { ty, node, is_constant: false, is_data, lanes })
            }
        };
        self.known.insert((key, operands), scalar.clone());
        Ok(scalar)
    }

    /// What was computed before.
    fn recall(&mut self, key: Key, operands: [u32; 3]) -> Option<Scalar> {
        let scalar = self.known.get(&(key, operands))?.clone();
        let warps = self.mask.warps();
        if let Some(node) = self.trace.nodes.get_mut(scalar.node as usize) {
            node.warps |= warps;
        }
        Some(scalar)
    }

    pub(super) fn binary(
        &mut self,
        op: BinaryOperator,
        a: &Scalar,
        b: &Scalar,
    ) -> Result<Scalar, String> {
        use BinaryOperator as Op;
        let f = arithmetic::binary(op, a.ty)?;
        let bits = |value: &Scalar| match value.lanes {
            Lanes::Same(bits) if value.is_constant => Some(bits),
            Lanes::Same(_) | Lanes::Each(_) => None,
        };
        let (left, right) = (bits(a), bits(b));
        // What a compiler does with constants of integers and booleans.
        if a.ty != Type::Float {
            match (op, left, right) {
                (Op::Multiply | Op::And | Op::LogicalAnd, Some(0), _) => return Ok(a.clone()),
                (Op::Multiply | Op::And | Op::LogicalAnd, _, Some(0)) => return Ok(b.clone()),
                (Op::Add | Op::InclusiveOr | Op::LogicalOr, Some(0), _) => return Ok(b.clone()),
                (
                    Op::Add | Op::Subtract | Op::InclusiveOr | Op::LogicalOr | Op::ShiftLeft,
                    _,
                    Some(0),
                ) => return Ok(a.clone()),
                (Op::Multiply, Some(1), _) => return Ok(b.clone()),
                (Op::Multiply | Op::Divide, _, Some(1)) => return Ok(a.clone()),
                (Op::Modulo, _, Some(1)) => return self.constant(a.ty, 0),
                (Op::And | Op::LogicalAnd, Some(1), _) if a.ty == Type::Bool => {
                    return Ok(b.clone());
                }
                (Op::And | Op::LogicalAnd, _, Some(1)) if a.ty == Type::Bool => {
                    return Ok(a.clone());
                }
                _ => {}
            }
        }
        // A remainder is what a quotient leaves.
        if op == Op::Modulo && a.ty != Type::Float && right.is_none_or(|by| !by.is_power_of_two()) {
            let quotient = self.binary(Op::Divide, a, b)?;
            let key = Key::Binary(op);
            let what = (Kind::Integer, 1);
            return self
                .compute(key, what, a.ty, &[a, b, &quotient], |_| a.lanes.map2(&b.lanes, f));
        }
        let what = arithmetic::binary_cost(op, a.ty, right.or(left.filter(|_| op == Op::Multiply)));
        let ty = arithmetic::binary_type(op, a.ty);
        let lanes = |_| a.lanes.map2(&b.lanes, f);
        let result = self.compute(Key::Binary(op), what, ty, &[a, b], lanes)?;
        let sum = match (op, left, right) {
            (Op::Add, Some(constant), None) => Some((b, constant)),
            (Op::Add, None, Some(constant)) => Some((a, constant)),
            (Op::Subtract, None, Some(constant)) => Some((a, constant.wrapping_neg())),
            _ => None,
        };
        if let Some((value, constant)) = sum
            && ty == Type::Unsigned
        {
            let (value, before) = self.split(value);
            self.sums.insert(result.node, (value, before.wrapping_add(constant)));
        }
        Ok(result)
    }

    /// A value as another one and a constant.
    fn split(&self, value: &Scalar) -> (Scalar, u32) {
        self.sums.get(&value.node).cloned().unwrap_or_else(|| (value.clone(), 0))
    }

    pub(super) fn unary(&mut self, op: UnaryOperator, a: &Scalar) -> Result<Scalar, String> {
        let (f, kind, cost) = arithmetic::unary(op, a.ty)?;
        self.compute(Key::Unary(op), (kind, cost), a.ty, &[a], |_| a.lanes.map(f))
    }

    /// A function of one to three scalars.
    pub(super) fn math(
        &mut self,
        function: MathFunction,
        of: &[&Scalar],
    ) -> Result<Scalar, String> {
        let ty = of.first().map_or(Type::Float, |first| first.ty);
        let (f, kind, cost) = arithmetic::math(function, ty)?;
        let lane = |i: usize, lane: usize| of.get(i).map_or(0, |value| value.lanes.get(lane));
        self.compute(Key::Math(function), (kind, cost), ty, of, |lanes| {
            Lanes::make(lanes, |at| f(lane(0, at), lane(1, at), lane(2, at)))
        })
    }

    /// A conversion, or other bits of the same type.
    pub(super) fn convert(
        &mut self,
        a: &Scalar,
        ty: Type,
        is_bitcast: bool,
    ) -> Result<Scalar, String> {
        let f = if is_bitcast { |a| a } else { arithmetic::convert(a.ty, ty) };
        let is_free = is_bitcast || (a.ty != Type::Float && ty != Type::Float);
        let what = if is_free { (Kind::Free, 0) } else { (Kind::Float, 1) };
        self.compute(Key::Convert(ty, is_bitcast), what, ty, &[a], |_| a.lanes.map(f))
    }

    pub(super) fn select(
        &mut self,
        condition: &Scalar,
        accept: &Scalar,
        reject: &Scalar,
    ) -> Result<Scalar, String> {
        match condition.lanes {
            Lanes::Same(bits) if condition.is_constant => {
                return Ok(if bits == 0 { reject.clone() } else { accept.clone() });
            }
            Lanes::Same(_) | Lanes::Each(_) => {}
        }
        let kind = if accept.ty == Type::Float { Kind::Float } else { Kind::Integer };
        let of = [condition, accept, reject];
        self.compute(Key::Select, (kind, 1), accept.ty, &of, |lanes| {
            Lanes::make(lanes, |at| match condition.lanes.get(at) {
                0 => reject.lanes.get(at),
                _ => accept.lanes.get(at),
            })
        })
    }

    /// One of some scalars, by an index.
    pub(super) fn choose(&mut self, index: &Scalar, of: &[Scalar]) -> Result<Scalar, String> {
        let Some(first) = of.first() else { return Err("an element of nothing".into()) };
        let last = of.len() - 1;
        let is_data = of.iter().any(|value| value.is_data) || index.is_data;
        let lanes = match is_data && first.ty == Type::Float {
            true => Lanes::Same(0),
            false => Lanes::make(self.lanes, |at| {
                of[(index.lanes.get(at) as usize).min(last)].lanes.get(at)
            }),
        };
        // A compiler selects: once for each but the first.
        let operands = [index.node, first.node, of[last].node];
        let node = self.emit((Kind::Integer, last.max(1) as u16), 1, operands, NONE)?;
        Ok(Rc::new(Register { ty: first.ty, node, is_constant: false, is_data, lanes }))
    }

    /// A place some elements behind another one; `stride` words lie between two elements.
    pub(super) fn element(
        &mut self,
        base: &Pointer,
        index: &Scalar,
        stride: u32,
    ) -> Result<Pointer, String> {
        let further = |index: u32| base.words.wrapping_add(index.wrapping_mul(stride));
        if let (Lanes::Same(index), true) = (&index.lanes, index.is_constant) {
            return Ok(Pointer { words: further(*index), ..base.clone() });
        }
        let is_local = base.root == Root::Local;
        // An address of 32 bits and a constant: the load or store adds it.
        let (index, constant) = match base.root {
            Root::Global(global)
                if self.program.space(global)? == naga::AddressSpace::WorkGroup =>
            {
                self.split(index)
            }
            Root::Global(_) | Root::Local => (index.clone(), 0),
        };
        let (index, words) = (&index, further(constant));
        let what = if is_local { (Kind::Free, 0) } else { (Kind::Integer, 1) };
        let key = Key::Address(stride);
        let more = match &base.more {
            Some(more) => self.compute(key, what, Type::Unsigned, &[index, more], |_| {
                index
                    .lanes
                    .map2(&more.lanes, |index, more| index.wrapping_mul(stride).wrapping_add(more))
            }),
            None => self.compute(key, what, Type::Unsigned, &[index], |_| {
                index.lanes.map(|index| index.wrapping_mul(stride))
            }),
        };
        Ok(Pointer { words, more: Some(more?), ..base.clone() })
    }

    /// New variables; returns the first one's place.
    pub(super) fn allocate(&mut self, values: &[Scalar]) -> u32 {
        let first = self.cells.len() as u32;
        let iteration = self.iteration;
        self.cells.extend(values.iter().map(|value| Cell { value: value.clone(), iteration }));
        first
    }

    /// How many variables there are; more than so many are forgotten.
    pub(super) fn variables(&self) -> usize {
        self.cells.len()
    }

    pub(super) fn forget(&mut self, from: usize) {
        self.cells.truncate(from);
    }

    /// The first variable of a module's variable that each thread has for itself.
    fn private(&mut self, global: Handle<naga::GlobalVariable>) -> Result<u32, String> {
        if let Some(first) = self.private.get(&global) {
            return Ok(*first);
        }
        Err("a private variable".into())
    }

    pub(super) fn begin_loop(&mut self) {
        self.running.push(Running { first: self.iteration + 1, current: 0 });
    }

    pub(super) fn begin_iteration(&mut self) -> Result<(), String> {
        self.iteration += 1;
        if let Some(running) = self.running.last_mut() {
            running.current = self.iteration;
        }
        self.emit((Kind::Iteration, super::trace::LOOP), 0, [NONE; 3], NONE).map(drop)
    }

    pub(super) fn end_loop(&mut self) {
        self.running.pop();
    }

    /// A variable's value. What an earlier iteration of a loop stored is a new value to a compiler.
    fn variable(&mut self, at: usize) -> Result<Scalar, String> {
        let Some(Cell { value, iteration }) = self.cells.get(at).cloned() else {
            return Err("a variable that does not exist".into());
        };
        let is_carried = self
            .running
            .iter()
            .any(|running| running.first <= iteration && iteration < running.current);
        if !is_carried {
            return Ok(value);
        }
        let node = self.emit((Kind::Free, 0), 1, [value.node, NONE, NONE], NONE)?;
        let (ty, is_data, lanes) = (value.ty, value.is_data, value.lanes.clone());
        let value = Rc::new(Register { ty, node, is_constant: false, is_data, lanes });
        self.cells[at] = Cell { value: value.clone(), iteration: self.iteration };
        Ok(value)
    }

    /// Gives a variable a value in the threads that execute now.
    fn assign(&mut self, at: usize, value: &Scalar) -> Result<(), String> {
        let iteration = self.iteration;
        let Some(cell) = self.cells.get(at).cloned() else {
            return Err("a variable that does not exist".into());
        };
        let value = match self.alive.minus(&self.mask).any() {
            true => self.merge(&self.mask.clone(), value, &cell.value)?,
            false => value.clone(),
        };
        self.cells[at] = Cell { value, iteration };
        Ok(())
    }

    /// A value in some threads and another one in the others.
    pub(super) fn merge(
        &mut self,
        mask: &Mask,
        value: &Scalar,
        other: &Scalar,
    ) -> Result<Scalar, String> {
        if Rc::ptr_eq(value, other) {
            return Ok(value.clone());
        }
        let is_data = value.is_data || other.is_data;
        let lanes = match is_data && value.ty == Type::Float {
            true => Lanes::Same(0),
            false => Lanes::make(self.lanes, |at| match mask.has(at) {
                true => value.lanes.get(at),
                false => other.lanes.get(at),
            }),
        };
        let node = self.emit((Kind::Free, 0), 1, [value.node, other.node, NONE], NONE)?;
        Ok(Rc::new(Register { ty: value.ty, node, is_constant: false, is_data, lanes }))
    }

    /// What a pointer points at.
    pub(super) fn load(&mut self, at: &Pointer, leaves: &[Leaf]) -> Result<Value, String> {
        let mut scalars = Vec::new();
        for leaf in leaves {
            for scalar in self.load_leaf(at, *leaf)? {
                scalars.push(scalar);
            }
        }
        Ok(Value::of(scalars))
    }

    fn load_leaf(&mut self, at: &Pointer, leaf: Leaf) -> Result<Vec<Scalar>, String> {
        let words = at.words.wrapping_add(leaf.words);
        let global = match at.root {
            Root::Local => return self.load_variables(words, at.more.as_ref(), leaf),
            Root::Global(global) => global,
        };
        match self.program.space(global)? {
            naga::AddressSpace::Private => {
                let first = self.private(global)?;
                self.load_variables(first + words, at.more.as_ref(), leaf)
            }
            naga::AddressSpace::WorkGroup => self.load_shared(global, words, at, leaf),
            naga::AddressSpace::Uniform | naga::AddressSpace::Storage { .. } => {
                self.load_global(global, words, at, leaf)
            }
            space @ (naga::AddressSpace::Function
            | naga::AddressSpace::Handle
            | naga::AddressSpace::Immediate
            | naga::AddressSpace::TaskPayload
            | naga::AddressSpace::RayPayload
            | naga::AddressSpace::IncomingRayPayload) => Err(format!("a load from {space:?}")),
        }
    }

    fn load_variables(
        &mut self,
        first: u32,
        more: Option<&Scalar>,
        leaf: Leaf,
    ) -> Result<Vec<Scalar>, String> {
        let Some(more) = more else {
            return (0..leaf.count).map(|i| self.variable((first + i) as usize)).collect();
        };
        let places: Vec<usize> =
            (0..self.lanes).map(|lane| first.wrapping_add(more.lanes.get(lane)) as usize).collect();
        let mut scalars = Vec::new();
        for i in 0..leaf.count as usize {
            let mut distinct: Vec<usize> = places.iter().map(|at| at + i).collect();
            distinct.sort_unstable();
            distinct.dedup();
            let cells = distinct.iter().filter_map(|at| self.cells.get(*at));
            let is_data = cells.clone().any(|cell| cell.value.is_data) || more.is_data;
            let node = cells.map(|cell| cell.value.node).max().unwrap_or(NONE);
            let lanes = match is_data && leaf.ty == Type::Float {
                true => Lanes::Same(0),
                false => Lanes::make(self.lanes, |lane| {
                    let cell = self.cells.get(places[lane] + i);
                    cell.map_or(0, |cell| cell.value.lanes.get(lane))
                }),
            };
            let node = self.emit((Kind::Integer, 1), 1, [more.node, node, NONE], NONE)?;
            let ty = leaf.ty;
            scalars.push(Rc::new(Register { ty, node, is_constant: false, is_data, lanes }));
        }
        Ok(scalars)
    }

    /// The first word that each thread accesses, no later than so many words before the end.
    fn addresses(&self, words: u32, more: Option<&Scalar>, last: u32) -> Lanes {
        match more {
            Some(more) => more.lanes.map(|more| words.wrapping_add(more).min(last)),
            None => Lanes::Same(words.min(last)),
        }
    }

    fn load_global(
        &mut self,
        global: Handle<naga::GlobalVariable>,
        words: u32,
        at: &Pointer,
        leaf: Leaf,
    ) -> Result<Vec<Scalar>, String> {
        let (binding, is_uniform, is_written) = self.program.binding(global)?;
        let node = at.more.as_ref().map_or(NONE, |more| more.node);
        let key = |i: u32| (Key::Load(global, words + i), [node, NONE, NONE]);
        // What is only read is read once.
        if !is_written {
            let known: Option<Vec<Scalar>> =
                (0..leaf.count).map(|i| self.recall(key(i).0, key(i).1)).collect();
            if let Some(known) = known {
                return Ok(known);
            }
        }
        let bound = *self.bindings.get(binding as usize).ok_or("a binding that is not given")?;
        let addresses =
            self.addresses(words, at.more.as_ref(), bound.len.saturating_sub(leaf.count));
        let space = if is_uniform { Space::Uniform } else { Space::Storage };
        let access = self.touch(binding, bound.start, &addresses, leaf.count, is_uniform);
        let load = self.emit((Kind::Load(space), 1), 0, [node, NONE, NONE], access)?;
        let is_data = is_written || !bound.is_known;
        let mut scalars = Vec::new();
        for i in 0..leaf.count {
            let lanes = match is_data {
                true => Lanes::Same(0),
                false => addresses.map(|at| bound.word(at + i)),
            };
            let node = self.emit((Kind::Free, 0), 1, [load, NONE, NONE], NONE)?;
            let ty = leaf.ty;
            let scalar = Rc::new(Register { ty, node, is_constant: false, is_data, lanes });
            if !is_written {
                self.known.insert(key(i), scalar.clone());
            }
            scalars.push(scalar);
        }
        Ok(scalars)
    }

    /// Counts the lines of each warp's access to `count` words from an address on.
    fn touch(
        &mut self,
        binding: u32,
        start: u64,
        addresses: &Lanes,
        count: u32,
        is_uniform: bool,
    ) -> u32 {
        let first = self.trace.accesses.len() as u32;
        let line = |word: u32| ((start + u64::from(word)) * WORD as u64 / LINE as u64) as u32;
        for warp in 0..self.trace.warps {
            let lanes = (warp * WARP..(warp + 1) * WARP).filter(|lane| self.mask.has(*lane));
            let mut places: Vec<u32> = match addresses {
                Lanes::Same(at) => lanes.take(1).map(|_| *at).collect(),
                Lanes::Each(each) => lanes.map(|lane| each[lane]).collect(),
            };
            places.sort_unstable();
            places.dedup();
            let mut lines: Vec<u32> =
                places.iter().flat_map(|at| line(*at)..=line(at + count - 1)).collect();
            lines.sort_unstable();
            lines.dedup();
            let fresh = lines.iter().filter(|line| self.touched.insert((binding, **line))).count();
            let lines = if is_uniform { places.len() } else { lines.len() };
            self.trace.accesses.push(Access { lines: lines as u16, fresh: fresh as u16 });
        }
        first
    }

    /// Words of a variable in workgroup memory, zeros at first.
    fn shared(
        &mut self,
        global: Handle<naga::GlobalVariable>,
    ) -> Result<&mut Vec<(u32, bool)>, String> {
        let len = self.program.words_of_global(global)? as usize;
        Ok(self.shared.entry(global).or_insert_with(|| vec![(0, false); len]))
    }

    /// Counts each warp's passes over the banks.
    fn touch_banks(&mut self, addresses: &Lanes, count: u32) -> u32 {
        let first = self.trace.accesses.len() as u32;
        for warp in 0..self.trace.warps {
            let lanes = (warp * WARP..(warp + 1) * WARP).filter(|lane| self.mask.has(*lane));
            let places = lanes.map(|lane| addresses.get(lane));
            let mut words: Vec<u32> = places.flat_map(|at| at..at + count).collect();
            words.sort_unstable();
            words.dedup();
            let mut banks = [0_u16; BANKS];
            words.iter().for_each(|word| banks[*word as usize % BANKS] += 1);
            let lines = banks.into_iter().max().unwrap_or(0);
            self.trace.accesses.push(Access { lines, fresh: 0 });
        }
        first
    }

    fn load_shared(
        &mut self,
        global: Handle<naga::GlobalVariable>,
        words: u32,
        at: &Pointer,
        leaf: Leaf,
    ) -> Result<Vec<Scalar>, String> {
        let len = self.shared(global)?.len() as u32;
        let addresses = self.addresses(words, at.more.as_ref(), len.saturating_sub(leaf.count));
        let access = self.touch_banks(&addresses, leaf.count);
        let node = at.more.as_ref().map_or(NONE, |more| more.node);
        let space = Space::Workgroup;
        let load = self.emit((Kind::Load(space), 1), 0, [node, NONE, NONE], access)?;
        let mut scalars = Vec::new();
        for i in 0..leaf.count {
            let memory = self.shared.get(&global).map_or(&[][..], Vec::as_slice);
            let word = |at: u32| memory.get((at + i) as usize).copied().unwrap_or_default();
            let lanes = addresses.map(|at| word(at).0);
            let is_data = (0..self.lanes).any(|lane| word(addresses.get(lane)).1);
            let lanes = if is_data && leaf.ty == Type::Float { Lanes::Same(0) } else { lanes };
            let node = self.emit((Kind::Free, 0), 1, [load, NONE, NONE], NONE)?;
            let ty = leaf.ty;
            scalars.push(Rc::new(Register { ty, node, is_constant: false, is_data, lanes }));
        }
        Ok(scalars)
    }

    /// Stores scalars where a pointer points.
    pub(super) fn store(
        &mut self,
        at: &Pointer,
        leaves: &[Leaf],
        scalars: &[Scalar],
    ) -> Result<(), String> {
        let mut rest = scalars;
        for leaf in leaves {
            let (these, behind) = rest.split_at((leaf.count as usize).min(rest.len()));
            rest = behind;
            self.store_leaf(at, *leaf, these)?;
        }
        Ok(())
    }

    fn store_leaf(&mut self, at: &Pointer, leaf: Leaf, values: &[Scalar]) -> Result<(), String> {
        let words = at.words.wrapping_add(leaf.words);
        let global = match at.root {
            Root::Local => return self.store_variables(words, at.more.as_ref(), values),
            Root::Global(global) => global,
        };
        match self.program.space(global)? {
            naga::AddressSpace::Private => {
                let first = self.private(global)?;
                self.store_variables(first + words, at.more.as_ref(), values)
            }
            naga::AddressSpace::WorkGroup => {
                let len = self.shared(global)?.len() as u32;
                let last = len.saturating_sub(leaf.count);
                let addresses = self.addresses(words, at.more.as_ref(), last);
                let access = self.touch_banks(&addresses, leaf.count);
                let active: Vec<usize> =
                    (0..self.lanes).filter(|lane| self.mask.has(*lane)).collect();
                let memory = self.shared(global)?;
                for (i, value) in values.iter().enumerate() {
                    for lane in &active {
                        if let Some(word) = memory.get_mut(addresses.get(*lane) as usize + i) {
                            *word = (value.lanes.get(*lane), value.is_data);
                        }
                    }
                }
                self.emit_store(Space::Workgroup, at, values, access)
            }
            naga::AddressSpace::Storage { .. } => {
                let (binding, ..) = self.program.binding(global)?;
                let bound =
                    *self.bindings.get(binding as usize).ok_or("a binding that is not given")?;
                let last = bound.len.saturating_sub(leaf.count);
                let addresses = self.addresses(words, at.more.as_ref(), last);
                let access = self.touch(binding, bound.start, &addresses, leaf.count, false);
                self.emit_store(Space::Storage, at, values, access)
            }
            space @ (naga::AddressSpace::Function
            | naga::AddressSpace::Uniform
            | naga::AddressSpace::Handle
            | naga::AddressSpace::Immediate
            | naga::AddressSpace::TaskPayload
            | naga::AddressSpace::RayPayload
            | naga::AddressSpace::IncomingRayPayload) => Err(format!("a store to {space:?}")),
        }
    }

    fn emit_store(
        &mut self,
        space: Space,
        at: &Pointer,
        values: &[Scalar],
        access: u32,
    ) -> Result<(), String> {
        let node = |i: usize| values.get(i).map_or(NONE, |value| value.node);
        let address = at.more.as_ref().map_or(NONE, |more| more.node);
        let rest = self.emit((Kind::Free, 0), 0, [node(1), node(2), node(3)], NONE)?;
        self.emit((Kind::Store(space), 1), 0, [address, node(0), rest], access).map(drop)
    }

    fn store_variables(
        &mut self,
        first: u32,
        more: Option<&Scalar>,
        values: &[Scalar],
    ) -> Result<(), String> {
        for (i, value) in values.iter().enumerate() {
            let Some(more) = more else {
                self.assign(first as usize + i, value)?;
                continue;
            };
            // Every variable that a thread may mean, by a selection.
            let places: Vec<usize> = (0..self.lanes)
                .map(|lane| first.wrapping_add(more.lanes.get(lane)) as usize + i)
                .collect();
            let mut distinct = places.clone();
            distinct.sort_unstable();
            distinct.dedup();
            let mask = self.mask.clone();
            for at in distinct {
                let lanes = Lanes::make(self.lanes, |lane| u32::from(places[lane] == at));
                self.mask = mask.and(&Mask::of(&lanes, self.trace.warps));
                if self.mask.any() {
                    self.assign(at, value)?;
                }
                self.mask = mask.clone();
            }
            self.effect((Kind::Branch, 1), &[more])?;
        }
        Ok(())
    }

    /// An atomic operation; its result is data.
    pub(super) fn atomic(
        &mut self,
        at: &Pointer,
        value: &Scalar,
        ty: Type,
    ) -> Result<Scalar, String> {
        let access = match at.root {
            Root::Local => return Err("an atomic variable of a thread".into()),
            Root::Global(global) => match self.program.binding(global) {
                Ok((binding, ..)) => {
                    let bound = self.bindings.get(binding as usize);
                    let bound = *bound.ok_or("a binding that is not given")?;
                    let last = bound.len.saturating_sub(1);
                    let addresses = self.addresses(at.words, at.more.as_ref(), last);
                    self.touch(binding, bound.start, &addresses, 1, false)
                }
                // In workgroup memory.
                Err(_) => {
                    let addresses = self.addresses(at.words, at.more.as_ref(), u32::MAX - 1);
                    self.touch_banks(&addresses, 1)
                }
            },
        };
        let address = at.more.as_ref().map_or(NONE, |more| more.node);
        let node = self.emit((Kind::Atomic, 1), 1, [address, value.node, NONE], access)?;
        let lanes = Lanes::Same(0);
        Ok(Rc::new(Register { ty, node, is_constant: false, is_data: true, lanes }))
    }

    /// Makes room for the variables of the module that each thread has for itself.
    pub(super) fn allocate_private(
        &mut self,
        global: Handle<naga::GlobalVariable>,
        values: &[Scalar],
    ) {
        let first = self.allocate(values);
        self.private.insert(global, first);
    }

    /// Elements of a binding's array.
    pub(super) fn binding_len(&self, global: Handle<naga::GlobalVariable>) -> Result<u32, String> {
        let (binding, ..) = self.program.binding(global)?;
        Ok(self.bindings.get(binding as usize).ok_or("a binding that is not given")?.len)
    }
}
