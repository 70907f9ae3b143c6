//! One song: its genre, its style, its sound.

use super::band::{Band, Bus, Style};
use super::{classical, disco, metal, mix, rock};
use crate::random::streams::Stream;

/// The genres of the corpus, in the order of their labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Genre {
    /// Label 0.
    Classical,
    /// Label 1.
    Disco,
    /// Label 2.
    Metal,
    /// Label 3.
    Rock,
}

impl Genre {
    /// All genres, in the order of their labels.
    pub const ALL: [Self; 4] = [Self::Classical, Self::Disco, Self::Metal, Self::Rock];

    /// The name used in files: `classical`, `disco`, `metal`, `rock`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Classical => "classical",
            Self::Disco => "disco",
            Self::Metal => "metal",
            Self::Rock => "rock",
        }
    }

    /// Its class number.
    pub fn label(self) -> u8 {
        self as u8
    }

    fn styles(self) -> &'static [Style] {
        match self {
            Self::Classical => classical::STYLES,
            Self::Disco => disco::STYLES,
            Self::Metal => metal::STYLES,
            Self::Rock => rock::STYLES,
        }
    }

    /// The share of its songs at a border; the neighbours, and what such a song has from them.
    fn border(self) -> (f64, &'static [(Self, &'static [Bus])]) {
        use Bus::{Bass, Drums, Guitar, Keys, Lead, Orchestra};
        match self {
            // Crossover: a beat behind the orchestra, a band's singer before it.
            Self::Classical => (
                0.06,
                &[
                    (Self::Rock, &[Drums]),
                    (Self::Disco, &[Drums]),
                    (Self::Rock, &[Bass, Keys]),
                    (Self::Rock, &[Bass, Lead]),
                ],
            ),
            // A rock band in the discotheque, or an orchestra.
            Self::Disco => (
                0.12,
                &[
                    (Self::Rock, &[Drums, Lead]),
                    (Self::Rock, &[Drums, Guitar]),
                    (Self::Rock, &[Guitar, Lead]),
                    (Self::Classical, &[Keys, Orchestra]),
                ],
            ),
            // Near hard rock, or with an orchestra.
            Self::Metal => (
                0.12,
                &[
                    (Self::Rock, &[Drums, Bass]),
                    (Self::Rock, &[Drums, Lead]),
                    (Self::Rock, &[Bass, Keys, Lead]),
                    (Self::Classical, &[Keys, Orchestra, Lead]),
                ],
            ),
            // Heavy, danceable, or with an orchestra: rock borders on everything.
            Self::Rock => (
                0.15,
                &[
                    (Self::Metal, &[Guitar]),
                    (Self::Metal, &[Drums, Bass]),
                    (Self::Disco, &[Drums, Bass]),
                    (Self::Disco, &[Drums, Keys, Orchestra]),
                    (Self::Classical, &[Keys, Orchestra]),
                ],
            ),
        }
    }
}

/// How much softer than at home a neighbour's players are: the song's own genre is in front.
const BEHIND_DB: f32 = 4.0;

/// A synthesised song.
#[derive(Debug, Clone, PartialEq)]
pub struct Song {
    /// Mono, 44,100 Hz, within ±1 and on the grid of 16-bit sound (multiples of 1/32,768).
    pub samples: Vec<f32>,
    /// Style, tempo and key, e.g. `funk, 104 bpm, A minor`, or `funk with pop rock, …` at a border.
    pub title: String,
}

/// The song with this number of this genre: the same arguments make the same song.
pub fn song(seed: u64, genre: Genre, number: usize) -> Song {
    let mut stream = Stream::new(seed, &format!("demo/{}/{number}", genre.as_str()));
    let style = draw(genre.styles(), &mut stream);
    let (share, neighbours) = genre.border();
    let guest = stream.chance(share).then(|| {
        let (neighbour, buses) = *stream.pick(neighbours);
        (draw(neighbour.styles(), &mut stream), buses)
    });
    let mut band = Band::new(style, stream);
    let mut name = style.name.to_string();
    if let Some((guest, buses)) = guest {
        band.play(guest, buses);
        band.channels.iter_mut().for_each(|channel| channel.level_db -= BEHIND_DB);
        name = format!("{name} with {}", guest.name);
    }
    band.play(style, &Bus::ALL);
    let title = format!("{name}, {:.0} bpm, {}", band.bpm, band.key());
    Song { samples: mix::mix(&mut band), title }
}

fn draw(styles: &'static [Style], stream: &mut Stream) -> &'static Style {
    let whole: f64 = styles.iter().map(|style| style.weight).sum();
    let mut left = stream.between(0.0, whole);
    let last = styles.len() - 1;
    for style in &styles[..last] {
        if left < style.weight {
            return style;
        }
        left -= style.weight;
    }
    &styles[last]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_song_has_the_neighbours_sections_only() {
        for genre in Genre::ALL {
            let (share, neighbours) = genre.border();
            assert!(share <= 0.5, "most songs are of their genre alone");
            for &(neighbour, buses) in neighbours {
                assert!(neighbour != genre && buses.len() <= Bus::COUNT / 2, "{genre:?}");
                let (style, guest) = (&genre.styles()[0], &neighbour.styles()[0]);
                let mut band = Band::new(style, Stream::new(3, "border"));
                let bpm = band.bpm;
                band.play(guest, buses);
                let (sound, channels) = (band.buses.clone(), band.channels);
                band.play(style, &Bus::ALL);
                assert_eq!(band.bpm, bpm);
                for bus in Bus::ALL.map(|bus| bus as usize) {
                    let plays = |sound: &[f32]| sound.iter().any(|&x| x != 0.0);
                    if plays(&sound[bus]) {
                        assert!(buses.iter().any(|&its| its as usize == bus), "{genre:?}");
                        assert!(band.buses[bus] == sound[bus], "{genre:?} plays over it");
                        assert_eq!(band.channels[bus].level_db, channels[bus].level_db);
                    }
                }
            }
        }
    }
}
