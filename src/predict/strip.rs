//! Verdicts over time, one letter for each cut, laid out for a terminal.

use super::Song;

/// A song takes no more lines than these; cuts are put together until they do.
const LINES: usize = 4;
/// However narrow the terminal, a line has so many cells.
const LEAST_CELLS: usize = 10;

/// Cells of a song, line by line.
#[derive(Debug, Clone, PartialEq)]
pub struct Strip {
    /// From the song's start on.
    pub lines: Vec<Line>,
    /// Cuts in a cell (the last may have fewer).
    pub cuts_per_cell: usize,
}

/// One line of a strip.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// Where its first cut begins, as [`clock`] shows it.
    pub start: String,
    /// Where its last cut ends.
    pub end: String,
    /// The most probable class of each cell, by the mean over its cuts.
    pub cells: Vec<usize>,
}

impl Strip {
    /// Lays out a song on lines of at most `width` columns, counting two at the left, times
    /// at both ends, and a space on both sides of the cells.
    pub fn new(song: &Song, width: usize) -> Self {
        let n = song.cuts.len();
        let last = song.cuts.last().map_or(0.0, |cut| cut.end_s);
        let digits = clock(last).len();
        let room = width.saturating_sub(4 + 2 * digits).max(LEAST_CELLS);
        let cuts_per_cell = n.div_ceil(room * LINES).max(1);
        let line = |cuts: &[super::Cut]| Line {
            start: clock(cuts.first().map_or(0.0, |cut| cut.start_s)),
            end: clock(cuts.last().map_or(0.0, |cut| cut.end_s)),
            cells: cuts.chunks(cuts_per_cell).map(class_of).collect(),
        };
        let lines = song.cuts.chunks(room * cuts_per_cell).map(line).collect();
        Self { lines, cuts_per_cell }
    }
}

/// The first of the largest sums of probabilities, as the verdict has them: not calibrated.
fn class_of(cuts: &[super::Cut]) -> usize {
    let classes = cuts.first().map_or(0, |cut| cut.uncalibrated.len());
    let sum = |k: usize| cuts.iter().map(|cut| f64::from(cut.uncalibrated[k])).sum::<f64>();
    let best = |best: (usize, f64), k| if sum(k) > best.1 { (k, sum(k)) } else { best };
    (0..classes).fold((0, f64::NEG_INFINITY), best).0
}

