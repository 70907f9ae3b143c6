//! What several parts of the page share: shaders, recordings and floats.

use std::collections::BTreeMap;

use serde::Serialize;

use super::models::Floats;
use crate::error::Result;
use crate::gpu::{KernelText, Recording, TileConfig, Tiles};

/// Recordings without their shaders, which are the same in most of them, and all floats.
#[derive(Default)]
pub(super) struct Store {
    pub(super) kernels: BTreeMap<&'static str, KernelText>,
    pub(super) recordings: Vec<RecordingText>,
    pub(super) floats: Vec<f32>,
}

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
        let mut add = |tiles: TileConfig| Ok(self.add_recording(record(&tiles.into())?));
        Ok(ByKind { hardware: add(TileConfig::Narrow)?, software: add(TileConfig::Wide)? })
    }

    /// Its number among the recordings.
    pub(super) fn add_recording(&mut self, mut recording: Recording) -> usize {
        let kernels = std::mem::take(&mut recording.kernels);
        let kernel_names = kernels.keys().copied().collect();
        self.kernels.extend(kernels);
        self.recordings.push(RecordingText { kernel_names, recording });
        self.recordings.len() - 1
    }

    /// Where they are.
    pub(super) fn add_floats(&mut self, floats: &[f32]) -> Floats {
        let offset = self.floats.len();
        self.floats.extend(floats);
        Floats { offset, length: floats.len() }
    }
}
