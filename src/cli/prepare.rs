//! `genre-gpu prepare`.

use std::path::PathBuf;
use std::time::Instant;

use super::bars::Bars;
use super::choice;
use super::say::{Output, quoted};
use crate::audio::front_end::{MOST_CUT, MOST_HZ, MOST_LONG, MOST_SAMPLES, MOST_VALUES};
use crate::audio::{CutFrom, Cutting, FrontEnd, MOST_MINUTES, ZeroDb};
use crate::data::PartName;
use crate::device::MOST_THREADS;
use crate::error::{Error, Result};
use crate::prepare::{self, Options, ShareSummary, SplitKind, Summary};
use crate::share::Share;
use crate::text::shown;

const EXAMPLES: &str = "\
Examples:
  genre-gpu prepare GTZAN --out arrays --genres classical,disco,metal,rock
      a folder for each genre (GTZAN/genres_original/rock/rock.00042.wav)
  genre-gpu prepare GTZAN --out arrays --split fault-filtered \\
      --genres classical,disco,metal,rock
      the published split without repeats, with different artists in each part
  genre-gpu prepare split --out arrays
      folders of parts: split/train/rock/a.wav, split/val/..., split/test/...
  genre-gpu prepare songs --out arrays --csv songs.csv
      labels, parts and songs from a list: file,label,part,song
  genre-gpu prepare pieces --out arrays --segments 1 --song-from '^(.*)-[0-9]+$'
      files x-1.wav, x-2.wav, ... are pieces of a song x
  genre-gpu prepare songs --out arrays --preset bristol-80 --mels 96
      another front end
  genre-gpu train --data arrays
      the next step

After Ctrl-C the same command resumes.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Folder with one folder of songs per class, such as GTZAN's
    audio_dir: PathBuf,

    /// Folder for the arrays: new, empty, or one to resume
    #[arg(long, short, value_name = "DIR", value_parser = choice::folder())]
    out: PathBuf,

    /// Classes in label order [default: all, alphabetical]
    #[arg(long, value_name = "A,B,...", value_delimiter = ',')]
    genres: Option<Vec<String>>,

    /// CSV list instead of folders: columns file and label (or genre, class), optionally part (or
    /// split: train, val, test) and song (whose files stay together)
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,

    /// The song of each file: the first group of a regular expression on its name [default: usual
    /// names of pieces, such as rock.00042.3 or "name (part 2)"; '(.*)': each file is a song]
    #[arg(long, value_name = "REGEX")]
    song_from: Option<String>,

    /// Fail if a file is unusable (else it is skipped) or truncated (else used in part)
    #[arg(long)]
    strict: bool,

    /// Longest file in minutes; longer ones are skipped
    #[arg(long, value_name = "N", default_value_t = MOST_MINUTES, value_parser = clap::value_parser!(u32).range(1..))]
    max_minutes: u32,

    /// Files decoded at once [default: one per core]
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true,
          value_parser = clap::value_parser!(u16).range(0..=MOST_THREADS as i64))]
    threads: u16,

    /// Make only this share of the cuts, such as 2/8, beside other processes; the same command without
    /// it, when all are made, writes the arrays
    #[arg(long, value_name = "N/OF", value_parser = str::parse::<Share>, hide_short_help = true)]
    share: Option<Share>,

    #[command(flatten)]
    split: SplitArgs,

    #[command(flatten)]
    front_end: FrontEndArgs,
}

/// A whole number within bounds.
fn within<const LEAST: usize, const MOST: usize>(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|n| (LEAST..=MOST).contains(n));
    number.ok_or_else(|| format!("expected a whole number from {LEAST} to {MOST}"))
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Split into training, validation and test")]
struct SplitArgs {
    /// By song (56/14/30 % per class), by segment (songs are in several parts), the fault-filtered
    /// list of GTZAN, a CSV list, or folders named train, val, test (also valid, dev, Train_set,
    /// holdout ...) [default: the list's or the folders' parts if there are any, else song]
    #[arg(long, value_name = "HOW", value_parser = choice::split())]
    split: Option<SplitKind>,

    /// A CSV list with the columns file (or song) and part
    #[arg(long, value_name = "FILE")]
    split_csv: Option<PathBuf>,

