//! Maps that must fail a check, and maps that must pass it.

use super::*;
use crate::data::Part;
use crate::explain::{CellGrid, LayerFacts, ReceptiveSpan, SampleMaps};
use crate::graph::Graph;
use crate::models::Model;
use crate::progress::Silent;
use crate::random::streams::Stream;
use crate::train::initial_parameters;

const SHAPE: [usize; 3] = [16, 16, 1];
/// The one cell of 4 × 4 that the network looks at.
const USED: usize = 5;

/// What a map shows.
#[derive(Clone, Copy)]
enum Shows {
    /// Edges of the sample, whatever the weights.
    Edges,
    /// Noise that weights and sample decide.
    Noise,
    /// The cell that is used.
    Oracle,
    /// Everything but that.
    Opposite,
    /// The level of each cell.
    Level,
    /// The level with a sign that weights decide.
    SignedLevel,
    /// Nothing.
    Nothing,
}

fn grid(layer: &LayerFacts) -> Grid {
    Grid::new(&layer.place, SHAPE)
}

fn layer() -> LayerFacts {
    let cells = CellGrid { first: 0.0, size: 4.0, count: 4 };
    let place = ReceptiveSpan { bands: cells, frames: cells };
    LayerFacts { name: "pool".into(), shape: [4, 4, 2], place }
}

/// A network of two classes that looks at the level of one cell.
struct Fake {
    shows: Shows,
    layer: LayerFacts,
    parameters: Vec<f32>,
}

impl Fake {
    fn map(&self, x: &[f32]) -> Vec<f32> {
        let weights = self.parameters.iter().map(|w| u64::from(w.to_bits())).sum::<u64>();
        let levels = grid(&self.layer).levels(x);
        let cells = levels.len();
        let at = |used: f32, others: f32| {
            (0..cells).map(|i| if i == USED { used } else { others }).collect()
        };
        match self.shows {
            Shows::Edges => {
                let edge = |i: usize| (x[i] - x[(i + 1) % x.len()]).abs();
                let edges: Vec<f32> = (0..x.len()).map(edge).collect();
                grid(&self.layer).levels(&edges).into_iter().map(|v| v as f32).collect()
            }
            Shows::Noise => {
                let bits = x.iter().map(|v| u64::from(v.to_bits())).sum::<u64>();
                let mut stream = Stream::new(weights, &bits.to_string());
                (0..cells).map(|_| stream.between(-1.0, 1.0) as f32).collect()
            }
            Shows::Oracle => at(1.0, 0.0),
            Shows::Opposite => at(0.0, 1.0),
            Shows::Level => levels.into_iter().map(|v| v as f32).collect(),
            Shows::SignedLevel => {
                let sign = if Stream::new(weights, "sign").chance(0.5) { 1.0 } else { -1.0 };
                levels.into_iter().map(|v| sign * v as f32).collect()
            }
            Shows::Nothing => vec![-1.0; cells],
        }
    }
}

impl Network for Fake {
    fn set_parameters(&mut self, parameters: &[f32]) -> Result<()> {
        self.parameters = parameters.to_vec();
        Ok(())
    }

    fn probabilities(&mut self, x: &[f32]) -> Result<Vec<f32>> {
        let row = |x: &[f32]| {
            let p = 1.0
                / (1.0
                    + (-4.0 * grid(&self.layer).levels(x)[USED % grid(&self.layer).cells()]).exp());
            [1.0 - p as f32, p as f32]
        };
        Ok(x.chunks_exact(256).flat_map(row).collect())
    }

    fn maps(&mut self, x: &[f32], targets: &[u32]) -> Result<Vec<SampleMaps>> {
        let rows = self.probabilities(x)?;
        assert_eq!(x.len(), targets.len() * 256);
        let of = |(x, row): (&[f32], &[f32])| {
            let map = self.map(x);
            let maps = Maps { grad_cam: map.clone(), hires_cam: map };
            SampleMaps { probabilities: row.to_vec(), layers: vec![maps] }
        };
        Ok(x.chunks_exact(256).zip(rows.chunks_exact(2)).map(of).collect())
    }
}

/// Two cuts of each of 30 songs, each cell and each element with a level of its own.
fn part() -> Part {
    let mut stream = Stream::new(3, "samples");
    let mut x = Vec::new();
    for _ in 0..60 {
        let levels: Vec<f64> = (0..16).map(|_| stream.between(-1.0, 1.0)).collect();
        let at = |i: usize| levels[i / 64 * 4 + i % 16 / 4];
        x.extend((0..256).map(|i| (at(i) + stream.between(-0.4, 0.4)) as f32));
    }
    let song = (0..60).map(|i| i / 2).collect();
    Part { x, y: (0..60).map(|i| i / 2 % 2).collect(), song: Some(song) }
}

fn graph() -> Graph {
    Model::open("p1").unwrap().graph(SHAPE, 2).unwrap()
}

