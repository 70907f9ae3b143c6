//! Writes the arrays of each part from the cuts of all songs, and the list of songs.

use std::io::{self, Write};

use ndarray::ArrayView1;
use ndarray_npy::WriteNpyExt;
use serde::Serialize;

use super::output::Output;
use super::record::Settings;
use super::{Done, part_of};
use crate::data::PartName;
use crate::error::Result;
use crate::files::write_atomic;
use crate::progress::Progress;
use crate::text::cell;

/// A line of `songs.csv`.
#[derive(Serialize)]
struct Row<'a> {
    /// The number in `song_*.npy`.
    song: i64,
    /// What tells the song from others of its class.
    song_name: String,
    file: String,
    label: usize,
    class: String,
    /// `train`, `val`, `test`, or `several` where cuts are split.
    part: &'a str,
    seconds: Option<String>,
    sample_rate_hz: Option<u32>,
    blake3: &'a str,
    cuts: usize,
    /// Why it is in no array, or what could not be decoded of it and that it is silent, clipped or out
    /// of phase.
    remark: String,
}

/// Writes x, y and song of each part, song after song by class and number, and `songs.csv`.
pub(super) fn write(
    output: &Output,
    settings: &Settings,
    done: &[Done],
    progress: &dyn Progress,
) -> Result<()> {
    progress.begin("writing", PartName::ALL.len() as u64, "parts");
    let written = PartName::ALL.into_iter().try_for_each(|part| {
        write_part(output, settings, done, part)?;
        progress.advance(1);
        Ok(())
    });
    progress.end();
    written?;
    write_songs(output, settings, done)
}

fn write_part(output: &Output, settings: &Settings, done: &[Done], part: PartName) -> Result<()> {
    let cuts = |done: &Done| done.parts.iter().filter(|own| **own == part).count();
    let of_cut = |value: fn(&Done) -> i64| -> Vec<i64> {
        done.iter().flat_map(|done| std::iter::repeat_n(value(done), cuts(done))).collect()
    };
    let y = of_cut(|done| done.song.class as i64);
    let song = of_cut(|done| done.song.id);
    let size = size_of::<f32>() * settings.front_end.n_mels * settings.front_end.frames;
    // Song by song: all spectrograms at once may be more than memory holds.
    write_atomic(&output.file(&format!("x_{part}.npy")), |w| {
        let shape = [y.len(), settings.front_end.n_mels, settings.front_end.frames];
        w.write_all(&npy_header(shape))?;
        for done in done.iter().filter(|done| cuts(done) > 0) {
            let Ok(made) = &done.made else { continue };
            let values = made.values()?;
            let own = values.chunks_exact(size).zip(&done.parts).filter(|(_, own)| **own == part);
            own.map(|(cut, _)| cut).try_for_each(|cut| w.write_all(cut))?;
        }
        Ok(())
    })?;
    for (name, values) in [("y", &y), ("song", &song)] {
        write_atomic(&output.file(&format!("{name}_{part}.npy")), |w| {
            ArrayView1::from(values).write_npy(w).map_err(io::Error::other)
        })?;
    }
    Ok(())
}

/// The header of a version-1 npy file of little-endian f32, up to the first element.
fn npy_header([n, h, w]: [usize; 3]) -> Vec<u8> {
    let dict = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({n}, {h}, {w}), }}");
    // Ten bytes before the text, a line's end after it, and the whole a multiple of 64.
    let length = (10 + dict.len() + 1).next_multiple_of(64) - 10;
    let mut header = b"\x93NUMPY\x01\x00".to_vec();
    header.extend((length as u16).to_le_bytes());
    header.extend(format!("{dict:<width$}\n", width = length - 1).as_bytes());
    header
}

fn write_songs(output: &Output, settings: &Settings, done: &[Done]) -> Result<()> {
    write_atomic(&output.file("songs.csv"), |w: &mut dyn Write| {
        let mut csv = csv::Writer::from_writer(w);
        for Done { song, made, parts } in done {
            let made = made.as_ref();
            let used = made.ok().filter(|_| !parts.is_empty());
            let remark = match made {
                Err(unusable) => unusable.reason.clone(),
                Ok(_) if parts.is_empty() => "left out: the split does not list it".to_owned(),
                Ok(made) => {
                    let faults: Vec<&str> =
                        made.damage.iter().chain(&made.remark).map(String::as_str).collect();
                    faults.join("; ")
                }
            };
            let row = Row {
                song: song.id,
                song_name: cell(&song.group),
                file: cell(&song.name),
                label: song.class,
                class: cell(settings.classes.get(song.class).map_or("", String::as_str)),
                part: part_of(parts),
                seconds: used.map(|made| format!("{:.3}", made.seconds)),
                sample_rate_hz: used.map(|made| made.sample_rate_hz),
                blake3: used.map_or("", |made| &made.blake3),
                cuts: parts.len(),
                remark: cell(&remark),
            };
            csv.serialize(row).map_err(io::Error::other)?;
        }
        csv.flush()
    })
}
