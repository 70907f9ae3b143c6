//! The audit as text.

use std::fmt;

use super::quick::NUMBERED_BY_PART;
use super::{Artists, Audit, Compromised, Evidence, How, Match, Sample};
use crate::data::PartName;
use crate::text::shown;

impl fmt::Display for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [h, w, _] = self.sample_shape;
        writeln!(f, "Audit of {}: samples of {h}x{w}, hash {}\n", shown(&self.source), self.hash)?;
        for part in &self.parts {
            let songs = part.songs.map_or("songs unknown".into(), |n| format!("{n} songs"));
            let class = |c: &super::ClassFacts| {
                format!("{} {} ({:.1} %)", shown(&c.class), c.samples, 100.0 * c.share)
            };
            let classes: Vec<String> = part.classes.iter().map(class).collect();
            writeln!(
                f,
                "{:<5} {} samples, {songs}: {}",
                part.part,
                part.samples,
                classes.join(", ")
            )?;
            let (min, max, mean, deviation) = (part.min, part.max, part.mean, part.deviation);
            writeln!(
                f,
                "      values {min} to {max}, mean {mean:.3}, standard deviation {deviation:.3}; all finite"
            )?;
        }
        self.arrays(f)?;
        self.songs(f)?;
        self.names(f)?;
        if !self.warnings.is_empty() {
            writeln!(f, "\nWarnings:")?;
            self.warnings.iter().try_for_each(|warning| writeln!(f, "  {warning}"))?;
        }
        self.verdict(f)
    }
}

impl Audit {
    /// The findings from the arrays alone.
    fn arrays(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nShared sound, from the arrays alone:")?;
        for kind in ["identical", "frames", "levelled_frames", "near"] {
            let what = match kind {
                "identical" => "samples equal bit by bit".to_owned(),
                "frames" => {
                    format!("{} or more frames in a row equal bit by bit", self.least_frames)
                }
                "levelled_frames" => {
                    format!(
                        "{} or more frames in a row equal but for their level",
                        self.least_frames
                    )
                }
                _ => format!("near duplicates, r >= {}", self.least_r),
            };
            let found: Vec<&Evidence> = self.evidence.iter().filter(|e| e.kind == kind).collect();
            let of_frames = kind == "frames" || kind == "levelled_frames";
            match self.frames_not_compared.filter(|_| of_frames) {
                Some(why) => writeln!(f, "  {what}: not compared ({why})")?,
                None if found.is_empty() => writeln!(f, "  {what}: none")?,
                None => writeln!(f, "  {what}: found")?,
            }
            for Evidence { part, other, pairs, samples, examples, .. } in found {
                writeln!(
                    f,
                    "    {samples} {part} samples shared with {other}, {pairs} pairs, such as"
                )?;
                examples.iter().try_for_each(|example| writeln!(f, "      {example}"))?;
            }
        }
        if self.common_frames > 0 {
            writeln!(f, "  {} frames are too common to compare", self.common_frames)?;
        }
        for [one, other] in &self.label_conflict_examples {
            writeln!(
                f,
                "  two labels for equal samples: {one} is of class {}, {other} of {}",
                one.label, other.label
            )?;
        }
        writeln!(
            f,
            "  (not detected: cuts whose offset is a fraction of a frame, and audio that was \
             changed)"
        )
    }

    fn songs(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unknown: Vec<&str> = self
            .parts
            .iter()
            .filter(|part| part.songs.is_none())
            .map(|part| part.part.as_str())
            .collect();
        if !unknown.is_empty() {
            writeln!(f, "\nSongs: unknown in {}; not compared there", unknown.join(", "))?;
        } else if self.shared_songs.is_empty() {
            writeln!(f, "\nSongs: none is in two parts, by id and label")?;
        }
        for shared in &self.shared_songs {
            let example = |(id, label): &(i64, u32)| format!("{id} of class {label}");
            let examples: Vec<String> = shared.examples.iter().map(example).collect();
            let (n, part, other) = (shared.songs, shared.part, shared.other);
            writeln!(f, "\nSongs: {n} in both {part} and {other}: {}", examples.join(", "))?;
        }
        if !self.shared_songs.is_empty() {
            writeln!(f, "  ({NUMBERED_BY_PART})")?;
        }
        Ok(())
    }

    fn names(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(known) = self.gtzan.as_ref().filter(|known| known.named > 0) else {
            return writeln!(
                f,
                "Names: none known, so neither GTZAN's repeats nor artists were checked (songs.csv \
                 or --gtzan gives names)"
            );
        };
        writeln!(
            f,
            "GTZAN (Sturm 2013; classical, disco, metal, rock): {} songs named",
            known.named
        )?;
        for same in &known.same {
            writeln!(
                f,
                "  one song by its name: {} in both {} and {}, such as {}",
                same.songs,
                same.part,
                same.other,
                same.examples.join(", ")
            )?;
        }
        for repeat in &known.repeats {
            let what = if repeat.exact { "one recording" } else { "versions of one piece" };
            writeln!(
                f,
                "  {what}: {} in {} and {} in {}",
                repeat.name, repeat.part, repeat.other_name, repeat.other
            )?;
        }
        if known.repeats.is_empty() && known.same.is_empty() {
            writeln!(f, "  no known repeat is in different parts")?;
        }
        for (part, other, artists) in &known.artists {
            let found = match artists {
                Artists::DisjointByFaultFilteredLists => {
                    "none, by the fault-filtered lists (Kereliuk, Sturm, Larsen 2015)"
                }
                Artists::Unknown => "unknown; not checked",
            };
            writeln!(f, "  artists in both {part} and {other}: {found}")?;
        }
        Ok(())
    }

    fn verdict(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let loaded = |part: PartName| self.parts.iter().any(|facts| facts.part == part);
        let part = |name: PartName, by: &str, found: &Compromised| {
            if !loaded(name) || self.parts.len() < 2 {
                return format!("{name} was not compared");
            }
            if found.samples == 0 {
                let but = self.frames_not_compared.map_or("", |_| " (frames were not compared)");
                return format!("{name} is clean as far as was checked{but}");
            }
            format!("{name} is COMPROMISED: {found} share sound or song with {by}")
        };
        writeln!(f, "\nVerdict: {}", part(PartName::Test, "train or val", &self.test))?;
        write!(f, "         {}", part(PartName::Val, "train", &self.val))
    }
}

impl fmt::Display for Compromised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { samples, of_samples, .. } = self;
        let share = |n: usize, of: usize| 100.0 * n as f64 / of as f64;
        write!(f, "{samples} of {of_samples} samples ({:.2} %)", share(*samples, *of_samples))?;
        match (self.songs, self.of_songs) {
            (Some(songs), Some(of)) => {
                write!(f, ", {songs} of {of} songs ({:.2} %),", share(songs, of))
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.part, self.index)?;
        self.song.map_or(Ok(()), |song| write!(f, " (song {song})"))
    }
}

impl fmt::Display for Match {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sample, other, how } = self;
        write!(f, "{sample} and {other}")?;
        match how {
            How::Identical => Ok(()),
            How::Frames { frames, shift } => write!(f, ": {frames} frames, {shift} later"),
            How::LevelledFrames { frames, shift, level } => {
                write!(f, ": {frames} frames, {shift} later, level {level:+.3}")
            }
            How::Near { r } => write!(f, ": r = {r:.6}"),
        }
    }
}