fn measure(shows: Shows, layer: LayerFacts) -> (Checks, Fake) {
    let (graph, part) = (graph(), part());
    let parameters = initial_parameters(&graph, 5);
    let mut network = Fake { shows, layer: layer.clone(), parameters: parameters.clone() };
    let rows = network.probabilities(&part.x).unwrap();
    let targets = crate::metrics::predictions(&rows, 2).unwrap();
    let maps = network.maps(&part.x, &targets).unwrap();
    let subject = Subject { graph: &graph, parameters: &parameters, layers: &[layer] };
    let explained =
        Explained { part: &part, shape: SHAPE, targets: &targets, maps: &maps, fill: &[0.0; 16] };
    let settings = Settings { samples: 40, ..Settings::default() };
    let checks = trust(&mut network, &subject, &explained, settings, &Silent).unwrap();
    assert_eq!(network.parameters, parameters, "the network has its weights again");
    (checks, network)
}

fn of(shows: Shows) -> Trust {
    let (checks, _) = measure(shows, layer());
    checks.trust.into_iter().next().unwrap()
}

fn outcome(trust: &Trust, about: About) -> Outcome {
    let found = verdicts(trust).grad_cam;
    found.iter().find(|check| check.about == about).unwrap().outcome
}

fn holds_0(gain: &Gain) -> bool {
    let (low, high) = gain.gain.interval_95.unwrap();
    low <= 0.0 && 0.0 <= high
}

#[test]
fn an_edge_detector_survives_randomisation() {
    let edges = of(Shows::Edges);
    let stages = &edges.randomisation.stages;
    assert_eq!(stages.len(), 5);
    for stage in stages {
        let Views { grad_cam, heatmap, hires_cam } = &stage.similarity;
        for similarity in [grad_cam, heatmap, hires_cam] {
            let rho = similarity.rho;
            assert_eq!((rho.spread.n, rho.spread.q10), (40, Some(1.0)), "{}", stage.node);
            assert_eq!(rho.interval_95, Some((1.0, 1.0)));
        }
    }
    assert_eq!(outcome(&edges, About::Randomisation), Outcome::Fails);
}

#[test]
fn a_map_that_follows_the_weights_does_not() {
    let noise = of(Shows::Noise);
    for stage in &noise.randomisation.stages {
        let rho = stage.similarity.grad_cam.rho;
        assert!(rho.spread.mean.unwrap().abs() < 0.1, "{stage:?}");
        assert!(rho.units <= 30 && rho.by_song);
    }
    assert_eq!(outcome(&noise, About::Randomisation), Outcome::Passes);
}

/// Its mean over draws may be anything; each draw has magnitude 1.
#[test]
fn a_pattern_that_comes_back_with_either_sign_is_told() {
    let signed = of(Shows::SignedLevel);
    let last = signed.randomisation.stages.last().unwrap();
    assert!((last.similarity.grad_cam.magnitude.mean.unwrap() - 1.0).abs() < 1e-9);
    let Methods { hires_cam, .. } = verdicts(&signed);
    assert_eq!(hires_cam[0].outcome, Outcome::Fails, "{}", hires_cam[0].reading);
}

#[test]
fn noise_shows_no_faithfulness() {
    let curves = of(Shows::Noise).curves.unwrap();
    assert_eq!((curves.cells, curves.shares.len()), (16, 17));
    for test in [&curves.deletion, &curves.insertion] {
        assert!(holds_0(&test.over_random.grad_cam), "{:?}", test.over_random.grad_cam);
        assert!(holds_0(&test.over_energy.grad_cam), "{:?}", test.over_energy.grad_cam);
    }
}

#[test]
fn an_oracle_shows_it_and_its_opposite_the_opposite() {
    let oracle = of(Shows::Oracle);
    let curves = oracle.curves.as_ref().unwrap();
    for test in [&curves.deletion, &curves.insertion] {
        for gain in [test.over_random.grad_cam, test.over_energy.grad_cam] {
            assert!(gain.gain.interval_95.unwrap().0 > 0.0 && gain.better.unwrap() > 0.6);
        }
    }
    // Once the cell is gone nothing is known, and nothing more is lost.
    let deleted = &curves.deletion.by_map.grad_cam.curve.mean;
    assert!(deleted[0] > 0.75 && deleted[1..].iter().all(|p| (p - 0.5).abs() < 1e-6));
    let inserted = &curves.insertion.by_map.hires_cam.curve.mean;
    assert!((inserted[0] - 0.5).abs() < 1e-6 && (inserted[1] - deleted[0]).abs() < 1e-6);
    let opposite = of(Shows::Opposite);
    for about in [About::OverRandom, About::OcclusionBands, About::OcclusionFrames] {
        assert_eq!(outcome(&oracle, about), Outcome::Passes, "{about:?}");
        assert_eq!(outcome(&opposite, about), Outcome::Fails, "{about:?}");
    }
}

