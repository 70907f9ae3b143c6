//! One song: its genre, its style, its sound.

use super::band::{Band, Style};
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
}

/// A synthesised song.
#[derive(Debug, Clone, PartialEq)]
pub struct Song {
    /// Mono, 44,100 Hz, within ±1 and on the grid of 16-bit sound (multiples of 1/32,768).
    pub samples: Vec<f32>,
    /// Style, tempo and key, e.g. `funk, 104 bpm, A minor`.
    pub title: String,
}

/// The song with this number of this genre: the same arguments make the same song.
pub fn song(seed: u64, genre: Genre, number: usize) -> Song {
    let mut stream = Stream::new(seed, &format!("demo/{}/{number}", genre.as_str()));
    let style = draw(genre.styles(), &mut stream);
    let mut band = Band::new(style, stream);
    (style.write)(&mut band);
    let title = format!("{}, {:.0} bpm, {}", style.name, band.bpm, band.key());
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
