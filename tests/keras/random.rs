//! Initial weights and sample orders against those of real Keras, bit for bit.

use genre_gpu::random::keras::{LayerSeeds, Shuffle, glorot_uniform};
use serde_json::Value;

fn fixture() -> Value {
    let text = include_str!("../fixtures/keras/rng.json");
    serde_json::from_str(text).unwrap()
}

fn numbers(value: &Value) -> Vec<u64> {
    value.as_array().unwrap().iter().map(|v| v.as_u64().unwrap()).collect()
}

#[test]
fn layer_seeds_are_those_of_python() {
    let want = numbers(&fixture()["seeds"]);
    let mut seeds = LayerSeeds::new(42);
    let got: Vec<u64> = want.iter().map(|_| u64::from(seeds.draw())).collect();
    assert_eq!(got, want);
}

#[test]
fn glorot_kernels_have_keras_bits() {
    let kernels = &fixture()["kernels_64x88x1"];
    let kernels = kernels.as_object().unwrap();
    assert_eq!(kernels.len(), 5);
    for (name, want) in kernels {
        let shape: Vec<usize> = numbers(&want["shape"]).iter().map(|&n| n as usize).collect();
        let kernel = glorot_uniform(&shape, want["seed"].as_u64().unwrap() as u32);
        let bits: Vec<u32> = kernel.iter().map(|w| w.to_bits()).collect();
        let hex = |bits: &[u32]| bits.iter().map(|b| format!("{b:08x}")).collect::<Vec<_>>();
        assert_eq!(Value::from(hex(&bits[..8])), want["first8"], "{name}");
        assert_eq!(Value::from(hex(&bits[bits.len() - 4..])), want["last4"], "{name}");
        let xor = bits.iter().fold(0, |a, b| a ^ b);
        assert_eq!(format!("{xor:08x}"), want["xor"].as_str().unwrap(), "{name}");
        let sum: u64 = bits.iter().map(|&b| u64::from(b)).sum();
        assert_eq!(sum, want["sum_bits"].as_u64().unwrap(), "{name}");
    }
}

#[test]
fn sample_orders_are_those_of_keras_in_both_modes() {
    let cases = &fixture()["permutations_keras215"];
    for (n, case) in cases.as_object().unwrap() {
        let n: usize = n.parse().unwrap();
        let epochs = case["first16"].as_object().unwrap();
        assert_eq!(epochs.len(), 20);
        for (epoch, first) in epochs {
            let e = epoch.parse::<usize>().unwrap() - 1;
            let order = Shuffle::Keras2.order(42, n, e);
            let head: Vec<u64> = order.iter().take(16).map(|&i| u64::from(i)).collect();
            assert_eq!(head, numbers(first), "n {n}, epoch {epoch}");
            let check = (order.iter().enumerate())
                .fold(0u32, |sum, (i, &p)| sum.wrapping_add((i as u32).wrapping_mul(p)));
            assert_eq!(u64::from(check), case["check"][epoch].as_u64().unwrap(), "n {n}");
        }
        let first = Shuffle::Keras2.order(42, n, 0);
        assert_eq!(Shuffle::Keras3.order(42, n, 0), first);
        assert_eq!(Shuffle::Keras3.order(42, n, 19), first, "Keras 3 repeats its first order");
    }
}

#[test]
fn other_seeds_than_42_give_keras_weights_and_orders_too() {
    let rows: Value = serde_json::from_str(include_str!("../fixtures/keras/seeds.json")).unwrap();
    assert_eq!(rows.as_array().unwrap().len(), 8);
    for row in rows.as_array().unwrap() {
        let seed = row["seed"].as_u64().unwrap() as u32;
        let order: Vec<u64> = numbers(&row["order"]);
        let got = Shuffle::Keras3.order(seed, order.len(), 0);
        assert_eq!(got.iter().map(|&i| u64::from(i)).collect::<Vec<_>>(), order, "seed {seed}");
        let mut seeds = LayerSeeds::new(seed);
        for (name, shape) in [("dense_1x3", [1, 3]), ("dense_3x2", [3, 2])] {
            let kernel = glorot_uniform(&shape, seeds.draw());
            let bits: Vec<String> = kernel.iter().map(|w| format!("{:08x}", w.to_bits())).collect();
            assert_eq!(Value::from(bits), row[name], "seed {seed}, {name}");
        }
    }
}