    /// Seed of the split
    #[arg(long, value_name = "N", default_value_t = 42)]
    seed: u64,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Front end")]
struct FrontEndArgs {
    /// Preset that the flags below change: 22,050 Hz, 128 bands x 87 frames, 2 s; or 44,100 Hz,
    /// 80 x 80, 0.93 s
    #[arg(long, value_name = "NAME", default_value = "librosa-2s",
          value_parser = clap::builder::PossibleValuesParser::new(FrontEnd::PRESETS))]
    preset: String,

    /// Sample rate; all sound is resampled to it
    #[arg(long, value_name = "HZ", value_parser = clap::value_parser!(u32).range(1..=MOST_HZ as i64))]
    sample_rate: Option<u32>,

    /// Length of the FFT and its window, in samples
    #[arg(long, value_name = "N", value_parser = within::<2, MOST_SAMPLES>)]
    n_fft: Option<usize>,

    /// Hop from one frame to the next, in samples
    #[arg(long, value_name = "N", value_parser = within::<1, MOST_SAMPLES>)]
    hop: Option<usize>,

    /// Mel bands
    #[arg(long, value_name = "N", value_parser = within::<1, MOST_LONG>)]
    mels: Option<usize>,

    /// Lower edge of the lowest band
    #[arg(long, value_name = "HZ")]
    f_min: Option<f64>,

    /// Upper edge of the highest band [default: half the sample rate]
    #[arg(long, value_name = "HZ")]
    f_max: Option<f64>,

    /// Frames of each spectrogram
    #[arg(long, value_name = "N", value_parser = within::<1, MOST_LONG>)]
    frames: Option<usize>,

    /// Spectrograms per song, evenly spaced
    #[arg(long, value_name = "N", default_value_t = 15,
          value_parser = clap::value_parser!(u16).range(1..))]
    segments: u16,

    /// Cut the sound, or the song's spectrogram (no zero padding) [default: the preset's]
    #[arg(long, value_name = "WHAT", value_parser = choice::cut_from())]
    cut_from: Option<CutFrom>,

    /// 0 dB is the maximum of the song, of each cut, or fixed (power 1)
    #[arg(long, value_name = "WHAT", default_value = "song", value_parser = choice::zero_db())]
    reference: ZeroDb,
}

impl FrontEndArgs {
    fn front_end(&self) -> Result<FrontEnd> {
        let preset = FrontEnd::preset(&self.preset)?;
        let sample_rate_hz = self.sample_rate.unwrap_or(preset.sample_rate_hz);
        let mut chosen = FrontEnd {
            name: preset.name.clone(),
            sample_rate_hz,
            n_fft: self.n_fft.unwrap_or(preset.n_fft),
            hop_samples: self.hop.unwrap_or(preset.hop_samples),
            n_mels: self.mels.unwrap_or(preset.n_mels),
            f_min_hz: self.f_min.unwrap_or(preset.f_min_hz),
            f_max_hz: self.f_max.unwrap_or(f64::from(sample_rate_hz) / 2.0),
            frames: self.frames.unwrap_or(preset.frames),
        };
        if chosen != preset {
            chosen.name = format!("{} (changed)", preset.name);
        }
        // Each number has been checked by itself.
        let (name, expected) = if chosen.n_mels.saturating_mul(chosen.frames) > MOST_VALUES {
            ("mels", "--mels times --frames of at most 16777216")
        } else if chosen.cut_samples() > MOST_CUT {
            ("hop", "--hop times --frames of at most 268435456 samples")
        } else {
            ("f-max", "0 <= --f-min < --f-max <= half the --sample-rate")
        };
        let found = |e: Error| Error::Setting { name, expected, found: e.to_string() };
        chosen.check().map_err(found)?;
        Ok(chosen)
    }

    fn cutting(&self) -> Cutting {
        Cutting {
            segments: self.segments.into(),
            from: self.cut_from.unwrap_or(CutFrom::usual(&self.preset)),
            zero_db: self.reference,
        }
    }
}

