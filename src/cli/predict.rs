//! `genre-gpu predict`.

use std::path::PathBuf;
use std::process::ExitCode;

use console::{Style, Term};

use super::bars::Bars;
use super::device_args::DeviceArgs;
use super::say::{quoted, say, tell, warn_of};
use crate::audio::FrontEnd;
use crate::data::{SpectraOf, SpectralDistance};
use crate::error::Result;
use crate::predict::{Options, Predictor, Song, Strip, clock, json, letters};
use crate::progress::Progress;
use crate::train::run_folder::RunFolder;
use crate::train::settings::Config;

const EXAMPLES: &str = "\
Examples:
  genre-gpu predict runs/p1-demo-seed42 song.mp3
      the verdict, one letter for each cut over time, and how far the song lies from
      the training set
  genre-gpu predict runs/mine album/*.flac --quiet
      one line for each song
  genre-gpu predict runs/mine song.mp3 --json
      all probabilities, cut by cut
  genre-gpu predict runs/course song.mp3 --front-end librosa-2s
      a model whose arrays came without a prepare.json

The distance compares average spectra (level and bandwidth) and nothing else: it catches
another codec or recording, not a genre that the model has never heard. Exit code 1 if a
file could not be used.";

/// Columns where standard output is no terminal.
const WIDTH: usize = 80;
/// Classes that the verdict's line names beside the first.
const OTHERS: usize = 3;
/// Where no larger share of the training set lies farther out, a verdict is an extrapolation.
const EXTREME: f64 = 0.05;
/// Of the 256 colours of terminals, light enough for black letters.
const COLOURS: [u8; 10] = [75, 214, 203, 114, 177, 80, 221, 217, 150, 250];

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// A run's folder
    run: PathBuf,

    /// Sound files: .wav, .au, .mp3, .flac, .ogg or .m4a, at any sample rate
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    /// Cuts of each song at most, evenly spaced [default: as many as fit end to end]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    cuts: Option<u32>,

    /// How sound becomes samples, where the model does not know it
    #[arg(long, value_name = "NAME",
          value_parser = clap::builder::PossibleValuesParser::new(FrontEnd::PRESETS))]
    front_end: Option<String>,

    /// Print an array with an object for each song, and nothing else
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    device: DeviceArgs,

    /// Print the verdicts' lines, warnings and errors only
    #[arg(long, short)]
    quiet: bool,
}

pub(super) fn run(args: &Args) -> Result<ExitCode> {
    let folder = RunFolder::open(&args.run)?;
    let mut config = Config::read(&folder.config())?;
    args.device.apply(&mut config)?;
    let bars = Bars::new(args.quiet);
    let cuts = args.cuts.map(|cuts| cuts as usize);
    let options = Options { front_end: args.front_end.as_deref(), cuts };
    let mut predictor = Predictor::open(&folder, &config, options, &bars)?;
    warn_of(predictor.backend());
    if predictor.facts().spectra.is_none() {
        bars.note(&format!(
            "the run is of an older version: how far songs lie from its training set is not \
             known; where its data still are, genre-gpu train --resume {} adds that without \
             training",
            quoted(folder.path())
        ));
    }

    let classes = predictor.facts().classes.clone();
    let page = Page::new(&classes);
    let full = !args.quiet && !args.json;
    if full {
        say(&page.heading(&predictor))?;
    }
    let (mut songs, mut failed) = (Vec::new(), false);
    predictor.predict(&args.files, &bars, &mut |song| {
        match song {
            Ok(song) if args.json => songs.push(song),
            Ok(song) if full => bars.above(|| say(&format!("\n{}", page.song(&song))))?,
            Ok(song) => bars.above(|| say(&page.verdict(&song)))?,
            Err(error) => {
                failed = true;
                bars.above(|| tell(&format!("genre-gpu: {error}")));
            }
        }
        Ok(())
    })?;
    if args.json {
        say(&json(&songs, &classes)?)?;
    }
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// How songs are shown.
struct Page<'a> {
    classes: &'a [String],
    letters: Vec<char>,
    width: usize,
    colour: bool,
}

impl<'a> Page<'a> {
    fn new(classes: &'a [String]) -> Self {
        let size = Term::stdout().size_checked();
        Self {
            classes,
            letters: letters(classes),
            width: size.map_or(WIDTH, |(_, columns)| columns.into()),
            // Only on a terminal, and not with NO_COLOR.
            colour: console::colors_enabled(),
        }
    }

    fn letter(&self, class: usize) -> String {
        let letter = self.letters.get(class).copied().unwrap_or('?');
        if !self.colour {
            return letter.to_string();
        }
        let style = Style::new().black().on_color256(COLOURS[class % COLOURS.len()]);
        style.apply_to(letter).to_string()
    }

    /// The model, and what the letters mean.
    fn heading(&self, predictor: &Predictor) -> String {
        let facts = predictor.facts();
        let legend =
            (0..self.classes.len()).map(|k| format!("{} {}", self.letter(k), self.name(k)));
        format!(
            "Model: {}, trained on {}, epochs: {}.\nEach letter is a cut of {:.2} s: {}",
            facts.name,
            facts.data_source,
            facts.epochs,
            predictor.cut_seconds(),
            legend.collect::<Vec<_>>().join("  ")
        )
    }

    fn name(&self, class: usize) -> &str {
        self.classes.get(class).map_or("", String::as_str)
    }

    /// `song.mp3: rock 71 % (metal 18 %, disco 8 %, classical 3 %)`.
    fn verdict(&self, song: &Song) -> String {
        let share = |&k: &usize| format!("{} {:.0} %", self.name(k), 100.0 * song.probabilities[k]);
        let ranking = song.ranking();
        let (first, others) = ranking.split_at(ranking.len().min(1));
        let first: String = first.iter().map(share).collect();
        let others: Vec<String> = others.iter().take(OTHERS).map(share).collect();
        format!("{}: {first} ({})", song.path.display(), others.join(", "))
    }

    /// The verdict, the strip and where the song lies.
    fn song(&self, song: &Song) -> String {
        let mut text = self.verdict(song);
        let Strip { lines, cuts_per_cell } = Strip::new(song, self.width);
        for line in lines {
            let cells: String = line.cells.iter().map(|&k| self.letter(k)).collect();
            text.push_str(&format!("\n  {} {cells} {}", line.start, line.end));
        }
        if cuts_per_cell > 1 {
            text.push_str(&format!("\n  each letter here: the mean of {cuts_per_cell} cuts"));
        }
        let votes = &song.votes;
        text.push_str(&format!(
            "\n  {} at {} Hz; {} of {} cuts say {}; by product {}",
            clock(song.seconds),
            song.sample_rate_hz,
            votes.cuts[votes.majority as usize],
            song.cuts.len(),
            self.name(votes.majority as usize),
            self.name(votes.product as usize)
        ));
        if let Some(place) = &song.spectrum {
            text.push_str(&format!("\n  {}", spectral_distance(place)));
        }
        text
    }
}

/// How far the song lies from the training set, in words.
fn spectral_distance(place: &SpectralDistance) -> String {
    let of = match place.of {
        SpectraOf::Songs => "training songs",
        SpectraOf::Samples => "training samples",
    };
    let SpectralDistance { distance, farther, .. } = place;
    let nearer = 100.0 * (1.0 - farther);
    let out = match *farther {
        0.0 => format!("farther out than all {of}"),
        share if share < 0.5 => format!("farther out than {nearer:.0} % of the {of}"),
        _ => format!("as close to the {of}' as most of them"),
    };
    let caution = if *farther <= EXTREME { ":\n    the verdict is an extrapolation" } else { "" };
    format!("average spectrum: {out} (distance {distance:.2}){caution}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_follow_the_share() {
        let words = |farther| {
            spectral_distance(&SpectralDistance { distance: 1.5, farther, of: SpectraOf::Songs })
        };
        assert!(
            words(0.8).ends_with("as close to the training songs' as most of them (distance 1.50)")
        );
        assert!(
            words(0.2).ends_with("farther out than 80 % of the training songs (distance 1.50)")
        );
        assert!(
            words(0.03).contains(
                "97 % of the training songs (distance 1.50):\n    the verdict is an extra"
            )
        );
        assert!(
            words(0.0).contains("all training songs (distance 1.50):\n    the verdict is an extra")
        );
        let place = SpectralDistance { distance: 9.0, farther: 0.0, of: SpectraOf::Samples };
        assert!(spectral_distance(&place).contains("all training samples"));
    }
}
