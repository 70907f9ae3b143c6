//! Maps of what a network attends to: against Keras, and against naive loops in f64.

use crate::common::close::assert_close;
use crate::common::naive::{self, Mode};
use crate::common::{cases, golden};
use genre_gpu::device::{Device, Options};
use genre_gpu::explain::{Explainer, Maps};
use genre_gpu::graph::{Graph, Role, Shape};
use genre_gpu::models::Model;
use genre_gpu::train::initial_parameters;
use serde::Deserialize;

/// tests/fixtures/keras/grad_cam.py: P1, trained and rounded, and its maps in float64.
#[derive(Deserialize)]
struct Golden {
    one: f32,
    weights: Vec<Vec<i32>>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    index: usize,
    layer: String,
    target: u32,
    probabilities: Vec<f64>,
    shape: Vec<usize>,
    grad_cam: Vec<f64>,
    hires_cam: Vec<f64>,
}

fn devices() -> Vec<Device> {
    if crate::common::gpu::skipped() { vec![Device::Cpu] } else { vec![Device::Cpu, Device::Gpu] }
}

fn open(graph: &Graph, layers: &[&str], batch: usize, device: Device) -> Explainer {
    let layers: Vec<String> = layers.iter().map(|name| (*name).to_owned()).collect();
    Explainer::open(graph, &layers, batch, device, Options::default()).unwrap()
}

#[test]
fn maps_are_those_of_keras() {
    let golden: Golden =
        serde_json::from_str(include_str!("../fixtures/keras/grad_cam.json")).unwrap();
    let data = golden::data();
    let graph = Model::open("p1").unwrap().graph(data.shape, 4).unwrap();
    let weights: Vec<f32> =
        golden.weights.iter().flatten().map(|w| *w as f32 / golden.one).collect();
    let len = data.shape.iter().product::<usize>();
    let layers = ["max_pooling2d_2", "conv2d_2"];
    for device in devices() {
        // Batches of 5, the last one short.
        let mut explainer = open(&graph, &layers, 5, device);
        explainer.set_parameters(&weights).unwrap();
        let x: Vec<f32> = (golden.cases.iter())
            .flat_map(|case| &data.x_val[case.index * len..][..len])
            .copied()
            .collect();
        let targets: Vec<u32> = golden.cases.iter().map(|case| case.target).collect();
        let found = explainer.maps(&x, &targets).unwrap();
        assert_eq!(found.len(), golden.cases.len());
        for (case, found) in golden.cases.iter().zip(&found) {
            let layer = layers.iter().position(|name| *name == case.layer).unwrap();
            let Maps { grad_cam, hires_cam } = &found.layers[layer];
            let name = format!("{device:?}, {} of {} for {}", case.layer, case.index, case.target);
            assert_close(&name, &[4], &found.probabilities, &case.probabilities, 1e-6, 0.0);
            assert_close(&name, &case.shape, grad_cam, &case.grad_cam, 2e-6, 0.0);
            assert_close(&name, &case.shape, hires_cam, &case.hires_cam, 2e-6, 0.0);
        }
    }
}

/// `Σ_c weight · a` at every position; the weight is the gradient there, or its mean over all.
fn naive_map(c: usize, a: &[f64], g: &[f64], averaged: bool) -> Vec<f64> {
    let positions = a.len() / c;
    let mean = |k: usize| (0..positions).map(|p| g[p * c + k]).sum::<f64>() / positions as f64;
    let weight = |p: usize, k: usize| if averaged { mean(k) } else { g[p * c + k] };
    (0..positions).map(|p| (0..c).map(|k| weight(p, k) * a[p * c + k]).sum()).collect()
}

/// Of P2 and its kin, which have batch norms, dropout and branches: pools by both maps, a layer
/// that ends in a ReLU by HiResCAM, which a gradient before that ReLU gives likewise.
#[test]
fn maps_of_branches_agree_with_naive_loops() {
    let layers = [
        ("p2", vec!["time.norm", "frequency.norm", "time.max", "profile"]),
        ("p2-timbre", vec![]),
        ("p2-bands", vec![]),
    ];
    for (model, names) in layers {
        let graph = Model::open(model).unwrap().graph([80, 12, 1], 3).unwrap();
        let case = cases::Case {
            name: "explain",
            graph,
            batch: 3,
            partial: 2,
            ties: false,
            loss: genre_gpu::backend::Loss::default(),
        };
        let (x, y, mut parameters) = cases::fill(&case, 5);
        // As training starts, but for batch norms, whose figures are those that `fill` draws.
        let initial = initial_parameters(&case.graph, 3);
        for p in case.graph.parameters().iter().filter(|p| p.role == Role::Kernel) {
            parameters[p.range()].copy_from_slice(&initial[p.range()]);
        }
        let wide: Vec<f64> = x.iter().map(|v| f64::from(*v)).collect();
        let tensors = naive::widen(&case.graph, &parameters);
        let want = naive::pass_in(Mode::Evaluate, &case.graph, &tensors, &wide, &y);
        for device in devices() {
            let mut explainer = open(&case.graph, &names, case.batch, device);
            explainer.set_parameters(&parameters).unwrap();
            let found = explainer.maps(&x, &y).unwrap();
            for (k, layer) in explainer.layers().iter().enumerate() {
                let id = case.graph.find(&layer.name).unwrap();
                let Shape::Map { h, w, c } = case.graph.node(id).shape else { panic!() };
                for (i, found) in found.iter().enumerate() {
                    let here = i * h * w * c..(i + 1) * h * w * c;
                    let (a, g) = (&want.values[id.index()], &want.gradients[id.index()]);
                    let (a, g) = (&a[here.clone()], &g[here]);
                    let name = format!("{model} {device:?}, {} of {i}", layer.name);
                    let Maps { grad_cam, hires_cam } = &found.layers[k];
                    let naive = naive_map(c, a, g, false);
                    assert_close(&name, &[h, w], hires_cam, &naive, 2e-6, 5e-6);
                    if !case.graph.ends_in_relu(id) {
                        let naive = naive_map(c, a, g, true);
                        assert_close(&name, &[h, w], grad_cam, &naive, 2e-6, 5e-6);
                    }
                }
            }
        }
    }
}

#[test]
fn unknown_layers_are_reported_with_the_known_ones() {
    let graph = Model::open("p1").unwrap().graph([16, 24, 1], 4).unwrap();
    let layers = ["pool3".to_owned()];
    let error = Explainer::open(&graph, &layers, 2, Device::Cpu, Options::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "--layer: expected a layer with maps, found pool3, which p1 has not; those with maps are conv2d, \
         max_pooling2d, conv2d_1, max_pooling2d_1, conv2d_2, max_pooling2d_2"
    );
}
