//! Runs a workgroup of a kernel: naga's statements and expressions, for all its threads at once.

use wgpu::naga::valid::FunctionInfo;
use wgpu::naga::{
    self, Arena, BinaryOperator, Block, BuiltIn, Expression, Handle, Literal, MathFunction,
    RelationalFunction, Statement, SwitchValue, TypeInner,
};

use super::machine::Machine;
use super::program::Program;
use super::trace::Kind;
use super::value::{Lanes, Mask, Pointer, Root, Scalar, Type, Value};

/// Bits of an infinity, and of a float without its sign.
const INFINITY: u32 = 0x7f80_0000;
const WITHOUT_SIGN: u32 = 0x7fff_ffff;

/// A function that runs, or the module's constants.
struct Frame<'a> {
    expressions: &'a Arena<Expression>,
    /// None for the module's constants.
    info: Option<&'a FunctionInfo>,
    values: Vec<Option<Value>>,
    arguments: Vec<Value>,
    /// Where the variables begin.
    variables: Vec<u32>,
    result: Option<Value>,
    /// Loops and switches that run: threads that left them, and that went on with the next iteration.
    left: Vec<Left>,
    is_entry: bool,
}

struct Left {
    broken: Mask,
    continued: Mask,
    is_loop: bool,
}

impl<'a> Frame<'a> {
    fn new(expressions: &'a Arena<Expression>, info: Option<&'a FunctionInfo>) -> Self {
        Self {
            expressions,
            info,
            values: vec![None; expressions.len()],
            arguments: Vec::new(),
            variables: Vec::new(),
            result: None,
            left: Vec::new(),
            is_entry: false,
        }
    }

    fn inner(&self, program: &'a Program, of: Handle<Expression>) -> &'a TypeInner {
        let types = &program.module.types;
        match self.info {
            Some(info) => info[of].ty.inner_with(types),
            None => program.info[of].inner_with(types),
        }
    }
}

/// Runs workgroup `group` of `groups`.
pub(super) fn run<'a>(
    machine: &mut Machine<'a>,
    group: [u32; 3],
    groups: [u32; 3],
) -> Result<(), String> {
    let program = machine.program;
    let module = &program.module;
    let index = module.entry_points.iter().position(|entry| entry.name == "main");
    let index = index.ok_or("no entry point main")?;
    let entry = &module.entry_points[index];
    for (handle, variable) in module.global_variables.iter() {
        if variable.space == naga::AddressSpace::Private {
            let value = match variable.init {
                Some(init) => machine.global(init)?,
                None => machine.zero(program.inner(variable.ty))?,
            };
            machine.allocate_private(handle, value.scalars()?);
        }
    }
    let given = |machine: &mut Machine<'a>, binding: &Option<naga::Binding>| match binding {
        Some(naga::Binding::BuiltIn(built_in)) => {
            machine.built_in(*built_in, group, groups, entry.workgroup_size)
        }
        Some(naga::Binding::Location { .. }) | None => Err("an argument without a source".into()),
    };
    let mut arguments = Vec::new();
    for argument in &entry.function.arguments {
        let scalars = match program.inner(argument.ty) {
            TypeInner::Struct { members, .. } if argument.binding.is_none() => {
                let members = members.iter().map(|member| given(machine, &member.binding));
                members.collect::<Result<Vec<_>, _>>()?.concat()
            }
            _ => given(machine, &argument.binding)?,
        };
        arguments.push(Value::of(scalars));
    }
    let info = program.info.get_entry_point(index);
    machine.call(&entry.function, info, arguments, true).map(drop)
}

