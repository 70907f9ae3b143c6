//! Every sentence can come out otherwise.

use super::*;
use crate::explain::trust::empty::{ClassEmpty, Count};
use crate::explain::trust::spread::Spread;

fn estimate(low: f64, high: f64, units: usize) -> Estimate {
    let mean = Some((low + high) / 2.0);
    let spread = Spread { n: 96, mean, q10: mean, q90: mean, ..Spread::default() };
    Estimate { spread, units, by_song: true, interval_95: Some((low, high)) }
}

/// What each of these intervals makes of a finding: outcome, and words that must be there.
fn each(cases: &[(f64, f64, Outcome, &str)], sentence: impl Fn(&Estimate) -> Sentence) {
    for (low, high, outcome, words) in cases {
        let got = sentence(&estimate(*low, *high, 96));
        assert_eq!(got.outcome, *outcome, "{low} {high}: {}", got.text);
        assert!(got.text.contains(words), "{low} {high}: {}", got.text);
        let interval = format!("95 % interval {low:.3} to {high:.3}");
        assert!(got.text.contains(&interval) && got.text.contains("96 samples"), "{}", got.text);
    }
    let few = sentence(&estimate(0.6, 0.9, FEW_UNITS - 1));
    assert!(few.outcome == Open && few.text.contains(FEW), "{}", few.text);
    let none = sentence(&Estimate::default());
    assert!(none.outcome == Open && none.text.contains("0 samples"), "{}", none.text);
}

use Outcome::{Against, For, Open};

#[test]
fn randomisation_can_come_out_any_way() {
    let similarity = |rho: &Estimate, magnitude| {
        let magnitude = Spread { mean: Some(magnitude), ..Spread::default() };
        Similarity { rho: *rho, magnitude }
    };
    let said = |rho: &Estimate, magnitude, cells| {
        let first = similarity(&estimate(0.7, 0.8, 96), 0.75);
        let last = similarity(rho, magnitude);
        randomisation("HiResCAM", &[("dense", &first), ("conv2d", &last)], 3, cells)
    };
    let cases = [
        (0.51, 0.9, Against, "most of the map survives"),
        (0.3, 0.6, Open, "a part of the map survives"),
        (0.001, 0.1, For, "less than 0.2 is left"),
        (-0.1, 0.1, For, "less than 0.2 is left"),
        (-0.4, 0.3, Open, "is not decided"),
        (-0.4, -0.25, Open, "turned round"),
    ];
    each(&cases, |rho| said(rho, 0.15, 100));
    let scattered = said(&estimate(-0.1, 0.1, 96), 0.3, 100);
    assert!(scattered.outcome == Open && scattered.text.contains("either sign"));
    let either = said(&estimate(-0.1, 0.1, 96), 0.6, 100);
    assert_eq!(either.outcome, Against);
    assert!(either.text.contains("with either sign"), "{}", either.text);
    // Of four cells that is chance.
    assert_eq!(said(&estimate(-0.1, 0.1, 96), 0.6, 4).outcome, For);
    assert!(either.text.contains("first below 0.5 once conv2d is redrawn"), "{}", either.text);
    let never = said(&estimate(0.6, 0.9, 96), 0.75, 100);
    assert!(never.text.contains("below 0.5 at no stage"), "{}", never.text);
    assert_eq!(randomisation("HiResCAM", &[], 3, 100).outcome, Open);
}

#[test]
fn gains_can_come_out_any_way() {
    let (more, zero, less) = ((0.1, 0.2), (-0.1, 0.1), (-0.2, -0.1));
    let gain = |(low, high)| Gain { gain: estimate(low, high, 96), better: Some(0.75) };
    let cases = [
        (more, more, For, "better than random order in both"),
        (more, zero, Open, "by deletion alone"),
        (zero, more, Open, "by insertion alone"),
        (more, less, Open, "contradict"),
        (less, more, Open, "contradict"),
        (zero, zero, Open, "both intervals hold 0"),
        (less, zero, Against, "worse than random order by deletion"),
        (zero, less, Against, "worse than random order by insertion"),
        (less, less, Against, "worse than random order in both"),
    ];
    for (deletion, insertion, outcome, words) in cases {
        let gains = [&gain(deletion), &gain(insertion)];
        let got = against("Grad-CAM", About::OverRandom, "random order", gains);
        assert_eq!(got.outcome, outcome, "{}", got.text);
        assert!(got.text.contains(words), "{}", got.text);
        assert!(got.text.contains("more than 0 for 75.0 % of them"), "{}", got.text);
    }
    let few = Gain { gain: estimate(0.1, 0.2, 3), better: None };
    let got = against("Grad-CAM", About::OverRandom, "random order", [&few, &gain(more)]);
    assert_eq!(got.outcome, Open);
}

#[test]
fn correlations_can_come_out_any_way() {
    let cases = [
        (0.6, 0.8, Against, "a picture of loudness."),
        (0.3, 0.6, Open, "leans towards what is loud"),
        (-0.1, 0.1, For, "hardly follows loudness"),
        (0.05, 0.1, For, "hardly follows loudness"),
        (-0.3, 0.1, Open, "is not decided"),
        (-0.4, -0.1, Open, "leans towards what is quiet"),
        (-0.9, -0.6, Against, "loudness turned round"),
    ];
    each(&cases, |rho| follows_energy("HiResCAM", rho));
    let mut wide = estimate(-0.1, 0.1, 96);
    (wide.spread.q10, wide.spread.q90) = (Some(-0.7), Some(0.4));
    assert_eq!(follows_energy("HiResCAM", &wide).outcome, Open);
    let cases = [
        (0.6, 0.8, For, "marks the bands that matter"),
        (0.1, 0.6, Open, "tells in part"),
        (0.05, 0.1, Against, "hardly tells"),
        (-0.1, 0.1, Against, "hardly tells"),
        (-0.1, 0.4, Open, "is not decided"),
        (-0.9, -0.1, Against, "matter less"),
    ];
    each(&cases, |rho| occluded("HiResCAM", "bands", About::OcclusionBands, Some(rho)));
    let none = occluded("HiResCAM", "bands", About::OcclusionBands, None);
    assert!(none.outcome == Open && none.text.contains("one cell along them"));
}

#[test]
fn emptiness_can_come_out_any_way() {
    let said = |empty: usize, low, high, units| {
        let right = Count { empty, of: 80 };
        let classes = vec![ClassEmpty { right, wrong: Count { empty: 0, of: 20 } }];
        let mut share = estimate(low, high, units);
        share.spread.mean = Some(empty as f64 / 100.0);
        emptiness("Grad-CAM", &Empty { share, classes })
    };
    let got = said(4, 0.01, 0.08, 50);
    assert_eq!(
        got.text,
        "4.0 % (95 % interval 1.0 % to 8.0 %, 50 songs) of maps of Grad-CAM have no positive \
         value, 4 of 80 where the prediction is right and 0 of 20 where it is wrong: they are \
         rare."
    );
    assert_eq!(got.outcome, For);
    assert_eq!(said(40, 0.3, 0.5, 50).outcome, Against);
    assert_eq!(said(10, 0.05, 0.2, 50).outcome, Open);
    assert_eq!(said(10, 0.2, 0.3, 5).outcome, Open, "too few songs");
    assert!(said(0, 0.0, 0.0, 50).text.contains("every sample has a heatmap"));
}

/// The mean over all orders of four is 12 / 24, by hand.
#[test]
fn chance_is_large_where_cells_are_few() {
    assert!((magnitude_by_chance(4) - 0.5).abs() < 0.05);
    assert!((magnitude_by_chance(101) - 0.08).abs() < 0.001);
}
