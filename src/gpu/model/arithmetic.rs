//! Operators and functions of scalars: what they compute, and what they cost.

use wgpu::naga::{BinaryOperator, MathFunction, UnaryOperator};

use super::trace::Kind;
use super::value::Type;

/// Instructions of a division of integers by what is not a constant.
const DIVISION: u16 = 20;
/// Instructions of one by a constant: the upper half of a product, and a shift.
const DIVISION_BY_CONSTANT: u16 = 3;
/// Instructions of a division of floats, a reciprocal and its refinement.
const FLOAT_DIVISION: u16 = 8;
/// Issue slots of one special function: a GPU has a quarter as many units for them.
const SPECIAL: u16 = 4;

fn float(bits: u32) -> f32 {
    f32::from_bits(bits)
}

/// What `a op b` computes.
pub(super) fn binary(op: BinaryOperator, ty: Type) -> Result<fn(u32, u32) -> u32, String> {
    use BinaryOperator as Op;
    let f: fn(u32, u32) -> u32 = match (ty, op) {
        (Type::Float, Op::Add) => |a, b| (float(a) + float(b)).to_bits(),
        (Type::Float, Op::Subtract) => |a, b| (float(a) - float(b)).to_bits(),
        (Type::Float, Op::Multiply) => |a, b| (float(a) * float(b)).to_bits(),
        (Type::Float, Op::Divide) => |a, b| (float(a) / float(b)).to_bits(),
        (Type::Float, Op::Modulo) => |a, b| (float(a) % float(b)).to_bits(),
        (Type::Float, Op::Equal) => |a, b| (float(a) == float(b)).into(),
        (Type::Float, Op::NotEqual) => |a, b| (float(a) != float(b)).into(),
        (Type::Float, Op::Less) => |a, b| (float(a) < float(b)).into(),
        (Type::Float, Op::LessEqual) => |a, b| (float(a) <= float(b)).into(),
        (Type::Float, Op::Greater) => |a, b| (float(a) > float(b)).into(),
        (Type::Float, Op::GreaterEqual) => |a, b| (float(a) >= float(b)).into(),
        (Type::Signed, Op::Divide) => |a, b| (a as i32).checked_div(b as i32).unwrap_or(0) as u32,
        (Type::Signed, Op::Modulo) => |a, b| (a as i32).checked_rem(b as i32).unwrap_or(0) as u32,
        (Type::Signed, Op::Less) => |a, b| ((a as i32) < b as i32).into(),
        (Type::Signed, Op::LessEqual) => |a, b| (a as i32 <= b as i32).into(),
        (Type::Signed, Op::Greater) => |a, b| (a as i32 > b as i32).into(),
        (Type::Signed, Op::GreaterEqual) => |a, b| (a as i32 >= b as i32).into(),
        (Type::Signed, Op::ShiftRight) => |a, b| ((a as i32) >> (b & 31)) as u32,
        (Type::Unsigned, Op::Divide) => |a, b| a.checked_div(b).unwrap_or(0),
        (Type::Unsigned, Op::Modulo) => |a, b| a.checked_rem(b).unwrap_or(0),
        (Type::Unsigned, Op::Less) => |a, b| (a < b).into(),
        (Type::Unsigned, Op::LessEqual) => |a, b| (a <= b).into(),
        (Type::Unsigned, Op::Greater) => |a, b| (a > b).into(),
        (Type::Unsigned, Op::GreaterEqual) => |a, b| (a >= b).into(),
        (Type::Unsigned, Op::ShiftRight) => |a, b| a >> (b & 31),
        (Type::Signed | Type::Unsigned, Op::Add) => u32::wrapping_add,
        (Type::Signed | Type::Unsigned, Op::Subtract) => u32::wrapping_sub,
        (Type::Signed | Type::Unsigned, Op::Multiply) => u32::wrapping_mul,
        (Type::Signed | Type::Unsigned, Op::ShiftLeft) => |a, b| a << (b & 31),
        (Type::Signed | Type::Unsigned | Type::Bool, Op::Equal) => |a, b| (a == b).into(),
        (Type::Signed | Type::Unsigned | Type::Bool, Op::NotEqual) => |a, b| (a != b).into(),
        (Type::Signed | Type::Unsigned | Type::Bool, Op::And) => |a, b| a & b,
        (Type::Signed | Type::Unsigned | Type::Bool, Op::InclusiveOr) => |a, b| a | b,
        (Type::Signed | Type::Unsigned | Type::Bool, Op::ExclusiveOr) => |a, b| a ^ b,
        (Type::Bool, Op::LogicalAnd) => |a, b| a & b,
        (Type::Bool, Op::LogicalOr) => |a, b| a | b,
        (
            Type::Float,
            Op::And
            | Op::ExclusiveOr
            | Op::InclusiveOr
            | Op::LogicalAnd
            | Op::LogicalOr
            | Op::ShiftLeft
            | Op::ShiftRight,
        )
        | (Type::Signed | Type::Unsigned, Op::LogicalAnd | Op::LogicalOr)
        | (
            Type::Bool,
            Op::Add
            | Op::Subtract
            | Op::Multiply
            | Op::Divide
            | Op::Modulo
            | Op::Less
            | Op::LessEqual
            | Op::Greater
            | Op::GreaterEqual
            | Op::ShiftLeft
            | Op::ShiftRight,
        ) => return Err(format!("{op:?} of {ty:?}")),
    };
    Ok(f)
}