impl<'a> Machine<'a> {
    fn built_in(
        &mut self,
        of: BuiltIn,
        group: [u32; 3],
        groups: [u32; 3],
        size: [u32; 3],
    ) -> Result<Vec<Scalar>, String> {
        let lanes = self.lanes;
        let local = |axis: usize| {
            let [x, y, _] = size;
            Lanes::make(lanes, |lane| {
                let lane = lane as u32;
                [lane % x, lane / x % y, lane / (x * y)][axis]
            })
        };
        let three = [0, 1, 2];
        let each: Vec<Lanes> = match of {
            BuiltIn::LocalInvocationIndex => vec![Lanes::make(lanes, |lane| lane as u32)],
            BuiltIn::LocalInvocationId => three.map(local).into(),
            BuiltIn::WorkGroupId => group.map(Lanes::Same).into(),
            BuiltIn::NumWorkGroups => groups.map(Lanes::Same).into(),
            BuiltIn::WorkGroupSize => size.map(Lanes::Same).into(),
            BuiltIn::GlobalInvocationId => {
                three.map(|axis| local(axis).map(|at| group[axis] * size[axis] + at)).into()
            }
            _ => return Err(format!("{of:?}")),
        };
        each.into_iter().map(|lanes| self.given(lanes)).collect()
    }

    /// A constant of the module.
    fn global(&mut self, of: Handle<Expression>) -> Result<Value, String> {
        let mut frame = Frame::new(&self.program.module.global_expressions, None);
        self.value(&mut frame, of)
    }

    fn zero(&mut self, ty: &TypeInner) -> Result<Value, String> {
        let mut leaves = Vec::new();
        self.program.leaves(ty, false, 0, &mut leaves)?;
        let types = leaves.iter().flat_map(|leaf| (0..leaf.count).map(|_| leaf.ty));
        let types: Vec<Type> = types.collect();
        let scalars = types.into_iter().map(|ty| self.constant(ty, 0));
        Ok(Value::of(scalars.collect::<Result<_, _>>()?))
    }

    fn call(
        &mut self,
        function: &'a naga::Function,
        info: &'a FunctionInfo,
        arguments: Vec<Value>,
        is_entry: bool,
    ) -> Result<Option<Value>, String> {
        let before = self.variables();
        let mut frame = Frame::new(&function.expressions, Some(info));
        (frame.arguments, frame.is_entry) = (arguments, is_entry);
        for (_, variable) in function.local_variables.iter() {
            let value = match variable.init {
                Some(init) => self.value(&mut frame, init)?,
                None => self.zero(self.program.inner(variable.ty))?,
            };
            let first = self.allocate(value.scalars()?);
            frame.variables.push(first);
        }
        let mask = self.mask.clone();
        self.block(&mut frame, &function.body, mask.clone())?;
        self.mask = mask;
        self.forget(before);
        Ok(frame.result)
    }

    /// Runs statements in some threads; returns those that arrive at the end.
    fn block(
        &mut self,
        frame: &mut Frame<'a>,
        block: &Block,
        mut mask: Mask,
    ) -> Result<Mask, String> {
        for statement in block {
            if !mask.any() {
                break;
            }
            self.mask = mask.clone();
            mask = self.statement(frame, statement, mask)?;
        }
        Ok(mask)
    }

