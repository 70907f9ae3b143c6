//! A kernel that is parsed, with the values of its constants, and the sizes of its types.

use std::collections::HashMap;

use wgpu::naga::valid::ModuleInfo;
use wgpu::naga::{self, AddressSpace, ArraySize, Handle, TypeInner, VectorSize};

use super::value::Type;
use crate::gpu::kernels;

/// Words of buffers that a dispatch binds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bound<'a> {
    /// The buffer's first words.
    pub(super) words: &'a [u32],
    /// Where the binding begins in the buffer.
    pub(super) start: u64,
    /// Words of the binding.
    pub(super) len: u32,
    /// Whether the recording has the data.
    pub(super) is_known: bool,
}

impl Bound<'_> {
    pub(super) fn word(&self, at: u32) -> u32 {
        let at = self.start as usize + at as usize;
        self.words.get(at).copied().unwrap_or_default()
    }
}

/// Scalars that are loaded or stored together: a scalar or a vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Leaf {
    /// Words before it.
    pub(super) words: u32,
    pub(super) count: u32,
    pub(super) ty: Type,
}

#[derive(Debug)]
pub(super) struct Program {
    pub(super) module: naga::Module,
    pub(super) info: ModuleInfo,
    /// Values of overrides.
    values: HashMap<String, f64>,
}

impl Program {
    pub(super) fn new(text: &str, values: HashMap<String, f64>) -> Result<Self, String> {
        let (module, info) = kernels::validated(text).map_err(|(_, problem)| problem)?;
        Ok(Self { module, info, values })
    }

    /// The value that an override is given.
    pub(super) fn value(&self, of: Handle<naga::Override>) -> Option<f64> {
        self.values.get(self.module.overrides[of].name.as_ref()?).copied()
    }

    pub(super) fn inner(&self, ty: Handle<naga::Type>) -> &TypeInner {
        &self.module.types[ty].inner
    }

    pub(super) fn space(
        &self,
        global: Handle<naga::GlobalVariable>,
    ) -> Result<AddressSpace, String> {
        let known = self.module.global_variables.try_get(global);
        known.map(|variable| variable.space).map_err(|error| error.to_string())
    }

    /// The number of a binding, whether it is a uniform, and whether the kernel may write it.
    pub(super) fn binding(
        &self,
        global: Handle<naga::GlobalVariable>,
    ) -> Result<(u32, bool, bool), String> {
        let variable = &self.module.global_variables[global];
        let Some(binding) = &variable.binding else { return Err("a variable as a buffer".into()) };
        let is_written = match variable.space {
            AddressSpace::Storage { access } => access.contains(naga::StorageAccess::STORE),
            AddressSpace::Uniform
            | AddressSpace::Function
            | AddressSpace::Private
            | AddressSpace::WorkGroup
            | AddressSpace::Handle
            | AddressSpace::Immediate
            | AddressSpace::TaskPayload
            | AddressSpace::RayPayload
            | AddressSpace::IncomingRayPayload => false,
        };
        Ok((binding.binding, variable.space == AddressSpace::Uniform, is_written))
    }

    /// Whether what lies there has the layout of buffers; otherwise its scalars follow each other.
    pub(super) fn is_buffer(&self, global: Handle<naga::GlobalVariable>) -> bool {
        self.module.global_variables[global].binding.is_some()
    }

    pub(super) fn words_of_global(
        &self,
        global: Handle<naga::GlobalVariable>,
    ) -> Result<u32, String> {
        let ty = self.inner(self.module.global_variables[global].ty);
        self.words(ty, self.is_buffer(global))
    }

    fn elements(&self, size: ArraySize) -> Result<u32, String> {
        match size {
            ArraySize::Constant(size) => Ok(size.get()),
            ArraySize::Pending(of) => {
                let value = self.value(of).ok_or("the size of an array without a value")?;
                Ok(value as u32)
            }
            ArraySize::Dynamic => Err("an array without a size as a value".into()),
        }
    }

    /// Words that a value takes.
    pub(super) fn words(&self, ty: &TypeInner, in_buffer: bool) -> Result<u32, String> {
        match ty {
            TypeInner::Scalar(_) | TypeInner::Atomic(_) => Ok(1),
            TypeInner::Vector { size, .. } => Ok(*size as u32),
            TypeInner::Matrix { columns, rows, .. } => {
                Ok(*columns as u32 * column(*rows, in_buffer))
            }
            TypeInner::Array { size, .. } => {
                Ok(self.elements(*size)? * self.stride(ty, in_buffer)?)
            }
            TypeInner::Struct { span, .. } if in_buffer => Ok(span / 4),
            TypeInner::Struct { members, .. } => {
                members.iter().map(|member| self.words(self.inner(member.ty), false)).sum()
            }
            TypeInner::CooperativeMatrix { .. }
            | TypeInner::Pointer { .. }
            | TypeInner::ValuePointer { .. }
            | TypeInner::Image { .. }
            | TypeInner::Sampler { .. }
            | TypeInner::AccelerationStructure { .. }
            | TypeInner::RayQuery { .. }
            | TypeInner::BindingArray { .. } => Err(format!("a value of {ty:?}")),
        }
    }

