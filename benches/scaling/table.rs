//! The figures of an axis as a plain table.

use std::fmt::Write;

use super::axis::Axis;
use super::fit::exponent;
use super::point::{Measured, Point};

pub(crate) fn table(
    axis: Axis,
    points: &[Point],
    measured: &[Measured],
) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    let device = measured.first().map_or("", |measured| measured.device.as_str());
    writeln!(text, "P1 by {} on {device}", axis.title())?;
    let heads = [axis.title(), axis.unit(), "passes", "memory MB", "Mproducts/sample"];
    let [a, b, c, d, e] = heads;
    writeln!(text, "{a:>12}{b:>12}{c:>8}{d:>12}{e:>18}")?;
    for (point, found) in points.iter().zip(measured) {
        let memory = found.bytes.map_or("-".into(), |bytes| format!("{:.1}", bytes as f64 / 1e6));
        writeln!(
            text,
            "{:>12}{:>12.3}{:>8}{memory:>12}{:>18.2}",
            axis.label(point),
            axis.time(found.seconds, point),
            found.passes,
            found.products as f64 / 1e6
        )?;
    }
    let slope = |of: &dyn Fn(&Point, &Measured) -> Option<f64>| {
        let pairs = points.iter().zip(measured);
        let pairs: Option<Vec<(f64, f64)>> =
            pairs.map(|(p, m)| Some((axis.value(p) as f64, of(p, m)?))).collect();
        pairs.and_then(|pairs| exponent(&pairs))
    };
    let work = |point: &Point, found: &Measured| match axis {
        Axis::Batch => found.products,
        _ => found.products * point.samples,
    };
    let slopes = [
        slope(&|point, found| Some(axis.time(found.seconds, point))),
        slope(&|point, found| Some(work(point, found) as f64)),
        slope(&|_, found| Some(found.bytes? as f64)),
    ];
    let [time, work, memory] =
        slopes.map(|slope| slope.map_or("-".into(), |slope| format!("{slope:.2}")));
    writeln!(text, "exponents: time {time}, arithmetic {work}, memory {memory}")?;
    writeln!(text, "expected of time: {}", axis.expected())?;
    writeln!(text, "expected of memory: up to 1, as what does not grow counts too")?;
    Ok(text)
}
