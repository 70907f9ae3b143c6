//! Decoded sound.

/// Sound of one channel.
#[derive(Debug, Clone, PartialEq)]
pub struct Sound {
    /// Samples, ±1; the mean of several channels. 16-bit samples are divided by 32,768.
    pub samples: Vec<f32>,
    /// Samples per second.
    pub sample_rate_hz: u32,
    /// What could not be decoded, if the file was not decoded completely.
    pub damage: Option<String>,
}

impl Sound {
    /// Its length in seconds.
    pub fn seconds(&self) -> f64 {
        self.samples.len() as f64 / f64::from(self.sample_rate_hz)
    }
}

/// The mean of interleaved channels.
pub(super) fn mono(interleaved: &[f32], channels: usize) -> Vec<f32> {
    let mean = |frame: &[f32]| frame.iter().sum::<f32>() / channels as f32;
    interleaved.chunks_exact(channels.max(1)).map(mean).collect()
}
