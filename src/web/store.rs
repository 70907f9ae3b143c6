//! What several parts of the page share: shaders, recordings and floats.

use std::collections::BTreeMap;

use serde::Serialize;

use super::models::Floats;
use crate::gpu::{KernelText, Recording};

/// Recordings without their shaders, which are the same in most of them, and all floats.
#[derive(Default)]
pub(super) struct Store {
    pub(super) kernels: BTreeMap<&'static str, KernelText>,
    pub(super) recordings: Vec<RecordingText>,
    pub(super) floats: FloatList,
}

/// Floats that parts of the page refer to by place.
#[derive(Default)]
pub(super) struct FloatList(Vec<f32>);

impl FloatList {
    /// Where they are.
    pub(super) fn add(&mut self, floats: &[f32]) -> Floats {
        let offset = self.0.len();
        self.0.extend(floats);
        Floats { offset, length: floats.len() }
    }

    /// In little endian.
    pub(super) fn bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|x| x.to_le_bytes()).collect()
    }
}

/// A recording that names its kernels.
#[derive(Serialize)]
pub(super) struct RecordingText {
    kernel_names: Vec<&'static str>,
    #[serde(flatten)]
    recording: Recording,
}

impl Store {
    /// Its number among the recordings.
    pub(super) fn add_recording(&mut self, recording: Recording) -> usize {
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
