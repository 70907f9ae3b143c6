//! Curves along bands (upright, beside a spectrogram) and along frames (under it): falls of
//! probability in blue, a map's own profile dashed in orange on a scale of its own. Both scales
//! have their 0 at the same place.

use super::place::AxisCells;
use super::sample_axes::{Panel, fitted, fitted_upwards};
use crate::error::{Error, Result};
use crate::plot::axis;
use crate::plot::canvas::{Anchor, Canvas};
use crate::plot::style::{FAINT_INK, GRID, INK, Rgb, TICK, TRAINING, VALIDATION};

/// A value for each cell of an axis, and its spread where there is one.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    /// Where the cells lie on the input.
    pub cells: AxisCells,
    /// One for each cell.
    pub mean: Vec<f32>,
    /// Lower end of what is shaded, one for each cell or none at all.
    pub low: Vec<f32>,
    /// Upper end of what is shaded, likewise.
    pub high: Vec<f32>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Along {
    Bands,
    Frames,
}

/// What the value axes reach from and to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scales {
    pub(super) fall: (f64, f64),
    pub(super) map: (f64, f64),
    /// Whether a map has values below 0.
    signed: bool,
}

pub(super) const FALL: Rgb = TRAINING;
pub(super) const MAP: Rgb = VALIDATION;
pub(super) const DASH: (f64, f64) = (12.0, 8.0);
/// A fall that is no larger is drawn no larger.
const LEAST_FALL: f64 = 0.01;
const AIR: f64 = 1.06;

impl Profile {
    /// Fails where there is not a value for each cell.
    pub(super) fn check(&self) -> Result<()> {
        let count = self.cells.count;
        let spread = [&self.low, &self.high].into_iter().find(|s| ![0, count].contains(&s.len()));
        let wrong = if self.mean.len() == count { spread } else { Some(&self.mean) };
        match wrong {
            None if count > 0 => Ok(()),
            found => Err(Error::Mismatch {
                what: "profile",
                expected: format!("{} values, one for each cell", count.max(1)),
                found: found.map_or(0, Vec::len).to_string(),
            }),
        }
    }

    fn values(&self) -> impl Iterator<Item = f64> {
        let all = self.mean.iter().chain(&self.low).chain(&self.high);
        all.map(|v| f64::from(*v)).filter(|v| v.is_finite())
    }

    /// (share of an axis of `length`, value): at the cells' middles and, unchanged, at the ends.
    fn points(&self, values: &[f32], length: usize) -> Vec<(f64, f64)> {
        let length = length.max(1) as f64;
        let at = |i: usize| (self.cells.middle(i) / length).clamp(0.0, 1.0);
        let finite = values.iter().map(|v| f64::from(*v)).enumerate().filter(|v| v.1.is_finite());
        let mut points: Vec<(f64, f64)> = finite.map(|(i, v)| (at(i), v)).collect();
        points.retain(|point| point.0.is_finite());
        if let (Some(first), Some(last)) = (points.first().copied(), points.last().copied()) {
            points.insert(0, (0.0, first.1));
            points.push((1.0, last.1));
        }
        points
    }
}

impl Scales {
    /// Those that show all of the given curves.
    pub(super) fn of<'a>(
        falls: impl Iterator<Item = &'a Profile>,
        maps: impl Iterator<Item = &'a Profile>,
    ) -> Self {
        let ends = |(low, high): (f64, f64), v: f64| (low.min(v), high.max(v));
        let (low, high) = falls.flat_map(Profile::values).fold((0.0, LEAST_FALL), ends);
        let (least, most) = maps.flat_map(Profile::values).fold((0.0, 0.0), ends);
        let high = AIR * high;
        // A little below 0, so that the line of 0 is seen.
        let low = (AIR * low).min(-0.03 * high).min(if least < 0.0 { -0.3 * high } else { 0.0 });
        let unit = AIR * f64::max(most / high, least / low);
        let unit = if unit > 0.0 { unit } else { 1.0 / high };
        Self { fall: (low, high), map: (low * unit, high * unit), signed: least < 0.0 }
    }
}

