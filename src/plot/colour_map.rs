//! From a share of 1 to a colour.

use crate::plot::style::Rgb;

/// How values are coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColourMap {
    /// matplotlib's magma, of spectrograms.
    Magma,
    /// matplotlib's viridis, of heat maps.
    Viridis,
    /// MATLAB's jet, in which Grad-CAM is often shown. Its lightness goes up and down, so that grey
    /// print and colour-blind eyes confuse its ends.
    Jet,
    /// Black to white.
    Grey,
    /// ColorBrewer's RdBu reversed, blue to red over white: what has a sign.
    Diverging,
}

impl ColourMap {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Magma, Self::Viridis, Self::Jet, Self::Grey, Self::Diverging];

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Magma => "magma",
            Self::Viridis => "viridis",
            Self::Jet => "jet",
            Self::Grey => "grey",
            Self::Diverging => "diverging",
        }
    }

    /// The one that is called so.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|map| map.name() == name)
    }

    /// The colour of a share from 0 to 1; what is outside has the end's, no number that of 0.
    pub(crate) fn colour(self, share: f64) -> Rgb {
        let share = if share.is_nan() { 0.0 } else { share.clamp(0.0, 1.0) };
        let table = |gradient: colorous::Gradient, at: f64| {
            let colour = gradient.eval_continuous(at);
            (colour.r, colour.g, colour.b)
        };
        match self {
            Self::Magma => table(colorous::MAGMA, share),
            Self::Viridis => table(colorous::VIRIDIS, share),
            Self::Diverging => table(colorous::RED_BLUE, 1.0 - share),
            Self::Jet => {
                let ramp = |middle: f64| 1.5 - (4.0 * share - middle).abs();
                (byte(ramp(3.0)), byte(ramp(2.0)), byte(ramp(1.0)))
            }
            Self::Grey => (byte(share), byte(share), byte(share)),
        }
    }
}

/// A share of 1 in 256 steps.
fn byte(share: f64) -> u8 {
    (255.0 * share.clamp(0.0, 1.0)).round() as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::style::luminance;

    #[test]
    fn ends_and_middles_are_those_published() {
        let of = |map: ColourMap| [0.0, 0.5, 1.0].map(|share| map.colour(share));
        // matplotlib's _cm_listed.py, rounded to bytes: rows 0 and 255, between 127 and 128.
        let magma = of(ColourMap::Magma);
        assert_eq!([magma[0], magma[2]], [(0, 0, 4), (252, 253, 191)]);
        let viridis = of(ColourMap::Viridis);
        assert_eq!([viridis[0], viridis[2]], [(68, 1, 84), (253, 231, 37)]);
        assert_eq!(of(ColourMap::Jet), [(0, 0, 128), (128, 255, 128), (128, 0, 0)]);
        assert_eq!(of(ColourMap::Grey), [(0, 0, 0), (128, 128, 128), (255, 255, 255)]);
        let [low, middle, high] = of(ColourMap::Diverging);
        assert!(low.2 > 2 * low.0 && high.0 > 2 * high.2, "{low:?} {high:?}");
        assert!(luminance(middle) > 0.8, "{middle:?}");
    }

    #[test]
    fn more_is_lighter_where_it_should_be() {
        for map in [ColourMap::Magma, ColourMap::Viridis, ColourMap::Grey] {
            let steps = (0..=64).map(|i| luminance(map.colour(f64::from(i) / 64.0)));
            assert!(steps.collect::<Vec<f64>>().windows(2).all(|w| w[0] < w[1]), "{map:?}");
        }
    }

    #[test]
    fn what_is_outside_has_a_colour() {
        for map in ColourMap::ALL {
            assert_eq!(map.colour(-3.0), map.colour(0.0));
            assert_eq!(map.colour(f64::INFINITY), map.colour(1.0));
            assert_eq!(map.colour(f64::NAN), map.colour(0.0));
            assert_eq!(ColourMap::from_name(map.name()), Some(map));
        }
        assert_eq!(ColourMap::from_name("turbo"), None);
    }
}