/// `0:07`, `3:59` or `1:02:03`.
pub fn clock(seconds: f64) -> String {
    let s = seconds.round() as u64;
    let (hours, minutes, s) = (s / 3600, s / 60 % 60, s % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{s:02}") } else { format!("{minutes}:{s:02}") }
}

/// A letter or digit for each class, all different: of its name (what all names begin with
/// left out) the first that is not taken, else the first of the alphabet.
pub fn letters(classes: &[String]) -> Vec<char> {
    let first = classes.first().map_or("", String::as_str);
    let shared = |n: &usize| {
        let start: Vec<char> = first.chars().take(*n).collect();
        classes.iter().all(|name| name.chars().take(*n).eq(start.iter().copied()))
    };
    let prefix =
        if classes.len() < 2 { 0 } else { (1..=first.chars().count()).take_while(shared).count() };
    let mut taken = Vec::new();
    for name in classes {
        let own = name.chars().skip(prefix).filter(char::is_ascii_alphanumeric);
        let own = own.map(|c| c.to_ascii_lowercase());
        let mut candidates = own.chain('a'..='z').chain('0'..='9').chain('A'..='Z');
        taken.push(candidates.find(|c| !taken.contains(c)).unwrap_or('?'));
    }
    taken
}

#[cfg(test)]
mod tests {
    use super::super::{Cut, Votes};
    use super::*;

    /// Cuts of a second with these classes, of two.
    fn song(classes: &[usize]) -> Song {
        let cut = |(i, &class): (usize, &usize)| Cut {
            start_s: i as f64,
            end_s: i as f64 + 1.0,
            probabilities: vec![0.5; 2],
            uncalibrated: if class == 0 { vec![0.9, 0.1] } else { vec![0.2, 0.8] },
        };
        Song {
            path: "a.wav".into(),
            seconds: classes.len() as f64,
            sample_rate_hz: 8000,
            damage: None,
            probabilities: vec![0.5; 2],
            uncalibrated: vec![0.5; 2],
            temperatures: None,
            votes: Votes { mean: 0, majority: 0, product: 0, cuts: vec![0; 2] },
            cuts: classes.iter().enumerate().map(cut).collect(),
            spectrum: None,
            typicality: None,
            unsure: None,
            remark: None,
        }
    }

    /// Columns as printed.
    fn columns(line: &Line) -> usize {
        4 + line.start.len() + line.cells.len() + line.end.len()
    }

    #[test]
    fn a_short_song_is_one_line() {
        let strip = Strip::new(&song(&[0, 0, 1, 0, 1]), 80);
        let line = Line { start: "0:00".into(), end: "0:05".into(), cells: vec![0, 0, 1, 0, 1] };
        assert_eq!(strip, Strip { lines: vec![line], cuts_per_cell: 1 });
    }

    #[test]
    fn a_longer_one_has_lines_that_fit_and_lose_no_cut() {
        let classes: Vec<usize> = (0..200).map(|i| usize::from(i % 7 == 3)).collect();
        let strip = Strip::new(&song(&classes), 80);
        assert_eq!(strip.cuts_per_cell, 1);
        assert_eq!(strip.lines.iter().map(columns).collect::<Vec<_>>(), [80, 80, 76]);
        let cells: Vec<usize> = strip.lines.iter().flat_map(|line| line.cells.clone()).collect();
        assert_eq!(cells, classes);
        let times: Vec<_> =
            strip.lines.iter().map(|l| (l.start.as_str(), l.end.as_str())).collect();
        assert_eq!(times, [("0:00", "1:08"), ("1:08", "2:16"), ("2:16", "3:20")]);
    }

    #[test]
    fn a_very_long_one_has_several_cuts_in_a_cell() {
        for (n, width) in [(4000, 80), (4000, 30), (273, 80), (7200, 200), (500, 3)] {
            let strip = Strip::new(&song(&vec![1; n]), width);
            assert!(strip.lines.len() <= LINES && strip.cuts_per_cell > 1, "{n} {width}");
            assert!(strip.lines.iter().all(|line| columns(line) <= width.max(30)), "{n} {width}");
            let cells: usize = strip.lines.iter().map(|line| line.cells.len()).sum();
            assert_eq!(cells, n.div_ceil(strip.cuts_per_cell), "{n} {width}");
        }
        // 0.9 + 0.2 + 0.2 against 0.1 + 0.8 + 0.8: the mean decides.
        let classes: Vec<usize> = [0, 1, 1].repeat(200);
        let strip = Strip::new(&song(&classes), 66);
        assert_eq!((strip.cuts_per_cell, strip.lines[0].cells[0]), (3, 1));
    }

    #[test]
    fn a_clock_counts_hours_where_there_are_any() {
        let times = [0.0, 7.4, 59.6, 239.2, 3599.4, 3723.0].map(clock);
        assert_eq!(times, ["0:00", "0:07", "1:00", "3:59", "59:59", "1:02:03"]);
    }

    #[test]
    fn every_class_has_a_letter_of_its_own() {
        let of = |names: &[&str]| -> String {
            letters(&names.iter().map(ToString::to_string).collect::<Vec<_>>()).iter().collect()
        };
        assert_eq!(of(&["classical", "disco", "metal", "rock"]), "cdmr");
        let gtzan = "blues classical country disco hiphop jazz metal pop reggae rock";
        assert_eq!(of(&gtzan.split(' ').collect::<Vec<_>>()), "bcodhjmprk");
        assert_eq!(of(&["class 0", "class 1", "class 2"]), "012");
        assert_eq!(of(&["Rock", "rock", "ROCK", "roCk"]), "rock");
        assert_eq!(of(&["é", "ü"]), "ab");
        assert_eq!(of(&["one"]), "o");
        let many: Vec<String> = (0..62).map(|i| format!("genre {i}")).collect();
        let mut letters = letters(&many);
        letters.sort_unstable();
        letters.dedup();
        assert_eq!(letters.len(), 62);
    }
}