    fn statement(
        &mut self,
        frame: &mut Frame<'a>,
        statement: &Statement,
        mask: Mask,
    ) -> Result<Mask, String> {
        let nobody = Mask::none(self.trace.warps);
        match statement {
            Statement::Emit(range) => {
                for of in range.clone() {
                    let value = self.evaluate(frame, of)?;
                    frame.values[of.index()] = Some(value);
                }
            }
            Statement::Block(block) => return self.block(frame, block, mask),
            Statement::If { condition, accept, reject } => {
                let condition = self.value(frame, *condition)?.scalar()?.clone();
                return self.branch(frame, &condition, [accept, reject], mask);
            }
            Statement::Switch { selector, cases } => {
                let selector = self.value(frame, *selector)?.scalar()?.clone();
                return self.switch(frame, &selector, cases, &mask);
            }
            Statement::Loop { body, continuing, break_if } => {
                return self.repeat(frame, [body, continuing], *break_if, mask);
            }
            Statement::Break => {
                let left = frame.left.last_mut().ok_or("a break outside of a loop")?;
                left.broken = left.broken.or(&mask);
                return Ok(nobody);
            }
            Statement::Continue => {
                let left = frame.left.iter_mut().rev().find(|left| left.is_loop);
                let left = left.ok_or("a continue outside of a loop")?;
                left.continued = left.continued.or(&mask);
                return Ok(nobody);
            }
            Statement::Return { value } => {
                if let Some(value) = value {
                    let value = self.value(frame, *value)?;
                    frame.result = Some(match &frame.result {
                        None => value,
                        Some(other) => {
                            let pairs = value.scalars()?.iter().zip(other.scalars()?);
                            let merged =
                                pairs.map(|(value, other)| self.merge(&mask, value, other));
                            Value::of(merged.collect::<Result<_, _>>()?)
                        }
                    });
                }
                if frame.is_entry {
                    self.alive = self.alive.minus(&mask);
                }
                return Ok(nobody);
            }
            Statement::ControlBarrier(_) => self.effect((Kind::Barrier, 1), &[])?,
            Statement::MemoryBarrier(_) => {}
            Statement::Store { pointer, value } => {
                let at = self.value(frame, *pointer)?.pointer()?.clone();
                let ty = frame.inner(self.program, *value);
                let value = self.value(frame, *value)?;
                let mut leaves = Vec::new();
                self.program.leaves(ty, self.is_buffer(&at), 0, &mut leaves)?;
                self.store(&at, &leaves, value.scalars()?)?;
            }
            Statement::Atomic { pointer, fun: _, value, result } => {
                let at = self.value(frame, *pointer)?.pointer()?.clone();
                let value = self.value(frame, *value)?.scalar()?.clone();
                let old = self.atomic(&at, &value, value.ty)?;
                if let Some(result) = result {
                    if let TypeInner::Struct { .. } = frame.inner(self.program, *result) {
                        return Err("a comparison and exchange".into());
                    }
                    frame.values[result.index()] = Some(Value::One(old));
                }
            }
            Statement::WorkGroupUniformLoad { pointer, result } => {
                self.effect((Kind::Barrier, 1), &[])?;
                let at = self.value(frame, *pointer)?.pointer()?.clone();
                let mut leaves = Vec::new();
                let ty = frame.inner(self.program, *result);
                self.program.leaves(ty, self.is_buffer(&at), 0, &mut leaves)?;
                let value = self.load(&at, &leaves)?;
                frame.values[result.index()] = Some(value);
                self.effect((Kind::Barrier, 1), &[])?;
            }
            Statement::Call { function, arguments, result } => {
                let arguments = arguments.iter().map(|argument| self.value(frame, *argument));
                let arguments = arguments.collect::<Result<_, _>>()?;
                let program = self.program;
                let called = &program.module.functions[*function];
                let value = self.call(called, &program.info[*function], arguments, false)?;
                if let (Some(result), Some(value)) = (result, value) {
                    frame.values[result.index()] = Some(value);
                }
            }
            Statement::Kill
            | Statement::ImageStore { .. }
            | Statement::ImageAtomic { .. }
            | Statement::RayQuery { .. }
            | Statement::RayPipelineFunction(_)
            | Statement::SubgroupBallot { .. }
            | Statement::SubgroupGather { .. }
            | Statement::SubgroupCollectiveOperation { .. }
            | Statement::CooperativeStore { .. } => {
                return Err(format!("a statement {}", first_word(statement)));
            }
        }
        Ok(mask)
    }

    fn is_buffer(&self, at: &Pointer) -> bool {
        match at.root {
            Root::Local => false,
            Root::Global(global) => self.program.is_buffer(global),
        }
    }

