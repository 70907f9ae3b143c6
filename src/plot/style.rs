//! Colours, dashes and sizes that the drawings share, and the style sheet for the dark.

use std::fmt::Write;

/// Red, green, blue.
pub(crate) type Rgb = (u8, u8, u8);

const PAPER: Rgb = (255, 255, 255);
const BLACK: Rgb = (0, 0, 0);

/// What a mark is painted with. All but the last follow light and dark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Colour {
    Ink,
    Faint,
    Grid,
    Paper,
    Wash,
    /// Of the line with this number; see [`dash`].
    Series(usize),
    Fixed(Rgb),
}

/// Colours of lines: on white and on near-black at least 3 : 1 each.
const SERIES: [(Rgb, Rgb); 7] = [
    ((0, 114, 178), (86, 180, 233)),
    ((199, 119, 0), (230, 159, 0)),
    ((0, 120, 90), (47, 191, 148)),
    ((170, 68, 153), (224, 138, 208)),
    ((30, 30, 30), (232, 232, 232)),
    ((192, 74, 0), (239, 125, 59)),
    ((119, 119, 119), (153, 153, 153)),
];

/// Strokes and gaps of lines. With [`SERIES`]: 35 lines that differ, neighbours in both.
const DASHES: [&[f64]; 5] = [&[], &[9.0, 3.0], &[4.0, 3.0], &[1.5, 3.0], &[10.0, 3.0, 2.0, 3.0]];

impl Colour {
    /// On light and on dark paper.
    fn both(self) -> (Rgb, Rgb) {
        match self {
            Self::Ink => ((30, 30, 30), (232, 232, 232)),
            Self::Faint => ((87, 87, 87), (169, 175, 181)),
            Self::Grid => ((217, 217, 217), (58, 64, 70)),
            Self::Paper => (PAPER, (21, 24, 27)),
            Self::Wash => ((245, 246, 247), (30, 34, 38)),
            Self::Series(i) => SERIES[i % SERIES.len()],
            Self::Fixed(rgb) => (rgb, rgb),
        }
    }

    /// On light paper.
    pub(super) fn rgb(self) -> Rgb {
        self.both().0
    }

    pub(super) fn hex(self) -> String {
        hex(self.rgb())
    }

    /// What its class ends in; a fixed colour has none.
    pub(super) fn class(self) -> Option<String> {
        Some(match self {
            Self::Ink => "ink".into(),
            Self::Faint => "faint".into(),
            Self::Grid => "grid".into(),
            Self::Paper => "paper".into(),
            Self::Wash => "wash".into(),
            Self::Series(i) => format!("s{}", i % SERIES.len()),
            Self::Fixed(_) => return None,
        })
    }
}

fn hex((r, g, b): Rgb) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

/// Strokes and gaps of the line with this number.
pub(super) fn dash(i: usize) -> &'static [f64] {
    DASHES[i % DASHES.len()]
}

/// Rules for a page that inlines drawings: the dark's colours on a screen that asks for them. On
/// paper the drawings keep the light ones, which they carry themselves.
pub fn style_sheet() -> String {
    let series = (0..SERIES.len()).map(Colour::Series);
    let all = [Colour::Ink, Colour::Faint, Colour::Grid, Colour::Paper, Colour::Wash];
    let mut css = "@media screen and (prefers-color-scheme: dark) {".to_owned();
    for colour in all.into_iter().chain(series) {
        let (class, dark) = (colour.class().unwrap_or_default(), hex(colour.both().1));
        // Writing to a string cannot fail.
        let _ = write!(css, " .f-{class} {{ fill: {dark}; }} .k-{class} {{ stroke: {dark}; }}");
    }
    css.push_str(" }\n");
    css
}

/// Sizes of letters in CSS pixels.
pub(super) const LABEL: f64 = 13.0;
pub(super) const TICK: f64 = 12.0;
pub(super) const NOTE: f64 = 11.0;
/// Text is cut rather than set in smaller letters.
pub(super) const SMALLEST: f64 = 9.0;

/// ColorBrewer's nine-class Blues: one hue, darker means more, also in grey print.
const BLUES: [Rgb; 9] = [
    (247, 251, 255),
    (222, 235, 247),
    (198, 219, 239),
    (158, 202, 225),
    (107, 174, 214),
    (66, 146, 198),
    (33, 113, 181),
    (8, 81, 156),
    (8, 48, 107),
];

/// The colour of a share from 0 to 1, between the neighbours of [`BLUES`] linearly.
pub(super) fn blues(share: f64) -> Rgb {
    let last = BLUES.len() - 1;
    let at = share.clamp(0.0, 1.0) * last as f64;
    let low = (at as usize).min(last - 1);
    let (a, b, t) = (BLUES[low], BLUES[low + 1], at - low as f64);
    let mix = |a: u8, b: u8| (f64::from(a) + t * (f64::from(b) - f64::from(a))).round() as u8;
    (mix(a.0, b.0), mix(a.1, b.1), mix(a.2, b.2))
}

/// Relative luminance, 0 to 1, of an sRGB colour (WCAG 2.2).
pub(super) fn luminance((r, g, b): Rgb) -> f64 {
    let linear = |v: u8| {
        let v = f64::from(v) / 255.0;
        if v <= 0.04045 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b)
}

/// Black or white, whichever has the higher contrast (WCAG 2.2) to `background`.
pub(super) fn text_on(background: Rgb) -> Rgb {
    let contrast = |colour| {
        let (a, b) = (luminance(colour), luminance(background));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    };
    if contrast(BLACK) >= contrast(PAPER) { BLACK } else { PAPER }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_differ_in_colour_or_dashes_and_the_dark_replaces_every_colour() {
        let look = |i: usize| (Colour::Series(i).rgb(), dash(i));
        for i in 0..35 {
            assert!((0..i).all(|j| look(j) != look(i)), "{i}");
        }
        for (light, dark) in SERIES {
            let contrast = |a: Rgb, b: Rgb| {
                let (a, b) = (luminance(a), luminance(b));
                (a.max(b) + 0.05) / (a.min(b) + 0.05)
            };
            assert!(contrast(light, PAPER) >= 3.0, "{light:?}");
            assert!(contrast(dark, Colour::Paper.both().1) >= 3.0, "{dark:?}");
        }
        let css = style_sheet();
        for class in ["ink", "faint", "grid", "paper", "wash", "s0", "s6"] {
            assert!(css.contains(&format!(".f-{class} {{")), "{css}");
        }
    }

    #[test]
    fn more_is_darker_all_the_way() {
        let steps: Vec<f64> = (0..=100).map(|i| luminance(blues(f64::from(i) / 100.0))).collect();
        assert!(steps.windows(2).all(|w| w[1] < w[0]));
    }

    /// 4.5 is what WCAG 2.2 (AA) asks of ordinary text.
    #[test]
    fn text_is_legible_on_every_colour() {
        for i in 0..=100 {
            let back = blues(f64::from(i) / 100.0);
            let (a, b) = (luminance(text_on(back)), luminance(back));
            let contrast = (a.max(b) + 0.05) / (a.min(b) + 0.05);
            assert!(contrast >= 4.5, "{i} %: {contrast}");
        }
    }
}