#[test]
fn a_picture_of_loudness_is_told_as_one() {
    let level = of(Shows::Level);
    let rho = level.energy.grad_cam;
    assert_eq!((rho.spread.n, rho.units), (40, 30));
    assert!((rho.spread.q10.unwrap() - 1.0).abs() < 1e-9, "{rho:?}");
    assert_eq!(outcome(&level, About::Energy), Outcome::Fails);
    assert_eq!(outcome(&of(Shows::Noise), About::Energy), Outcome::Passes);
    // Equal orders but for ties, of which there are none: no gain at all.
    let gain = level.curves.unwrap().deletion.over_energy.grad_cam;
    assert_eq!((gain.gain.interval_95, gain.better), (Some((0.0, 0.0)), Some(0.0)));
}

#[test]
fn maps_that_point_at_nothing_are_counted() {
    let nothing = of(Shows::Nothing);
    let empty = &nothing.empty.grad_cam;
    assert_eq!((empty.share.spread.mean, empty.share.spread.n), (Some(1.0), 60));
    let all: usize = empty.classes.iter().map(|class| class.right.of + class.wrong.of).sum();
    assert_eq!((empty.classes.len(), all), (2, 60));
    assert_eq!(outcome(&nothing, About::Empty), Outcome::Fails);
    assert_eq!(outcome(&of(Shows::Oracle), About::Empty), Outcome::Passes);
    // A constant has no rank correlation with anything.
    assert_eq!((nothing.energy.grad_cam.spread.n, nothing.energy.grad_cam.spread.without), (0, 40));
    assert_eq!(outcome(&nothing, About::Randomisation), Outcome::Inconclusive);
}

#[test]
fn each_check_is_made_once() {
    let found = verdicts(&of(Shows::Oracle));
    for checks in [found.grad_cam, found.hires_cam] {
        assert_eq!(checks.len(), 7);
        for check in &checks {
            assert_eq!(checks.iter().filter(|other| other.about == check.about).count(), 1);
            assert!(!check.effects.is_empty(), "{check:?}");
        }
    }
}

#[test]
fn a_layer_of_one_cell_has_no_order_and_no_profile() {
    let cells = CellGrid { first: 0.0, size: 16.0, count: 1 };
    let one = LayerFacts { place: ReceptiveSpan { bands: cells, frames: cells }, ..layer() };
    let (checks, _) = measure(Shows::Level, one);
    let trust = &checks.trust[0];
    assert!(trust.curves.is_none());
    assert_eq!(trust.occlusion, Agreement::default());
    assert_eq!(outcome(trust, About::OverRandom), Outcome::Inconclusive);
}

#[test]
fn the_same_comes_out_again_and_survives_a_file() {
    let (checks, _) = measure(Shows::Noise, layer());
    assert_eq!(checks, measure(Shows::Noise, layer()).0);
    let text = serde_json::to_string(&checks).unwrap();
    assert_eq!(serde_json::from_str::<Checks>(&text).unwrap(), checks);
    // Of the chosen samples, those that are classified correctly.
    let (part, parameters) = (part(), initial_parameters(&graph(), 5));
    let mut network = Fake { shows: Shows::Noise, layer: layer(), parameters };
    let maps = network.maps(&part.x, &vec![0; part.len()]).unwrap();
    let best = |p: &[f32]| (1..p.len()).fold(0, |best, k| if p[k] > p[best] { k } else { best });
    let is_right = |i: &&usize| best(&maps[**i].probabilities) == part.y[**i] as usize;
    let chosen = &checks.trust[0].samples;
    let right = chosen.iter().filter(is_right).count();
    assert_eq!(chosen.len(), 40);
    assert!(0 < right && right < 40, "{right}");
    assert_eq!(checks.occlusion.iter().map(|class| class.n).sum::<usize>(), right);
}

#[test]
fn what_does_not_belong_together_is_refused() {
    let (graph, part) = (graph(), part());
    let parameters = initial_parameters(&graph, 5);
    let mut network = Fake { shows: Shows::Level, layer: layer(), parameters: parameters.clone() };
    let targets = vec![0; 60];
    let maps = network.maps(&part.x, &targets).unwrap();
    let layers = [layer()];
    let subject = Subject { graph: &graph, parameters: &parameters, layers: &layers };
    let fill = [0.0; 16];
    let whole =
        Explained { part: &part, shape: SHAPE, targets: &targets, maps: &maps, fill: &fill };
    let mut said = |explained: &Explained<'_>, subject: &Subject<'_>| {
        let found = trust(&mut network, subject, explained, Settings::default(), &Silent);
        found.unwrap_err().to_string()
    };
    let got = said(&Explained { fill: &fill[..3], ..whole }, &subject);
    assert_eq!(got, "bands of the training set's mean: expected 16, found 3");
    let got = said(&Explained { maps: &maps[..59], ..whole }, &subject);
    assert_eq!(got, "samples with maps: expected 60, found 59");
    let got = said(&Explained { targets: &[7; 60], ..whole }, &subject);
    assert_eq!(got, "labels and targets: expected below 2, found 7");
    let got = said(&whole, &Subject { parameters: &[], ..subject });
    assert!(got.starts_with("weights: expected"), "{got}");
}
