//! Colours and sizes that the pictures share.

/// Red, green, blue.
pub(crate) type Rgb = (u8, u8, u8);

pub(super) const PAPER: Rgb = (255, 255, 255);
const BLACK: Rgb = (0, 0, 0);
pub(super) const INK: Rgb = (30, 30, 30);
pub(super) const FAINT_INK: Rgb = (95, 95, 95);
pub(super) const ZERO_INK: Rgb = (125, 125, 125);
pub(super) const GRID: Rgb = (224, 224, 224);

/// Okabe and Ito's blue and orange: told apart by colour-blind eyes, and by their lightness in
/// grey print.
pub(super) const TRAINING: Rgb = (0, 114, 178);
pub(super) const VALIDATION: Rgb = (230, 159, 0);

/// Okabe and Ito's colours for several models, but for the yellow, which is faint on white.
pub(super) const SERIES: [Rgb; 7] =
    [TRAINING, VALIDATION, (0, 158, 115), (213, 94, 0), (204, 121, 167), (86, 180, 233), BLACK];

/// Sizes of letters in pixels.
pub(super) const TITLE: f64 = 38.0;
pub(super) const LABEL: f64 = 28.0;
pub(super) const TICK: f64 = 25.0;
pub(super) const NOTE: f64 = 23.0;

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