    fn branch(
        &mut self,
        frame: &mut Frame<'a>,
        condition: &Scalar,
        [accept, reject]: [&Block; 2],
        mask: Mask,
    ) -> Result<Mask, String> {
        if condition.is_constant {
            let taken = if condition.lanes.get(0) == 0 { reject } else { accept };
            return self.block(frame, taken, mask);
        }
        self.effect((Kind::Branch, 1), &[condition])?;
        // Data decide, which are not known: neighbours take both ways. What ends a loop or a thread, and
        // atomics, which stand for what is rare, go by zeros.
        if condition.is_data && !leaves_or_is_rare(accept) && !leaves_or_is_rare(reject) {
            // Zeros say which is last and so decides what variables hold.
            let sides = match condition.lanes.get(0) {
                0 => [accept, reject],
                _ => [reject, accept],
            };
            let first = self.block(frame, sides[0], mask.clone())?;
            let second = self.block(frame, sides[1], mask)?;
            return Ok(first.or(&second));
        }
        let holds = Mask::of(&condition.lanes, self.trace.warps);
        let first = self.block(frame, accept, mask.and(&holds))?;
        let second = self.block(frame, reject, mask.minus(&holds))?;
        Ok(first.or(&second))
    }

    fn switch(
        &mut self,
        frame: &mut Frame<'a>,
        selector: &Scalar,
        cases: &[naga::SwitchCase],
        mask: &Mask,
    ) -> Result<Mask, String> {
        if !selector.is_constant {
            self.effect((Kind::Branch, 1), &[selector])?;
        }
        let warps = self.trace.warps;
        let of = |value: u32| Mask::of(&selector.lanes.map(|bits| (bits == value).into()), warps);
        let named = |case: &naga::SwitchCase| match case.value {
            SwitchValue::I32(value) => Some(of(value as u32)),
            SwitchValue::U32(value) => Some(of(value)),
            SwitchValue::Default => None,
        };
        let all_named =
            cases.iter().filter_map(named).fold(Mask::none(warps), |all, one| all.or(&one));
        let (broken, continued) = (Mask::none(warps), Mask::none(warps));
        frame.left.push(Left { broken, continued, is_loop: false });
        let (mut through, mut after) = (Mask::none(warps), Mask::none(warps));
        for case in cases {
            let own = named(case).map_or_else(|| mask.minus(&all_named), |own| mask.and(&own));
            let end = self.block(frame, &case.body, own.or(&through))?;
            match case.fall_through {
                true => through = end,
                false => {
                    after = after.or(&end);
                    through = Mask::none(warps);
                }
            }
        }
        let left = frame.left.pop().map_or_else(|| Mask::none(warps), |left| left.broken);
        Ok(after.or(&through).or(&left))
    }

    fn repeat(
        &mut self,
        frame: &mut Frame<'a>,
        [body, continuing]: [&Block; 2],
        break_if: Option<Handle<Expression>>,
        mut mask: Mask,
    ) -> Result<Mask, String> {
        let warps = self.trace.warps;
        let (broken, continued) = (Mask::none(warps), Mask::none(warps));
        frame.left.push(Left { broken, continued, is_loop: true });
        self.begin_loop();
        while mask.any() {
            self.mask = mask.clone();
            self.begin_iteration()?;
            let mut end = self.block(frame, body, mask)?;
            if let Some(left) = frame.left.last_mut() {
                end = end.or(&std::mem::replace(&mut left.continued, Mask::none(warps)));
            }
            end = self.block(frame, continuing, end)?;
            if let Some(condition) = break_if
                && end.any()
            {
                self.mask = end.clone();
                let condition = self.value(frame, condition)?.scalar()?.clone();
                self.effect((Kind::Branch, 1), &[&condition])?;
                let holds = end.and(&Mask::of(&condition.lanes, warps));
                end = end.minus(&holds);
                if let Some(left) = frame.left.last_mut() {
                    left.broken = left.broken.or(&holds);
                }
            }
            mask = end;
        }
        self.end_loop();
        Ok(frame.left.pop().map_or_else(|| Mask::none(warps), |left| left.broken))
    }