    /// Words from an element to the next.
    pub(super) fn stride(&self, ty: &TypeInner, in_buffer: bool) -> Result<u32, String> {
        match ty {
            TypeInner::Vector { .. } | TypeInner::ValuePointer { .. } => Ok(1),
            TypeInner::Matrix { rows, .. } => Ok(column(*rows, in_buffer)),
            TypeInner::Array { stride, .. } if in_buffer => Ok(stride / 4),
            TypeInner::Array { base, .. } => self.words(self.inner(*base), false),
            TypeInner::Pointer { base, .. } => self.stride(self.inner(*base), in_buffer),
            TypeInner::Scalar(_)
            | TypeInner::Atomic(_)
            | TypeInner::Struct { .. }
            | TypeInner::CooperativeMatrix { .. }
            | TypeInner::Image { .. }
            | TypeInner::Sampler { .. }
            | TypeInner::AccelerationStructure { .. }
            | TypeInner::RayQuery { .. }
            | TypeInner::BindingArray { .. } => Err(format!("an element of {ty:?}")),
        }
    }

    /// Words before a member or an element.
    pub(super) fn member(
        &self,
        ty: &TypeInner,
        index: u32,
        in_buffer: bool,
    ) -> Result<u32, String> {
        match ty {
            TypeInner::Pointer { base, .. } => self.member(self.inner(*base), index, in_buffer),
            TypeInner::Struct { members, .. } if in_buffer => {
                let member = members.get(index as usize).ok_or("a member that does not exist")?;
                Ok(member.offset / 4)
            }
            TypeInner::Struct { members, .. } => {
                let before = members.iter().take(index as usize);
                before.map(|member| self.words(self.inner(member.ty), false)).sum()
            }
            TypeInner::Vector { .. }
            | TypeInner::ValuePointer { .. }
            | TypeInner::Matrix { .. }
            | TypeInner::Array { .. } => Ok(index * self.stride(ty, in_buffer)?),
            TypeInner::Scalar(_)
            | TypeInner::Atomic(_)
            | TypeInner::CooperativeMatrix { .. }
            | TypeInner::Image { .. }
            | TypeInner::Sampler { .. }
            | TypeInner::AccelerationStructure { .. }
            | TypeInner::RayQuery { .. }
            | TypeInner::BindingArray { .. } => Err(format!("a member of {ty:?}")),
        }
    }

    /// What is loaded or stored of a type, with words before it.
    pub(super) fn leaves(
        &self,
        ty: &TypeInner,
        in_buffer: bool,
        before: u32,
        leaves: &mut Vec<Leaf>,
    ) -> Result<(), String> {
        match ty {
            TypeInner::Scalar(scalar) | TypeInner::Atomic(scalar) => {
                leaves.push(Leaf { words: before, count: 1, ty: Type::of(*scalar)? });
            }
            TypeInner::Vector { size, scalar } => {
                leaves.push(Leaf { words: before, count: *size as u32, ty: Type::of(*scalar)? });
            }
            TypeInner::Matrix { columns, rows, scalar } => {
                for i in 0..*columns as u32 {
                    let words = before + i * column(*rows, in_buffer);
                    let ty = Type::of(*scalar)?;
                    leaves.push(Leaf { words, count: *rows as u32, ty });
                }
            }
            TypeInner::Array { base, size, .. } => {
                let stride = self.stride(ty, in_buffer)?;
                for i in 0..self.elements(*size)? {
                    self.leaves(self.inner(*base), in_buffer, before + i * stride, leaves)?;
                }
            }
            TypeInner::Struct { members, .. } => {
                for (i, member) in members.iter().enumerate() {
                    let words = before + self.member(ty, i as u32, in_buffer)?;
                    self.leaves(self.inner(member.ty), in_buffer, words, leaves)?;
                }
            }
            TypeInner::CooperativeMatrix { .. }
            | TypeInner::Pointer { .. }
            | TypeInner::ValuePointer { .. }
            | TypeInner::Image { .. }
            | TypeInner::Sampler { .. }
            | TypeInner::AccelerationStructure { .. }
            | TypeInner::RayQuery { .. }
            | TypeInner::BindingArray { .. } => return Err(format!("a value of {ty:?}")),
        }
        Ok(())
    }
}

/// Words from a column of a matrix to the next.
fn column(rows: VectorSize, in_buffer: bool) -> u32 {
    match rows {
        VectorSize::Bi => 2,
        VectorSize::Tri if in_buffer => 4,
        VectorSize::Tri => 3,
        VectorSize::Quad => 4,
    }
}
