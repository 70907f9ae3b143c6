//! `genre-gpu predict`.

use std::path::PathBuf;
use std::process::ExitCode;

use console::{Style, Term};

use super::bars::Bars;
use super::device_args::DeviceArgs;
use super::say::{Output, quoted, say, say_json, tell, warn_of};
use crate::audio::{FrontEndSpec, MOST_MINUTES};
use crate::data::{SpectraOf, SpectralDistance};
use crate::error::Result;
use crate::metrics::SongTemperature;
use crate::predict::{Options, Predictor, Song, Strip, clock, json, letters};
use crate::progress::Progress;
use crate::train::run_folder::RunFolder;
use crate::train::settings::Config;

const EXAMPLES: &str = "\
Examples:
  genre-gpu predict runs/p1-demo-seed42 song.mp3
      the prediction, one letter per cut over time, and the distance of the song
      from the training set
  genre-gpu predict runs/mine album/*.flac --quiet
      one line per song
  genre-gpu predict runs/mine song.mp3 --json
      all probabilities, cut by cut
  genre-gpu predict runs/course song.mp3 --front-end librosa-2s
      a model trained on arrays without a known front end

Probabilities are calibrated: temperature scaling, fitted on the validation set, of a
song's mean over cuts. It changes no class; in JSON `uncalibrated` has the network's
own, cut by cut, and `temperature` the divisors.
A song is reported as unsure, with the reason, if it is unlike the training songs:
silent, too short for one cut, with channels that cancel, noise, with sound in few
bands, or with a spectrum or changes over time that even in half of the bands are
beyond the limits that the run has from its training and validation songs. This
catches silence, noise and tones, not a genre that the model has never heard. In
JSON its verdict is null. A song that is unlike them in some bands only, such as one
stored at 8 kHz or with 8 bits, has a verdict and a remark. Exit code 0 also then; 1
if a file could not be used.";

/// Columns where standard output is no terminal.
const WIDTH: usize = 80;
/// Classes that the verdict's line names beside the first.
const OTHERS: usize = 3;
/// Of the 256 colours of terminals, light enough for black letters.
const COLOURS: [u8; 10] = [75, 214, 203, 114, 177, 80, 221, 217, 150, 250];

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// A run's folder
    run: PathBuf,

    /// Audio files: .wav, .au, .aiff, .mp3, .mp2, .flac, .ogg or .m4a, at any sample rate
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    /// Maximum number of cuts per song, evenly spaced [default: as many as fit end to end]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    cuts: Option<u32>,

    /// Longest file in minutes; longer ones are refused
    #[arg(long, value_name = "N", default_value_t = MOST_MINUTES, value_parser = clap::value_parser!(u32).range(1..))]
    max_minutes: u32,

    /// Front end of the training arrays, if unknown: see genre-gpu train --help
    #[arg(long, value_name = "NAME,...")]
    front_end: Option<FrontEndSpec>,

    /// Print one JSON document (a list of songs, or of errors of files)
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    device: DeviceArgs,
}

pub(super) fn run(args: &Args, output: Output) -> Result<ExitCode> {
    let output = output.with_json(args.json);
    let folder = RunFolder::open(&args.run)?;
    let mut config = Config::read(&folder.config())?;
    args.device.apply(&mut config)?;
    let bars = Bars::new(output);
    let cuts = args.cuts.map(|cuts| cuts as usize);
    let (front_end, most_minutes) = (args.front_end.as_ref(), args.max_minutes);
    let options = Options { front_end, cuts, most_minutes };
    let mut predictor = Predictor::open(&folder, &config, options, &bars)?;
    warn_of(predictor.backend());
    let mut lacks = Vec::new();
    if predictor.facts().typical.is_none() {
        lacks.push(
            "of songs unlike the training songs silent and very short ones are recognised, but not all \
             noise and tones",
        );
    }
    let validates = config.fold.as_ref().is_none_or(|fold| fold.validates);
    match (predictor.facts().temperatures, validates) {
        (Some(_), _) => {}
        (None, true) => lacks.push("probabilities are not calibrated (temperature 1)"),
        (None, false) => bars.note(
            "the run is of compare --folds without a fold to validate on, so probabilities are not calibrated \
             (temperature 1)",
        ),
    }
    if !lacks.is_empty() {
        let lacks = lacks.join(", and ");
        bars.note(&match predictor.facts().is_foreign() {
            true => format!("the model was imported, so {lacks}"),
            false => format!(
                "the run is from an older version, so {lacks}; if its data and its model are still the same, \
                 genre-gpu train --resume {} adds that without training",
                quoted(folder.path())
            ),
        });
    }

    let classes = predictor.facts().classes.clone();
    let page = Page::new(&classes);
    // Printed with the first song: not where no file can be used.
    let mut heading = Some(page.heading(&predictor));
    let (mut songs, mut failed) = (Vec::new(), false);
    let mut paths = args.files.iter();
    predictor.predict(&args.files, &bars, &mut |song| {
        let path = paths.next().cloned().unwrap_or_default();
        if let Err(error) = &song {
            failed = true;
            bars.above(|| tell(&error.to_string()));
        }
        if args.json {
            songs.push((path, song));
            return Ok(());
        }
        match song {
            Ok(song) if output.is_text() => bars.above(|| {
                heading.take().map_or(Ok(()), |heading| say(&heading))?;
                say(&format!("\n{}", page.song(&song)))
            })?,
            Ok(song) => bars.above(|| say(&page.verdict(&song)))?,
            Err(_) => {}
        }
        Ok(())
    })?;
    if args.json {
        say_json(&json(&songs, &classes)?)?;
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
        let calibrated = facts.temperatures.and_then(|t| t.songs).map(|songs| {
            let SongTemperature { temperature, segments } = songs;
            format!(
                "\nProbabilities of songs are calibrated: temperature {:.2} from {segments:.0} cuts on.",
                temperature.value
            )
        });
        format!(
            "Model: {}, trained on {} for {} epochs.{}\nEach letter is a cut of {:.2} s: {}",
            facts.name,
            facts.data_source,
            facts.epochs,
            calibrated.unwrap_or_default(),
            predictor.cut_seconds(),
            legend.collect::<Vec<_>>().join("  ")
        )
    }

    fn name(&self, class: usize) -> &str {
        self.classes.get(class).map_or("", String::as_str)
    }

    /// `song.mp3: rock 71 % (metal 18 %, disco 8 %, classical 3 %)`, or that the network cannot know.
    fn verdict(&self, song: &Song) -> String {
        let share = |&k: &usize| format!("{} {:.0} %", self.name(k), 100.0 * song.probabilities[k]);
        let ranking = song.ranking();
        if let Some(why) = &song.unsure {
            let nearest = ranking.first().map_or("", |&class| self.name(class));
            let path = song.path.display();
            return format!(
                "{path}: unsure: unlike the training songs ({why}; nearest: {nearest})"
            );
        }
        let (first, others) = ranking.split_at(ranking.len().min(1));
        let first: String = first.iter().map(share).collect();
        let others: Vec<String> = others.iter().take(OTHERS).map(share).collect();
        let remark = song.remark.as_ref().map_or_else(String::new, |remark| format!("; {remark}"));
        format!("{}: {first} ({}){remark}", song.path.display(), others.join(", "))
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
            "\n  {} at {} Hz; {} of {} cuts are {}; by product of probabilities: {}",
            clock(song.seconds),
            song.sample_rate_hz,
            votes.cuts[votes.majority as usize],
            song.cuts.len(),
            self.name(votes.majority as usize),
            self.name(votes.product as usize)
        ));
        if let Some(place) = &song.spectrum {
            text.push_str(&format!("\n  {}", spectral_distance(place)));
            if song.unsure.is_some() {
                text.push_str(":\n    a prediction is an extrapolation");
            }
        }
        text
    }
}

fn kind(place: &SpectralDistance) -> &'static str {
    match place.of {
        SpectraOf::Songs => "songs",
        SpectraOf::Samples => "samples",
    }
}

/// The song's distance from the training set, in words.
fn spectral_distance(place: &SpectralDistance) -> String {
    let of = kind(place);
    let SpectralDistance { distance, farther, .. } = place;
    let nearer = 100.0 * (1.0 - farther);
    let out = match *farther {
        0.0 => format!("farther from the training {of}' than all of them"),
        share if share < 0.5 => {
            format!("farther from the training {of}' than {nearer:.0} % of them")
        }
        _ => format!("as close to the training {of}' as most of them"),
    };
    format!("average spectrum: {out} (distance {distance:.2})")
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
        assert!(words(0.2).ends_with("training songs' than 80 % of them (distance 1.50)"));
        assert!(words(0.03).ends_with("than 97 % of them (distance 1.50)"));
        assert!(words(0.0).ends_with("than all of them (distance 1.50)"));
        let place = SpectralDistance { distance: 9.0, farther: 0.0, of: SpectraOf::Samples };
        assert!(spectral_distance(&place).contains("training samples' than all of them"));
    }
}