    /// An expression's value: as it was computed, or now.
    fn value(&mut self, frame: &mut Frame<'a>, of: Handle<Expression>) -> Result<Value, String> {
        if let Some(Some(value)) = frame.values.get(of.index()) {
            return Ok(value.clone());
        }
        let value = self.evaluate(frame, of)?;
        if let Some(known) = frame.values.get_mut(of.index()) {
            *known = Some(value.clone());
        }
        Ok(value)
    }

    fn evaluate(&mut self, frame: &mut Frame<'a>, of: Handle<Expression>) -> Result<Value, String> {
        let program = self.program;
        let module = &program.module;
        match &frame.expressions[of] {
            Expression::Literal(literal) => {
                let (ty, bits) = match *literal {
                    Literal::F32(value) => (Type::Float, value.to_bits()),
                    Literal::U32(value) => (Type::Unsigned, value),
                    Literal::I32(value) => (Type::Signed, value as u32),
                    Literal::Bool(value) => (Type::Bool, value.into()),
                    Literal::F64(_)
                    | Literal::F16(_)
                    | Literal::U16(_)
                    | Literal::I16(_)
                    | Literal::U64(_)
                    | Literal::I64(_)
                    | Literal::AbstractInt(_)
                    | Literal::AbstractFloat(_) => return Err(format!("{literal:?}")),
                };
                Ok(Value::One(self.constant(ty, bits)?))
            }
            Expression::Constant(constant) => self.global(module.constants[*constant].init),
            Expression::Override(given) => {
                let declared = &module.overrides[*given];
                match (program.value(*given), declared.init, program.inner(declared.ty)) {
                    (Some(value), _, TypeInner::Scalar(scalar)) => {
                        let ty = Type::of(*scalar)?;
                        let bits = match ty {
                            Type::Float => (value as f32).to_bits(),
                            Type::Signed => value as i32 as u32,
                            Type::Unsigned => value as u32,
                            Type::Bool => (value != 0.0).into(),
                        };
                        Ok(Value::One(self.constant(ty, bits)?))
                    }
                    (None, Some(init), _) => self.global(init),
                    (Some(_) | None, ..) => {
                        let name = declared.name.as_deref().unwrap_or_default();
                        Err(format!("override {name} without a value"))
                    }
                }
            }
            Expression::ZeroValue(ty) => self.zero(program.inner(*ty)),
            Expression::Compose { components, .. } => {
                let mut scalars = Vec::new();
                for component in components {
                    scalars.extend_from_slice(self.value(frame, *component)?.scalars()?);
                }
                Ok(Value::of(scalars))
            }
            Expression::Access { base, index } => {
                let index = self.value(frame, *index)?.scalar()?.clone();
                let ty = frame.inner(program, *base);
                match self.value(frame, *base)? {
                    Value::Pointer(at) => {
                        let stride = program.stride(ty, self.is_buffer(&at))?;
                        Ok(Value::Pointer(self.element(&at, &index, stride)?))
                    }
                    value @ (Value::One(_) | Value::Many(_)) => {
                        let scalars = value.scalars()?;
                        let len = program.stride(ty, false)? as usize;
                        if let (true, Lanes::Same(at)) = (index.is_constant, &index.lanes) {
                            return Ok(Value::of(part(scalars, *at as usize * len, len)?));
                        }
                        let choose = |i: usize| {
                            let of: Vec<Scalar> =
                                scalars.iter().skip(i).step_by(len).cloned().collect();
                            self.choose(&index, &of)
                        };
                        Ok(Value::of((0..len).map(choose).collect::<Result<_, _>>()?))
                    }
                }
            }
            Expression::AccessIndex { base, index } => {
                let ty = frame.inner(program, *base);
                match self.value(frame, *base)? {
                    Value::Pointer(at) => {
                        let words = program.member(ty, *index, self.is_buffer(&at))?;
                        Ok(Value::Pointer(Pointer { words: at.words.wrapping_add(words), ..at }))
                    }
                    value @ (Value::One(_) | Value::Many(_)) => {
                        let first = program.member(ty, *index, false)? as usize;
                        let len = program.words(frame.inner(program, of), false)? as usize;
                        Ok(Value::of(part(value.scalars()?, first, len)?))
                    }
                }
            }
            Expression::Splat { size, value } => {
                let value = self.value(frame, *value)?.scalar()?.clone();
                Ok(Value::of(vec![value; *size as usize]))
            }
            Expression::Swizzle { size, vector, pattern } => {
                let vector = self.value(frame, *vector)?;
                let scalars = vector.scalars()?;
                let chosen = pattern.iter().take(*size as usize);
                let chosen = chosen.map(|one| part(scalars, *one as usize, 1));
                Ok(Value::of(chosen.collect::<Result<Vec<_>, _>>()?.concat()))
            }
            Expression::FunctionArgument(index) => {
                let argument = frame.arguments.get(*index as usize);
                argument.cloned().ok_or_else(|| "an argument that is not given".into())
            }
            Expression::GlobalVariable(global) => {
                Ok(Value::Pointer(Pointer { root: Root::Global(*global), words: 0, more: None }))
            }
            Expression::LocalVariable(variable) => {
                let words = frame.variables.get(variable.index()).copied();
                let words = words.ok_or("a variable that does not exist")?;
                Ok(Value::Pointer(Pointer { root: Root::Local, words, more: None }))
            }
            Expression::Load { pointer } => {
                let at = self.value(frame, *pointer)?.pointer()?.clone();
                let mut leaves = Vec::new();
                let ty = frame.inner(program, of);
                program.leaves(ty, self.is_buffer(&at), 0, &mut leaves)?;
                self.load(&at, &leaves)
            }
            Expression::Unary { op, expr } => {
                let value = self.value(frame, *expr)?;
                let results = value.scalars()?.iter().map(|value| self.unary(*op, value));
                Ok(Value::of(results.collect::<Result<_, _>>()?))
            }
            Expression::Binary { op, left, right } => {
                let types = [*left, *right].map(|side| frame.inner(program, side));
                let (left, right) = (self.value(frame, *left)?, self.value(frame, *right)?);
                self.operate(*op, types, left.scalars()?, right.scalars()?)
            }
            Expression::Select { condition, accept, reject } => {
                let condition = self.value(frame, *condition)?;
                let (accept, reject) = (self.value(frame, *accept)?, self.value(frame, *reject)?);
                let conditions = condition.scalars()?;
                let pairs = accept.scalars()?.iter().zip(reject.scalars()?).enumerate();
                let results = pairs.map(|(i, (accept, reject))| {
                    let condition = conditions.get(i).or(conditions.first());
                    self.select(condition.ok_or("a selection by nothing")?, accept, reject)
                });
                Ok(Value::of(results.collect::<Result<_, String>>()?))
            }
            Expression::Relational { fun, argument } => {
                let value = self.value(frame, *argument)?;
                self.relate(*fun, value.scalars()?)
            }
            Expression::Math { fun, arg, arg1, arg2, arg3 } => {
                let mut values = vec![self.value(frame, *arg)?];
                for argument in [arg1, arg2, arg3].into_iter().flatten() {
                    values.push(self.value(frame, *argument)?);
                }
                let all: Vec<&[Scalar]> =
                    values.iter().map(Value::scalars).collect::<Result<_, _>>()?;
                self.function(*fun, &all)
            }
            Expression::As { expr, kind, convert } => {
                let value = self.value(frame, *expr)?;
                let width = convert.unwrap_or(4);
                let ty = Type::of(naga::Scalar { kind: *kind, width })?;
                let scalars = value.scalars()?.iter();
                let results = scalars.map(|value| self.convert(value, ty, convert.is_none()));
                Ok(Value::of(results.collect::<Result<_, _>>()?))
            }
            Expression::ArrayLength(array) => {
                let ty = frame.inner(program, *array);
                let at = self.value(frame, *array)?.pointer()?.clone();
                let Root::Global(global) = at.root else { return Err("the length".into()) };
                let words = self.binding_len(global)?.saturating_sub(at.words);
                let len = words / program.stride(ty, true)?.max(1);
                Ok(Value::One(self.given(Lanes::Same(len))?))
            }
            Expression::CallResult(_)
            | Expression::AtomicResult { .. }
            | Expression::WorkGroupUniformLoadResult { .. }
            | Expression::ImageSample { .. }
            | Expression::ImageLoad { .. }
            | Expression::ImageQuery { .. }
            | Expression::Derivative { .. }
            | Expression::RayQueryVertexPositions { .. }
            | Expression::RayQueryProceedResult
            | Expression::RayQueryGetIntersection { .. }
            | Expression::SubgroupBallotResult
            | Expression::SubgroupOperationResult { .. }
            | Expression::CooperativeLoad { .. }
            | Expression::CooperativeMultiplyAdd { .. } => {
                Err(format!("an expression {}", first_word(&frame.expressions[of])))
            }
        }
    }