/// The type of `a op b` of operands of a type.
pub(super) fn binary_type(op: BinaryOperator, ty: Type) -> Type {
    use BinaryOperator as Op;
    match op {
        Op::Equal | Op::NotEqual | Op::Less | Op::LessEqual | Op::Greater | Op::GreaterEqual => {
            Type::Bool
        }
        Op::Add
        | Op::Subtract
        | Op::Multiply
        | Op::Divide
        | Op::Modulo
        | Op::And
        | Op::ExclusiveOr
        | Op::InclusiveOr
        | Op::LogicalAnd
        | Op::LogicalOr
        | Op::ShiftLeft
        | Op::ShiftRight => ty,
    }
}

/// The instructions of `a op b`; `by` is b where it is a constant.
pub(super) fn binary_cost(op: BinaryOperator, ty: Type, by: Option<u32>) -> (Kind, u16) {
    use BinaryOperator as Op;
    let of_floats = ty == Type::Float;
    match op {
        Op::Add | Op::Subtract => (Kind::Add(of_floats), 1),
        Op::Multiply => match by {
            Some(by) if !of_floats && by.is_power_of_two() => (Kind::Integer, 1),
            Some(_) | None => (Kind::Multiply(of_floats), 1),
        },
        Op::Divide | Op::Modulo if of_floats => (Kind::Special, FLOAT_DIVISION),
        Op::Divide | Op::Modulo => match by {
            Some(by) if by.is_power_of_two() => (Kind::Integer, 1),
            Some(_) => (Kind::Integer, DIVISION_BY_CONSTANT),
            None => (Kind::Integer, DIVISION),
        },
        Op::Equal | Op::NotEqual | Op::Less | Op::LessEqual | Op::Greater | Op::GreaterEqual => {
            (if of_floats { Kind::Float } else { Kind::Integer }, 1)
        }
        Op::And
        | Op::ExclusiveOr
        | Op::InclusiveOr
        | Op::LogicalAnd
        | Op::LogicalOr
        | Op::ShiftLeft
        | Op::ShiftRight => (Kind::Integer, 1),
    }
}

/// What an operator computes, and what it costs.
pub(super) type Unary = (fn(u32) -> u32, Kind, u16);

/// What an operator computes; a sign and a negation are part of the instruction that reads them.
pub(super) fn unary(op: UnaryOperator, ty: Type) -> Result<Unary, String> {
    match (op, ty) {
        (UnaryOperator::Negate, Type::Float) => Ok((|a| (-float(a)).to_bits(), Kind::Free, 0)),
        (UnaryOperator::Negate, Type::Signed) => Ok((u32::wrapping_neg, Kind::Integer, 1)),
        (UnaryOperator::LogicalNot, Type::Bool) => Ok((|a| 1 - a, Kind::Free, 0)),
        (UnaryOperator::BitwiseNot, Type::Signed | Type::Unsigned) => {
            Ok((|a| !a, Kind::Integer, 1))
        }
        (
            UnaryOperator::Negate | UnaryOperator::LogicalNot | UnaryOperator::BitwiseNot,
            Type::Float | Type::Signed | Type::Unsigned | Type::Bool,
        ) => Err(format!("{op:?} of {ty:?}")),
    }
}

/// What a function of one to three scalars computes.
pub(super) type Math = (fn(u32, u32, u32) -> u32, Kind, u16);

