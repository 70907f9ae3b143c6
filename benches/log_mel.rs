//! Time of log-mel spectrograms on one thread: `cargo bench --bench log_mel` takes 30 s and 5 min of
//! synthetic sound through the front end `librosa-2s`. `benches/peers/log_mel` calls it beside librosa
//! and torchaudio, with `--samples`, `--write` and `--json`.

#![expect(clippy::print_stdout, reason = "a bench prints its table")]

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Parser;
use genre_gpu::audio::{FrontEnd, LogMel, Reference};
use genre_gpu::random::streams::Stream;
use ndarray::{Array1, ArrayView2};
use ndarray_npy::{read_npy, write_npy};
use serde_json::json;

/// Time of log-mel spectrograms on one thread.
#[derive(Parser)]
struct Args {
    /// Samples as an npy file of f32 [default: 30 s and 5 min of synthetic sound]
    #[arg(long, value_name = "FILE")]
    samples: Option<PathBuf>,
    /// Times that each sound is taken through
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    times: u32,
    /// A preset: librosa-2s or bristol-80
    #[arg(long, default_value = "librosa-2s")]
    front_end: String,
    /// Writes the spectrogram, [bands, frames] in dB, as an npy file there
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
    /// A line of JSON for each sound
    #[arg(long)]
    json: bool,
    /// What cargo adds
    #[arg(long, hide = true)]
    bench: bool,
}

/// A chirp, a low sine and noise.
fn sound(seconds: usize, rate_hz: u32) -> Vec<f32> {
    let mut stream = Stream::new(7, "bench/log-mel");
    let rate = f64::from(rate_hz);
    let sample = |i: usize| {
        let t = i as f64 / rate;
        let chirp = (std::f64::consts::TAU * (40.0 + 0.4 * rate / 60.0 * (t % 30.0)) * t).sin();
        let low = (std::f64::consts::TAU * 110.0 * t).sin();
        (0.3 * chirp + 0.2 * low + 0.02 * stream.normal()) as f32
    };
    (0..seconds * rate_hz as usize).map(sample).collect()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args = Args::parse();
    let front_end = FrontEnd::preset(&args.front_end)?;
    let sounds = match &args.samples {
        Some(file) => vec![read_npy::<_, Array1<f32>>(file)?.to_vec()],
        None => [30, 300].map(|seconds| sound(seconds, front_end.sample_rate_hz)).to_vec(),
    };
    let mut log_mel = LogMel::new(&front_end)?;
    for samples in sounds {
        let mut times = Vec::new();
        // The first warms up.
        for time in 0..=args.times {
            let begin = Instant::now();
            let made = log_mel.transform(&samples, Reference::Max)?;
            let taken = begin.elapsed();
            if time > 0 {
                times.push(taken);
            } else if let Some(file) = &args.write {
                write_npy(
                    file,
                    &ArrayView2::from_shape((made.n_mels, made.frames), &made.values)?,
                )?;
            }
        }
        times.sort();
        let (least, median) = (times[0], times[times.len() / 2]);
        if args.json {
            let all: Vec<f64> = times.iter().map(Duration::as_secs_f64).collect();
            println!("{}", json!({ "samples": samples.len(), "seconds": all }));
            continue;
        }
        let length = samples.len() as f64 / f64::from(front_end.sample_rate_hz);
        let frames = front_end.frames_of(samples.len());
        println!(
            "{length:5.0} s of sound: {:8.3} ms (median {:8.3}), {:.3} µs a frame, {:.0} s of sound in a \
             second",
            least.as_secs_f64() * 1e3,
            median.as_secs_f64() * 1e3,
            least.as_secs_f64() * 1e6 / frames as f64,
            length / least.as_secs_f64(),
        );
    }
    Ok(())
}
