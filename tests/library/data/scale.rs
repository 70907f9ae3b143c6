//! Scales.

use genre_gpu::data::{Scale, ScaleKind};
use genre_gpu::error::{DataProblem, Error};

use super::files::{Files, ramp};

/// 200,000 values in dB, more than one chunk of the sums.
fn decibels() -> Vec<f32> {
    (0u32..200_003).map(|i| -80.0 + (i.wrapping_mul(2_654_435_761) >> 8) as f32 * 4.7e-6).collect()
}

#[test]
fn standard_has_mean_0_and_population_deviation_1() {
    let mut x = decibels();
    let n = x.len() as f64;
    let mean = x.iter().map(|&v| f64::from(v)).sum::<f64>() / n;
    let variance = x.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / n;
    let scale = Scale::fit(ScaleKind::Standard, &x).unwrap();
    assert!((f64::from(scale.offset) - mean).abs() < 4e-6, "{scale:?} {mean}");
    assert!((f64::from(scale.factor) * variance.sqrt() - 1.0).abs() < 1e-7, "{scale:?}");
    // Two values: the population deviation is 1, the sample deviation would be √2.
    let two = Scale::fit(ScaleKind::Standard, &[2.0, 4.0]).unwrap();
    assert_eq!((two.offset, two.factor), (3.0, 1.0));

    let before = x.clone();
    scale.apply(&mut x);
    let by_hand = before.iter().map(|v| (v - scale.offset) * scale.factor);
    assert!(x.iter().copied().eq(by_hand));
}

#[test]
fn min_max_and_none() {
    let mut x = vec![-80.0, -60.0, 0.0, -20.0];
    let scale = Scale::fit(ScaleKind::MinMax, &x).unwrap();
    assert_eq!((scale.offset, scale.factor), (-80.0, 0.0125));
    scale.apply(&mut x);
    assert_eq!(x, [0.0, 0.25, 1.0, 0.75]);
    let none = Scale::fit(ScaleKind::None, &x).unwrap();
    assert_eq!(none, Scale::NONE);
    let before = x.clone();
    none.apply(&mut x);
    assert_eq!(x, before);
}

#[test]
fn the_same_for_any_number_of_threads() {
    let x = decibels();
    let fit = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| Scale::fit(ScaleKind::Standard, &x).unwrap())
    };
    let one = fit(1);
    assert!([2, 3, 7].into_iter().all(|threads| fit(threads) == one));
}

#[test]
fn no_spread_is_an_error() {
    // The mean of many 0.1 is not 0.1: the deviation comes out tiny, not 0.
    for x in [vec![-80.0; 30], vec![0.1; 100_003], vec![0.0; 2], vec![]] {
        for kind in [ScaleKind::Standard, ScaleKind::MinMax] {
            let error = Scale::fit(kind, &x).unwrap_err();
            assert!(error.to_string().contains("--scale none"), "{error}");
            let Error::Data { problem, .. } = error else { panic!("{error}") };
            let DataProblem::Unscalable { scale, .. } = problem else { panic!("{problem}") };
            assert_eq!(scale, kind.as_str());
        }
        assert!(Scale::fit(ScaleKind::None, &x).is_ok());
    }
    assert!(Scale::fit(ScaleKind::MinMax, &[f32::MIN, f32::MAX]).is_err());
}

#[test]
fn text_forms_keep_every_bit() {
    assert_eq!(serde_json::to_value(ScaleKind::MinMax).unwrap(), "minmax");
    for i in 0..20_000u32 {
        let bits = |salt: u32| f32::from_bits((i ^ salt).wrapping_mul(2_654_435_761));
        let (offset, factor) = (bits(0), bits(0x5bd1_e995));
        if !(offset.is_finite() && factor.is_finite()) {
            continue;
        }
        let scale = Scale { kind: ScaleKind::Standard, offset, factor };
        let json: Scale = serde_json::from_str(&serde_json::to_string(&scale).unwrap()).unwrap();
        let toml: Scale = toml::from_str(&toml::to_string(&scale).unwrap()).unwrap();
        assert_eq!((json, toml), (scale, scale));
    }
}

#[test]
fn a_dataset_is_scaled_by_its_training_set() {
    let mut data = Files::good().load().unwrap();
    let hash = data.hash.clone();
    let scale = Scale::fit(ScaleKind::Standard, &data.train.x).unwrap();
    data.apply(&scale);
    let want: Vec<f32> = ramp(2).iter().map(|v| (v - scale.offset) * scale.factor).collect();
    assert_eq!(data.val.x, want);
    assert_eq!(data.test.x, want);
    assert_eq!(data.train.x[..30], want);
    assert_eq!(data.hash, hash);
}