    /// An operator of scalars, vectors and matrices.
    fn operate(
        &mut self,
        op: BinaryOperator,
        types: [&TypeInner; 2],
        left: &[Scalar],
        right: &[Scalar],
    ) -> Result<Value, String> {
        let matrix = |ty: &TypeInner| match ty {
            TypeInner::Matrix { columns, rows, .. } => Some((*columns as usize, *rows as usize)),
            _ => None,
        };
        let shapes = types.map(matrix);
        if op == BinaryOperator::Multiply && shapes != [None, None] {
            let (columns, rows) = match shapes {
                // Each column of the right-hand side is a vector.
                [Some((_, rows)), Some((columns, _))] => (columns, rows),
                [Some((_, rows)), None] if right.len() > 1 => (1, rows),
                [None, Some((columns, _))] if left.len() > 1 => (columns, 1),
                [Some(_), None] | [None, Some(_)] | [None, None] => (0, 0),
            };
            if columns > 0 {
                let inner = shapes[0].map_or(left.len(), |(columns, _)| columns);
                let mut scalars = Vec::new();
                for column in 0..columns {
                    for row in 0..rows {
                        let pairs = (0..inner)
                            .map(|i| (left.get(i * rows + row), right.get(column * inner + i)));
                        let pairs: Vec<_> =
                            pairs.filter_map(|(a, b)| Some((a?.clone(), b?.clone()))).collect();
                        scalars.push(self.dot(&pairs)?);
                    }
                }
                return Ok(Value::of(scalars));
            }
        }
        let len = left.len().max(right.len());
        let results = (0..len).map(|i| {
            let (a, b) = (left.get(i).or(left.first()), right.get(i).or(right.first()));
            self.binary(op, a.ok_or("an operand")?, b.ok_or("an operand")?)
        });
        Ok(Value::of(results.collect::<Result<_, String>>()?))
    }