impl Along {
    /// The place in `panel` of a share of the axis and a share of the value's scale.
    fn at(self, panel: &Panel, along: f64, value: f64) -> (f64, f64) {
        match self {
            Self::Bands => (panel.x(value), panel.y(along)),
            Self::Frames => (panel.x(along), panel.y(value)),
        }
    }
}

fn share(v: f64, (low, high): (f64, f64)) -> f64 {
    (v - low) / (high - low)
}

/// The curves of one panel, without numbers beside it. `length` is the number of bands or frames.
pub(super) fn curves(
    canvas: &mut Canvas<'_>,
    panel: &Panel,
    along: Along,
    length: usize,
    scales: &Scales,
    (fall, map): (&Profile, Option<&Profile>),
) -> Result<()> {
    for tick in value_ticks(canvas, panel, along, scales.fall) {
        let s = share(tick, scales.fall);
        let (a, b) = (along.at(panel, 0.0, s), along.at(panel, 1.0, s));
        let (colour, h) = if tick == 0.0 { (FAINT_INK, 1.0) } else { (GRID, 0.5) };
        let from = (a.0.min(b.0) - h, a.1.min(b.1) - h);
        canvas.rect(from, (a.0.max(b.0) + h, a.1.max(b.1) + h), colour)?;
    }
    let map = map.map(|map| (map, scales.map, MAP, Some(DASH)));
    let all = [Some((fall, scales.fall, FALL, None)), map];
    for (profile, scale, colour, dash) in all.into_iter().flatten() {
        let places = |values: &[f32]| -> Vec<(f64, f64)> {
            let points = profile.points(values, length);
            points.into_iter().map(|(at, v)| along.at(panel, at, share(v, scale))).collect()
        };
        let (low, high) = (places(&profile.low), places(&profile.high));
        let mut edges: Vec<(f64, f64, f64)> = match along {
            Along::Bands => low.iter().zip(&high).map(|(l, h)| (l.1, l.0, h.0)).collect(),
            Along::Frames => low.iter().zip(&high).map(|(l, h)| (l.0, h.1, l.1)).collect(),
        };
        match along {
            Along::Bands => {
                edges.reverse();
                canvas.band_upright(&edges, colour)?;
            }
            Along::Frames => canvas.band(&edges, colour)?,
        }
        canvas.polyline(&places(&profile.mean), 4.0, dash, colour)?;
    }
    canvas.frame(panel.from, panel.to, 1.5, INK)
}

fn value_ticks(canvas: &Canvas<'_>, panel: &Panel, along: Along, scale: (f64, f64)) -> Vec<f64> {
    let wanted = match along {
        Along::Bands => panel.width() / 90.0,
        Along::Frames => panel.height() / 45.0,
    };
    let ticks = axis::some_ticks(scale, wanted.max(1.0));
    let digits = axis::decimals(&ticks);
    // Where they would run together, every second one, or the ends.
    let widest = ticks.iter().map(|t| canvas.font.width(&axis::number(*t, digits), TICK));
    let needed = widest.fold(0.0, f64::max) + 12.0;
    let room = panel.width() / ticks.len().max(1) as f64;
    let every = if along == Along::Bands { (needed / room).ceil().max(1.0) as i64 } else { 1 };
    let step = ticks.windows(2).map(|w| w[1] - w[0]).next().unwrap_or(1.0);
    // Counted from 0, which is always one of them.
    ticks.into_iter().filter(|t| (t / step).round() as i64 % every == 0).collect()
}

/// Which of the two scales.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Of {
    Fall,
    Map,
}

