//! Flags that take one of a few words. The library's enums do not know clap.

use std::path::PathBuf;

use clap::builder::{PathBufValueParser, PossibleValuesParser, TypedValueParser};

use super::export_format::ExportFormat;
use super::say::Colour;
use crate::audio::{CutFrom, ZeroDb};
use crate::bench::Devices;
use crate::data::{DataFrom, PartName};
use crate::device::Device;
use crate::formats::Format as ModelFormat;
use crate::gpu::{KernelVariant, TileConfig};
use crate::plot::ColourMap;
use crate::prepare::SplitKind;
use crate::report::Format;
use crate::train::settings::words;

fn one_of<T, const N: usize>(choices: [(&'static str, T); N]) -> impl TypedValueParser<Value = T>
where
    T: Copy + Send + Sync + 'static,
{
    PossibleValuesParser::new(choices.map(|(word, _)| word)).try_map(move |given| {
        let chosen = choices.iter().find(|(word, _)| *word == given);
        chosen.map(|(_, value)| *value).ok_or("not one of the words")
    })
}

/// A folder to write into. `-` stands for standard output where a file is written, and a folder of
/// that name is rarely meant.
pub(super) fn folder() -> impl TypedValueParser<Value = PathBuf> {
    PathBufValueParser::new().try_map(|path| match path.as_os_str() == "-" {
        true => Err("expected a folder, found -; a folder of that name is ./-"),
        false => Ok(path),
    })
}

pub(super) fn device() -> impl TypedValueParser<Value = Device> {
    words(["cpu", "gpu"])
}

pub(super) fn report_format() -> impl TypedValueParser<Value = Format> {
    one_of([("html", Format::Html), ("ipynb", Format::Notebook)])
}

pub(super) fn export_format() -> impl TypedValueParser<Value = ExportFormat> {
    let [keras, weights, onnx, npz, safetensors] =
        ModelFormat::ALL.map(|format| (format.as_str(), ExportFormat::Model(format)));
    one_of([keras, weights, onnx, npz, safetensors, ("webgpu", ExportFormat::WebGpu)])
}

pub(super) fn colour() -> impl TypedValueParser<Value = Colour> {
    one_of([("auto", Colour::Auto), ("always", Colour::Always), ("never", Colour::Never)])
}

/// Where the bench measures.
pub(super) fn devices() -> impl TypedValueParser<Value = Devices> {
    one_of([("cpu", Devices::Cpu), ("gpu", Devices::Gpu), ("both", Devices::Both)])
}

pub(super) fn kernels() -> impl TypedValueParser<Value = KernelVariant> {
    one_of(KernelVariant::ALL.map(|variant| (variant.as_str(), variant)))
}

pub(super) fn tiles() -> impl TypedValueParser<Value = TileConfig> {
    one_of(TileConfig::ALL.map(|tiles| (tiles.as_str(), tiles)))
}

pub(super) fn data_from() -> impl TypedValueParser<Value = DataFrom> {
    one_of([DataFrom::Auto, DataFrom::Memory, DataFrom::Disk].map(|from| (from.as_str(), from)))
}

pub(super) fn colours() -> impl TypedValueParser<Value = ColourMap> {
    one_of(ColourMap::ALL.map(|map| (map.name(), map)))
}

pub(super) fn part() -> impl TypedValueParser<Value = PartName> {
    one_of(PartName::ALL.map(|part| (part.as_str(), part)))
}

pub(super) fn split() -> impl TypedValueParser<Value = SplitKind> {
    one_of(SplitKind::ALL.map(|split| (split.as_str(), split)))
}

pub(super) fn cut_from() -> impl TypedValueParser<Value = CutFrom> {
    one_of([("sound", CutFrom::Sound), ("spectrogram", CutFrom::Spectrogram)])
}

pub(super) fn zero_db() -> impl TypedValueParser<Value = ZeroDb> {
    one_of([("song", ZeroDb::Song), ("cut", ZeroDb::Cut), ("fixed", ZeroDb::Fixed)])
}