    /// Sum of products.
    fn dot(&mut self, pairs: &[(Scalar, Scalar)]) -> Result<Scalar, String> {
        let mut sum: Option<Scalar> = None;
        for (a, b) in pairs {
            let product = self.binary(BinaryOperator::Multiply, a, b)?;
            sum = Some(match sum {
                Some(sum) => self.binary(BinaryOperator::Add, &sum, &product)?,
                None => product,
            });
        }
        sum.ok_or_else(|| "a product of nothing".into())
    }

    fn relate(&mut self, function: RelationalFunction, of: &[Scalar]) -> Result<Value, String> {
        let mut results = Vec::new();
        let op = match function {
            RelationalFunction::All => BinaryOperator::And,
            RelationalFunction::Any => BinaryOperator::InclusiveOr,
            RelationalFunction::IsNan | RelationalFunction::IsInf => {
                let (mask, infinity) = (
                    self.constant(Type::Unsigned, WITHOUT_SIGN)?,
                    self.constant(Type::Unsigned, INFINITY)?,
                );
                let op = match function == RelationalFunction::IsNan {
                    true => BinaryOperator::Greater,
                    false => BinaryOperator::Equal,
                };
                for value in of {
                    let bits = self.convert(value, Type::Unsigned, true)?;
                    let bits = self.binary(BinaryOperator::And, &bits, &mask)?;
                    results.push(self.binary(op, &bits, &infinity)?);
                }
                return Ok(Value::of(results));
            }
        };
        let mut all: Option<Scalar> = None;
        for value in of {
            all = Some(match all {
                Some(all) => self.binary(op, &all, value)?,
                None => value.clone(),
            });
        }
        results.extend(all);
        Ok(Value::of(results))
    }