/// Numbers and name of a scale: falls under (frames: left of) the panel, maps on the other side.
pub(super) fn value_axis(
    canvas: &mut Canvas<'_>,
    panel: &Panel,
    along: Along,
    of: Of,
    scales: &Scales,
    name: &str,
) -> Result<()> {
    let scale = if of == Of::Fall { scales.fall } else { scales.map };
    let ticks = value_ticks(canvas, panel, along, scale);
    let digits = axis::decimals(&ticks);
    let mut widest = 0.0_f64;
    // What has no sign needs no numbers below 0.
    let least = if of == Of::Map && !scales.signed { -1e-9 } else { f64::NEG_INFINITY };
    for tick in ticks.into_iter().filter(|t| *t >= least) {
        // Rounding makes no "-0".
        let label = axis::number(if tick == 0.0 { 0.0 } else { tick }, digits);
        let s = share(tick, scale);
        let (x, y) = (panel.x(s), panel.y(s));
        let (left, top) = panel.from;
        let (right, bottom) = panel.to;
        let (from, to, at, anchor) = match (along, of) {
            (Along::Bands, Of::Fall) => {
                ((x - 0.75, bottom), (x + 0.75, bottom + 7.0), (x, bottom + 25.0), Anchor::Centre)
            }
            (Along::Bands, Of::Map) => {
                ((x - 0.75, top - 7.0), (x + 0.75, top), (x, top - 23.0), Anchor::Centre)
            }
            (Along::Frames, Of::Fall) => {
                ((left - 7.0, y - 0.75), (left, y + 0.75), (left - 12.0, y), Anchor::Right)
            }
            (Along::Frames, Of::Map) => {
                ((right, y - 0.75), (right + 7.0, y + 0.75), (right + 12.0, y), Anchor::Left)
            }
        };
        canvas.rect(from, to, INK)?;
        canvas.text(&label, at, anchor, TICK, INK)?;
        widest = widest.max(canvas.font.width(&label, TICK));
    }
    let (x, y) = panel.middle();
    match (along, of) {
        (Along::Bands, Of::Fall) => {
            fitted(canvas, name, (x, panel.to.1 + 60.0), TICK, panel.width() + 30.0)
        }
        (Along::Bands, Of::Map) => {
            fitted(canvas, name, (x, panel.from.1 - 56.0), TICK, panel.width() + 30.0)
        }
        (Along::Frames, Of::Fall) => {
            let at = (panel.from.0 - 12.0 - widest - 26.0, y);
            fitted_upwards(canvas, name, at, TICK, panel.height() + 30.0)
        }
        (Along::Frames, Of::Map) => {
            let at = (panel.to.0 + 12.0 + widest + 26.0, y);
            fitted_upwards(canvas, name, at, TICK, panel.height() + 30.0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(mean: &[f32]) -> Profile {
        let cells = AxisCells { first: 1.0, size: 2.0, count: mean.len() };
        Profile { cells, mean: mean.to_vec(), low: Vec::new(), high: Vec::new() }
    }

    #[test]
    fn a_cell_stands_at_its_middle_on_the_input() {
        let got = profile(&[0.5, 0.25]).points(&[0.5, 0.25], 8);
        assert_eq!(got, [(0.0, 0.5), (0.25, 0.5), (0.5, 0.25), (1.0, 0.25)]);
    }

    #[test]
    fn both_scales_have_their_zero_at_the_same_place_and_show_all() {
        for (fall, map) in [
            (&[0.4, -0.1][..], &[0.2, 0.9][..]),
            (&[-0.3, -0.1], &[0.5]),
            (&[0.0], &[0.0]),
            (&[0.2], &[-3.0, 1.0]),
        ] {
            let (fall, map) = (profile(fall), profile(map));
            let scales = Scales::of([&fall].into_iter(), [&map].into_iter());
            assert!((share(0.0, scales.fall) - share(0.0, scales.map)).abs() < 1e-9);
            let inside = |v: f64, scale| (0.0..=1.0).contains(&share(v, scale));
            assert!(fall.values().all(|v| inside(v, scales.fall)), "{scales:?}");
            assert!(map.values().all(|v| inside(v, scales.map)), "{scales:?}");
        }
    }

    #[test]
    fn a_profile_has_a_value_for_each_cell() {
        let mut odd = profile(&[0.5, 0.25]);
        assert!(odd.check().is_ok());
        odd.low = vec![0.0];
        assert!(matches!(odd.check(), Err(Error::Mismatch { .. })));
        assert!(profile(&[]).check().is_err());
    }
}
