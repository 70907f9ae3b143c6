//! Samples to the bytes of a WAV file.

use std::io::Cursor;

/// A 16-bit mono WAV file of samples within ±1; what is beyond is clipped.
///
/// # Errors
/// If there are more samples than the format's 4 GiB hold.
pub fn wav(samples: &[f32], sample_rate_hz: u32) -> Result<Vec<u8>, hound::Error> {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: sample_rate_hz,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut bytes = Cursor::new(Vec::new());
    let mut writer = hound::WavWriter::new(&mut bytes, spec)?;
    for &x in samples {
        // Casts of floats saturate.
        writer.write_sample((x * 32_768.0).round() as i16)?;
    }
    writer.finalize()?;
    Ok(bytes.into_inner())
}