    fn function(&mut self, of: MathFunction, all: &[&[Scalar]]) -> Result<Value, String> {
        match (of, all) {
            (MathFunction::Dot, [a, b]) => {
                let pairs: Vec<_> = a.iter().cloned().zip(b.iter().cloned()).collect();
                return Ok(Value::One(self.dot(&pairs)?));
            }
            (MathFunction::Length, [a]) if a.len() > 1 => {
                let pairs: Vec<_> = a.iter().cloned().zip(a.iter().cloned()).collect();
                let squares = self.dot(&pairs)?;
                return Ok(Value::One(self.math(MathFunction::Sqrt, &[&squares])?));
            }
            _ => {}
        }
        let len = all.iter().map(|scalars| scalars.len()).max().unwrap_or(0);
        let results = (0..len).map(|i| {
            let own = all.iter().filter_map(|scalars| scalars.get(i).or(scalars.first()));
            self.math(of, &own.collect::<Vec<_>>())
        });
        Ok(Value::of(results.collect::<Result<_, _>>()?))
    }
}

fn part(scalars: &[Scalar], first: usize, len: usize) -> Result<Vec<Scalar>, String> {
    let part = scalars.get(first..first + len).map(<[Scalar]>::to_vec);
    part.ok_or_else(|| "an element that does not exist".into())
}

/// The name of a variant, for errors.
fn first_word(of: &impl std::fmt::Debug) -> String {
    let text = format!("{of:?}");
    text.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default().into()
}

/// Whether a block leaves a loop or a function, or has an atomic.
fn leaves_or_is_rare(block: &Block) -> bool {
    block.iter().any(|statement| match statement {
        Statement::Break
        | Statement::Continue
        | Statement::Return { .. }
        | Statement::Kill
        | Statement::Atomic { .. }
        | Statement::ImageAtomic { .. } => true,
        Statement::Block(block) => leaves_or_is_rare(block),
        Statement::If { accept, reject, .. } => {
            leaves_or_is_rare(accept) || leaves_or_is_rare(reject)
        }
        Statement::Switch { cases, .. } => cases.iter().any(|case| leaves_or_is_rare(&case.body)),
        Statement::Loop { body, continuing, .. } => {
            leaves_or_is_rare(body) || leaves_or_is_rare(continuing)
        }
        Statement::Emit(_)
        | Statement::ControlBarrier(_)
        | Statement::MemoryBarrier(_)
        | Statement::Store { .. }
        | Statement::ImageStore { .. }
        | Statement::WorkGroupUniformLoad { .. }
        | Statement::Call { .. }
        | Statement::RayQuery { .. }
        | Statement::RayPipelineFunction(_)
        | Statement::SubgroupBallot { .. }
        | Statement::SubgroupGather { .. }
        | Statement::SubgroupCollectiveOperation { .. }
        | Statement::CooperativeStore { .. } => false,
    })
}
