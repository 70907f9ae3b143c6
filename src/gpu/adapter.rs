//! Lists the adapters and chooses one.

use std::fmt;

use serde::Serialize;

use super::kernels::KERNELS;
use crate::error::{Error, Result};

/// What kind of device an adapter is, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A graphics card.
    Discrete,
    /// Part of the processor, with whose memory it works.
    Integrated,
    /// Part of a virtual machine.
    Virtual,
    /// Not reported by its driver.
    Other,
    /// Emulated on a processor.
    Software,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Discrete => "discrete",
            Self::Integrated => "integrated",
            Self::Virtual => "virtual",
            Self::Other => "other",
            Self::Software => "software",
        })
    }
}

/// Properties of an adapter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AdapterFacts {
    /// Its name, e.g. `NVIDIA GeForce RTX 3060`.
    pub name: String,
    /// The interface it is reached by, e.g. `vulkan`.
    pub backend: String,
    /// Its kind.
    pub kind: Kind,
    /// Driver and version.
    pub driver: String,
    /// Largest buffer, in bytes.
    pub max_buffer_bytes: u64,
    /// Most of a buffer that a kernel can be given at once, in bytes.
    pub max_binding_bytes: u64,
    /// Most invocations in a workgroup.
    pub max_workgroup_size: u32,
    /// Memory that a workgroup can share, in bytes.
    pub max_workgroup_bytes: u32,
    /// Whether it can time single kernels.
    pub timestamps: bool,
}

/// Hash of the texts of all kernels: others may compute other bits.
///
/// # Errors
/// If a kernel includes a file that does not exist.
pub(super) fn kernels_hash() -> Result<String> {
    let mut kernels = blake3::Hasher::new();
    for kernel in KERNELS {
        kernels.update(kernel.source()?.as_bytes());
    }
    Ok(kernels.finalize().to_hex()[..16].to_owned())
}

impl AdapterFacts {
    fn of(adapter: &wgpu::Adapter) -> Self {
        let (info, limits) = (adapter.get_info(), adapter.limits());
        let kind = match info.device_type {
            wgpu::DeviceType::DiscreteGpu => Kind::Discrete,
            wgpu::DeviceType::IntegratedGpu => Kind::Integrated,
            wgpu::DeviceType::VirtualGpu => Kind::Virtual,
            wgpu::DeviceType::Other => Kind::Other,
            wgpu::DeviceType::Cpu => Kind::Software,
        };
        // How long kernels take to compile, and how they round, is the compiler's affair.
        let compiler = match info.backend {
            wgpu::Backend::Dx12 => dx12_compiler().1,
            _ => "",
        };
        let driver = [&info.driver, &info.driver_info, compiler];
        Self {
            name: info.name,
            backend: info.backend.to_string(),
            kind,
            driver: driver.map(str::trim).join(" ").trim().to_owned(),
            max_buffer_bytes: limits.max_buffer_size,
            max_binding_bytes: limits.max_storage_buffer_binding_size,
            max_workgroup_size: limits.max_compute_invocations_per_workgroup,
            max_workgroup_bytes: limits.max_compute_workgroup_storage_size,
            timestamps: adapter.features().contains(wgpu::Features::TIMESTAMP_QUERY),
        }
    }

    /// What results and times depend on: the adapter, its driver, the kernels, this program's version
    /// and wgpu's, in one line.
    ///
    /// # Errors
    /// If a kernel includes a file that does not exist.
    pub fn fingerprint(&self) -> Result<String> {
        let Self { name, backend, driver, .. } = self;
        let kernels = kernels_hash()?;
        let version = env!("CARGO_PKG_VERSION");
        let wgpu = option_env!("GENRE_GPU_WGPU").unwrap_or("unknown");
        let line = format!("{version}\t{kernels}\t{wgpu}\t{name}\t{backend}\t{driver}");
        Ok(line.replace(['\r', '\n'], " "))
    }

    fn matches(&self, wanted: &str) -> bool {
        let wanted = wanted.to_lowercase();
        [&self.name, &self.backend, &self.driver, &self.kind.to_string()]
            .into_iter()
            .any(|text| text.to_lowercase().contains(&wanted))
    }
}

/// `llvmpipe (LLVM 15.0.6, 256 bits) (vulkan, software)`.
impl fmt::Display for AdapterFacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}, {})", self.name, self.backend, self.kind)
    }
}

/// The compiler for DirectX, and its name: DXC where its library lies beside this program or in
/// `PATH`, else FXC, which every Windows has and which may take half a minute for a kernel.
fn dx12_compiler() -> (wgpu::Dx12Compiler, &'static str) {
    let beside = std::env::current_exe().ok().and_then(|exe| Some(exe.parent()?.to_owned()));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = beside.into_iter().chain(std::env::split_paths(&path));
    let library = folders.find_map(|folder| {
        let file = folder.join("dxcompiler.dll");
        file.is_file().then(|| file.to_str().map(str::to_owned))?
    });
    match library {
        Some(dxc_path) => (wgpu::Dx12Compiler::DynamicDxc { dxc_path }, "DXC"),
        None => (wgpu::Dx12Compiler::Fxc, "FXC"),
    }
}

fn instance() -> wgpu::Instance {
    let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
    descriptor.backends = wgpu::Backends::PRIMARY;
    // This program reports faults itself: no validation layers of drivers.
    descriptor.flags = wgpu::InstanceFlags::empty();
    if cfg!(windows) {
        descriptor.backend_options.dx12.shader_compiler = dx12_compiler().0;
    }
    wgpu::Instance::new(descriptor)
}

fn found() -> Vec<(AdapterFacts, wgpu::Adapter)> {
    let adapters = pollster::block_on(instance().enumerate_adapters(wgpu::Backends::PRIMARY));
    let mut found: Vec<_> =
        adapters.into_iter().map(|adapter| (AdapterFacts::of(&adapter), adapter)).collect();
    // Stable: equal kinds keep the system's order.
    found.sort_by_key(|(facts, _)| facts.kind);
    found
}

/// All adapters, best kind first: the first is chosen where none is named.
pub fn adapters() -> Vec<AdapterFacts> {
    found().into_iter().map(|(facts, _)| facts).collect()
}

/// The adapter that would be opened.
///
/// # Errors
/// If there is none, or none that matches `wanted`.
pub fn find(wanted: Option<&str>) -> Result<AdapterFacts> {
    choose(wanted).map(|(facts, _)| facts)
}

/// The best adapter, or the best of those whose name, interface, driver or kind contains `wanted`
/// (letter case does not matter).
pub(super) fn choose(wanted: Option<&str>) -> Result<(AdapterFacts, wgpu::Adapter)> {
    let found = found();
    if found.is_empty() {
        return Err(Error::NoAdapter);
    }
    let names = found.iter().map(|(facts, _)| facts.to_string()).collect();
    let chosen = found.into_iter().find(|(facts, _)| wanted.is_none_or(|w| facts.matches(w)));
    chosen.ok_or_else(|| Error::AdapterName { wanted: wanted.unwrap_or("").into(), found: names })
}
