//! The golden data and runs of real Keras (tests/fixtures/keras).

use serde::Deserialize;

#[derive(Deserialize)]
struct File {
    h: usize,
    w: usize,
    x: Vec<i8>,
    y: Vec<u32>,
    xv: Vec<i8>,
    yv: Vec<u32>,
}

/// Training and validation images, `x = q/32` exactly.
pub struct Data {
    pub shape: [usize; 3],
    pub x: Vec<f32>,
    pub y: Vec<u32>,
    pub x_val: Vec<f32>,
    pub y_val: Vec<u32>,
}

pub fn data() -> Data {
    let file: File = serde_json::from_str(include_str!("../fixtures/keras/data.json")).unwrap();
    let scale = |q: &[i8]| q.iter().map(|&q| f32::from(q) / 32.0).collect();
    Data {
        shape: [file.h, file.w, 1],
        x: scale(&file.x),
        y: file.y,
        x_val: scale(&file.xv),
        y_val: file.yv,
    }
}

#[derive(Deserialize)]
pub struct History {
    pub loss: Vec<f64>,
    pub accuracy: Vec<f64>,
    pub val_loss: Vec<f64>,
    pub val_accuracy: Vec<f64>,
}

/// What Keras reported of a run.
#[derive(Deserialize)]
pub struct Run {
    pub lr: f32,
    pub history: History,
    pub final_weight_norms: Vec<f64>,
    pub final_weight_head: Vec<Vec<f64>>,
    pub val_probs_head: Vec<Vec<f64>>,
}

/// By its file's name, e.g. `k2_f64_lr05`.
pub fn run(name: &str) -> Run {
    let path = format!("{}/tests/fixtures/keras/run_{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}
