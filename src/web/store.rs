//! What several parts of the page share: shaders, recordings and floats.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::error::Result;
use crate::gpu::{KernelText, Recording, TileConfig, Tiles};

/// Recordings without their shaders, which are the same in most of them, and all floats.
#[derive(Default)]
pub(super) struct Store {
    pub(super) kernels: BTreeMap<&'static str, KernelText>,
    pub(super) recordings: Vec<RecordingText>,
    pub(super) floats: FloatList,
}

/// Floats among all that the page holds.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Floats {
    pub(super) offset: usize,
    pub(super) length: usize,
}

/// Floats that parts of the page refer to by place.
#[derive(Default)]
pub(super) struct FloatList {
    /// In little endian.
    bytes: Vec<u8>,
    /// What was added, so that equal floats lie there once.
    known: BTreeMap<Vec<u8>, Floats>,
}

impl FloatList {
    /// Where they are.
    pub(super) fn add(&mut self, floats: &[f32]) -> Floats {
        let bytes: Vec<u8> = floats.iter().flat_map(|x| x.to_le_bytes()).collect();
        if let Some(known) = self.known.get(&bytes) {
            return *known;
        }
        let place = Floats { offset: self.bytes.len() / size_of::<f32>(), length: floats.len() };
        self.bytes.extend(&bytes);
        self.known.insert(bytes, place);
        place
    }

    /// In little endian.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// The tiles for graphics cards and those for GPUs in software.
pub(super) const KINDS: [TileConfig; 2] = [TileConfig::Narrow, TileConfig::Wide];

/// A recording that names its kernels.
#[derive(Serialize)]
pub(super) struct RecordingText {
    kernel_names: Vec<&'static str>,
    #[serde(flatten)]
    recording: Recording,
}

/// The same work with the tiles for graphics cards and with those for software, as recordings' numbers.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct ByKind {
    hardware: usize,
    software: usize,
}

impl Store {
    /// Records with either tiles.
    ///
    /// # Errors
    /// If a recording cannot be made.
    pub(super) fn add_by_kind(
        &mut self,
        record: &dyn Fn(&Tiles) -> Result<Recording>,
    ) -> Result<ByKind> {
        let [hardware, software] = KINDS.map(|tiles| record(&tiles.into()));
        Ok(ByKind {
            hardware: self.add_recording(hardware?),
            software: self.add_recording(software?),
        })
    }

    /// Its number among the recordings.
    fn add_recording(&mut self, recording: Recording) -> usize {
        let text = self.share_kernels(recording);
        self.recordings.push(text);
        self.recordings.len() - 1
    }

    /// The recording with its shaders among those of all.
    pub(super) fn share_kernels(&mut self, mut recording: Recording) -> RecordingText {
        let kernels = std::mem::take(&mut recording.kernels);
        let kernel_names = kernels.keys().copied().collect();
        self.kernels.extend(kernels);
        RecordingText { kernel_names, recording }
    }
}