/// A function of one to three scalars of a type; those it does not take are 0.
pub(super) fn math(function: MathFunction, ty: Type) -> Result<Math, String> {
    use MathFunction as F;
    let made: Math = match (function, ty) {
        (F::Abs, Type::Float) => (|a, _, _| float(a).abs().to_bits(), Kind::Free, 0),
        (F::Min, Type::Float) => (|a, b, _| float(a).min(float(b)).to_bits(), Kind::Float, 1),
        (F::Max, Type::Float) => (|a, b, _| float(a).max(float(b)).to_bits(), Kind::Float, 1),
        (F::Clamp, Type::Float) => {
            (|a, b, c| float(a).max(float(b)).min(float(c)).to_bits(), Kind::Float, 2)
        }
        (F::Saturate, Type::Float) => {
            (|a, _, _| float(a).clamp(0.0, 1.0).to_bits(), Kind::Float, 1)
        }
        (F::Ceil, Type::Float) => (|a, _, _| float(a).ceil().to_bits(), Kind::Float, 1),
        (F::Floor, Type::Float) => (|a, _, _| float(a).floor().to_bits(), Kind::Float, 1),
        (F::Round, Type::Float) => (|a, _, _| float(a).round_ties_even().to_bits(), Kind::Float, 1),
        (F::Fract, Type::Float) => {
            (|a, _, _| (float(a) - float(a).floor()).to_bits(), Kind::Float, 2)
        }
        (F::Trunc, Type::Float) => (|a, _, _| float(a).trunc().to_bits(), Kind::Float, 1),
        (F::Sign, Type::Float) => (|a, _, _| float(a).signum().to_bits(), Kind::Float, 2),
        (F::Step, Type::Float) => {
            (|a, b, _| f32::from(u8::from(float(a) <= float(b))).to_bits(), Kind::Float, 2)
        }
        (F::Mix, Type::Float) => (
            |a, b, c| (float(a) * (1.0 - float(c)) + float(b) * float(c)).to_bits(),
            Kind::Float,
            2,
        ),
        (F::Fma, Type::Float) => {
            (|a, b, c| float(a).mul_add(float(b), float(c)).to_bits(), Kind::Fma, 1)
        }
        (F::Cos, Type::Float) => (|a, _, _| float(a).cos().to_bits(), Kind::Special, SPECIAL + 1),
        (F::Sin, Type::Float) => (|a, _, _| float(a).sin().to_bits(), Kind::Special, SPECIAL + 1),
        (F::Exp, Type::Float) => (|a, _, _| float(a).exp().to_bits(), Kind::Special, SPECIAL + 1),
        (F::Exp2, Type::Float) => (|a, _, _| float(a).exp2().to_bits(), Kind::Special, SPECIAL),
        (F::Log, Type::Float) => (|a, _, _| float(a).ln().to_bits(), Kind::Special, SPECIAL + 1),
        (F::Log2, Type::Float) => (|a, _, _| float(a).log2().to_bits(), Kind::Special, SPECIAL),
        (F::Pow, Type::Float) => {
            (|a, b, _| float(a).powf(float(b)).to_bits(), Kind::Special, 2 * SPECIAL + 1)
        }
        (F::Sqrt, Type::Float) => (|a, _, _| float(a).sqrt().to_bits(), Kind::Special, SPECIAL + 1),
        (F::InverseSqrt, Type::Float) => {
            (|a, _, _| (1.0 / float(a).sqrt()).to_bits(), Kind::Special, SPECIAL)
        }
        (F::Tanh, Type::Float) => {
            (|a, _, _| float(a).tanh().to_bits(), Kind::Special, 2 * SPECIAL + 4)
        }
        (F::Abs, Type::Signed) => (|a, _, _| (a as i32).unsigned_abs(), Kind::Integer, 1),
        (F::Min, Type::Signed) => (|a, b, _| (a as i32).min(b as i32) as u32, Kind::Integer, 1),
        (F::Max, Type::Signed) => (|a, b, _| (a as i32).max(b as i32) as u32, Kind::Integer, 1),
        (F::Clamp, Type::Signed) => {
            (|a, b, c| (a as i32).max(b as i32).min(c as i32) as u32, Kind::Integer, 2)
        }
        (F::Sign, Type::Signed) => (|a, _, _| (a as i32).signum() as u32, Kind::Integer, 2),
        (F::Abs, Type::Unsigned) => (|a, _, _| a, Kind::Free, 0),
        (F::Min, Type::Unsigned) => (|a, b, _| a.min(b), Kind::Integer, 1),
        (F::Max, Type::Unsigned) => (|a, b, _| a.max(b), Kind::Integer, 1),
        (F::Clamp, Type::Unsigned) => (|a, b, c| a.max(b).min(c), Kind::Integer, 2),
        (F::CountOneBits, Type::Signed | Type::Unsigned) => {
            (|a, _, _| a.count_ones(), Kind::Integer, 2)
        }
        (F::CountLeadingZeros, Type::Signed | Type::Unsigned) => {
            (|a, _, _| a.leading_zeros(), Kind::Integer, 2)
        }
        (F::CountTrailingZeros, Type::Signed | Type::Unsigned) => {
            (|a, _, _| a.trailing_zeros(), Kind::Integer, 3)
        }
        (F::ReverseBits, Type::Signed | Type::Unsigned) => {
            (|a, _, _| a.reverse_bits(), Kind::Integer, 2)
        }
        (F::FirstLeadingBit, Type::Unsigned) => {
            (|a, _, _| 31_u32.wrapping_sub(a.leading_zeros()), Kind::Integer, 2)
        }
        (F::FirstTrailingBit, Type::Signed | Type::Unsigned) => {
            (|a, _, _| if a == 0 { u32::MAX } else { a.trailing_zeros() }, Kind::Integer, 3)
        }
        (
            F::Abs
            | F::Min
            | F::Max
            | F::Clamp
            | F::Saturate
            | F::Cos
            | F::Cosh
            | F::Sin
            | F::Sinh
            | F::Tan
            | F::Tanh
            | F::Acos
            | F::Asin
            | F::Atan
            | F::Atan2
            | F::Asinh
            | F::Acosh
            | F::Atanh
            | F::Radians
            | F::Degrees
            | F::Ceil
            | F::Floor
            | F::Round
            | F::Fract
            | F::Trunc
            | F::Modf
            | F::Frexp
            | F::Ldexp
            | F::Exp
            | F::Exp2
            | F::Log
            | F::Log2
            | F::Pow
            | F::Dot
            | F::Dot4I8Packed
            | F::Dot4U8Packed
            | F::Outer
            | F::Cross
            | F::Distance
            | F::Length
            | F::Normalize
            | F::FaceForward
            | F::Reflect
            | F::Refract
            | F::Sign
            | F::Fma
            | F::Mix
            | F::Step
            | F::SmoothStep
            | F::Sqrt
            | F::InverseSqrt
            | F::Inverse
            | F::Transpose
            | F::Determinant
            | F::QuantizeToF16
            | F::CountTrailingZeros
            | F::CountLeadingZeros
            | F::CountOneBits
            | F::ReverseBits
            | F::ExtractBits
            | F::InsertBits
            | F::FirstTrailingBit
            | F::FirstLeadingBit
            | F::Pack4x8snorm
            | F::Pack4x8unorm
            | F::Pack2x16snorm
            | F::Pack2x16unorm
            | F::Pack2x16float
            | F::Pack4xI8
            | F::Pack4xU8
            | F::Pack4xI8Clamp
            | F::Pack4xU8Clamp
            | F::Unpack4x8snorm
            | F::Unpack4x8unorm
            | F::Unpack2x16snorm
            | F::Unpack2x16unorm
            | F::Unpack2x16float
            | F::Unpack4xI8
            | F::Unpack4xU8,
            Type::Float | Type::Signed | Type::Unsigned | Type::Bool,
        ) => return Err(format!("{function:?} of {ty:?}")),
    };
    Ok(made)
}

/// A conversion.
pub(super) fn convert(from: Type, to: Type) -> fn(u32) -> u32 {
    match (from, to) {
        (Type::Float, Type::Signed) => |a| float(a) as i32 as u32,
        (Type::Float, Type::Unsigned) => |a| float(a) as u32,
        (Type::Signed, Type::Float) => |a| (a as i32 as f32).to_bits(),
        (Type::Unsigned | Type::Bool, Type::Float) => |a| (a as f32).to_bits(),
        (Type::Float, Type::Bool) => |a| (float(a) != 0.0).into(),
        (Type::Signed | Type::Unsigned | Type::Bool, Type::Bool) => |a| (a != 0).into(),
        (Type::Float, Type::Float)
        | (Type::Signed | Type::Unsigned | Type::Bool, Type::Signed | Type::Unsigned) => |a| a,
    }
}