fn options(args: &Args) -> Result<Options> {
    let SplitArgs { split, split_csv, seed } = &args.split;
    let split = match (split, split_csv) {
        (split, None) => *split,
        (None | Some(SplitKind::Csv), Some(_)) => Some(SplitKind::Csv),
        (Some(split), Some(_)) => {
            return Err(Error::Setting {
                name: "split",
                expected: "csv with --split-csv",
                found: split.as_str().into(),
            });
        }
    };
    Ok(Options {
        audio: args.audio_dir.clone(),
        list: args.csv.clone(),
        classes: args.genres.clone(),
        song_from: args.song_from.clone(),
        front_end: args.front_end.front_end()?,
        cutting: args.front_end.cutting(),
        split,
        parts: split_csv.clone(),
        seed: *seed,
        strict: args.strict,
        most_minutes: args.max_minutes,
        threads: args.threads.into(),
        out: args.out.clone(),
    })
}

pub(super) fn run(args: &Args, output: Output) -> Result<()> {
    let options = options(args)?;
    let began = Instant::now();
    if let Some(share) = args.share {
        let made = prepare::prepare_share(&options, share, &Bars::new(output))?;
        let took = began.elapsed().as_secs_f64();
        return output.say(&share_text(share, &made, took));
    }
    let summary = prepare::prepare(&options, &Bars::new(output))?;
    output.say(&text(&options, &summary, began.elapsed().as_secs_f64()))
}

fn share_text(share: Share, made: &ShareSummary, took: f64) -> String {
    let ShareSummary { files, seconds, skipped } = made;
    let speed = seconds / took.max(1e-9);
    let skipped = match skipped.len() {
        0 => String::new(),
        n => format!("\nFiles that cannot be used: {n}."),
    };
    format!(
        "Share {share}: cuts of {files} files, {} of sound, in {took:.1} s: {speed:.0} times real \
         time.{skipped}",
        length(*seconds)
    )
}

/// Songs and samples by class and part, skipped files, and the next command.
fn text(options: &Options, summary: &Summary, took: f64) -> String {
    let width = summary.classes.iter().map(|name| name.chars().count()).max().unwrap_or(0).max(5);
    let mut text = format!("{:width$}", "songs (samples)").trim_end().to_owned();
    text.push('\n');
    text.push_str(&" ".repeat(width));
    for part in PartName::ALL {
        text.push_str(&format!("  {:>14}", part.as_str()));
    }
    let cell = |part, class: Option<usize>| {
        let of = |(key, count): (&(PartName, usize), &prepare::Count)| {
            (key.0 == part && class.is_none_or(|class| key.1 == class)).then_some(*count)
        };
        let counts: Vec<_> = summary.counts.iter().filter_map(of).collect();
        let songs: usize = counts.iter().map(|count| count.songs).sum();
        let samples: usize = counts.iter().map(|count| count.samples).sum();
        format!("{songs} ({samples})")
    };
    let named =
        summary.classes.iter().enumerate().map(|(class, name)| (name.as_str(), Some(class)));
    for (name, class) in named.chain([("all", None)]) {
        text.push_str(&format!("\n{:width$}", shown(name)));
        for part in PartName::ALL {
            text.push_str(&format!("  {:>14}", cell(part, class)));
        }
    }
    let Summary { files, seconds, skipped, left_out, .. } = summary;
    text.push_str(&format!(
        "\n\n{files} files, {} of sound, in {took:.1} s: {:.0} times real time.",
        length(*seconds),
        seconds / took.max(1e-9)
    ));
    if *left_out > 0 {
        text.push_str(&format!(
            "\nFiles left out because the split does not list them: {left_out}."
        ));
    }
    if !skipped.is_empty() {
        text.push_str(&format!("\nFiles skipped: {}; songs.csv says why.", skipped.len()));
    }
    let front_end = &options.front_end;
    text.push_str(&format!(
        "\nFront end {}: samples of {} bands x {} frames ({:.2} s).\nThe arrays are in {}. Next:\n  \
         genre-gpu train --data {}",
        front_end.name,
        front_end.n_mels,
        front_end.frames,
        front_end.seconds(),
        options.out.display(),
        quoted(&options.out)
    ));
    text
}

/// `8.3 h`, `12.0 min` or `45.0 s`.
fn length(seconds: f64) -> String {
    match seconds {
        s if s >= 3600.0 => format!("{:.1} h", s / 3600.0),
        s if s >= 60.0 => format!("{:.1} min", s / 60.0),
        s => format!("{s:.1} s"),
    }
}
