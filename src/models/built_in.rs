//! The built-in models: P1, its variants as controls, P2, and P2 with parts left out.

/// Name, text and description of each model.
pub(super) const BUILT_IN: [(&str, &str, &str); 13] = [
    ("p1", include_str!("p1.toml"), "the assignment's CNN: three 5x5 convolutions, a dense layer"),
    ("p1-aug", include_str!("p1-aug.toml"), "control: P1 with P2's augmentation"),
    ("p1-bn", include_str!("p1-bn.toml"), "control: P1 with batch normalisation and dropout"),
    ("p1-bn-aug", include_str!("p1-bn-aug.toml"), "control: p1-bn with all of P2's recipe"),
    ("p1-bn-low", include_str!("p1-bn-low.toml"), "control: p1-bn-aug on P2's bands only"),
    ("p2", include_str!("p2.toml"), "filters along time beside filters along frequency"),
    ("p2-full", include_str!("p2-full.toml"), "control: P2 on all bands"),
    ("p2-square", include_str!("p2-square.toml"), "control: P2 with square filters instead"),
    ("p2-time", include_str!("p2-time.toml"), "ablation: P2 without filters along frequency"),
    ("p2-frequency", include_str!("p2-frequency.toml"), "ablation: P2 without filters along time"),
    ("p2-timbre", include_str!("p2-timbre.toml"), "ablation: P2 with the band levels alone"),
    ("p2-rhythm", include_str!("p2-rhythm.toml"), "ablation: P2 without the band levels"),
    ("p2-bands", include_str!("p2-bands.toml"), "variant: mel bands as channels of a 1-D CNN"),
];

/// Name and description of each built-in model.
pub fn built_in() -> impl Iterator<Item = (&'static str, &'static str)> {
    BUILT_IN.iter().map(|(name, _, description)| (*name, *description))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{Graph, Op};
    use crate::models::Model;

    /// The course's spectrograms, librosa's two seconds, and coarser ones.
    const INPUTS: [[usize; 3]; 3] = [[80, 80, 1], [128, 87, 1], [128, 25, 1]];

    fn graph(name: &str, input: [usize; 3]) -> Graph {
        Model::open(name).unwrap().graph(input, 4).unwrap()
    }

    /// Runs of older versions, whose checkpoints have it, could not be resumed.
    #[test]
    fn the_hash_of_p1_is_that_of_older_versions() {
        let p1 = Model::open("p1").unwrap().graph([16, 12, 1], 3).unwrap();
        assert_eq!(p1.hash(), "49090122ad7bb51108643f3bce406a6e");
    }

    #[test]
    fn each_has_a_rationale_and_fits_the_usual_inputs() {
        for (name, ..) in BUILT_IN {
            assert!(Model::open(name).unwrap().rationale.len() > 100, "{name}");
            for input in INPUTS {
                graph(name, input);
            }
        }
    }

    #[test]
    fn the_least_input_fits_and_no_smaller_one() {
        for (name, ..) in BUILT_IN {
            let model = Model::open(name).unwrap();
            let [h, w] = model.least_input(4).unwrap();
            graph(name, [h, w, 1]);
            for size in [[h - 1, 999, 1], [999, w - 1, 1]] {
                if !size.contains(&0) {
                    let error = model.graph(size, 4).unwrap_err().to_string();
                    let told = format!("needs at least {h} mel bands x {w} frames");
                    assert!(error.contains(&told), "{error}");
                }
            }
        }
        assert_eq!(Model::open("p2").unwrap().least_input(10), Some([18, 1]));
        assert_eq!(Model::open("p1").unwrap().least_input(10), Some([8, 8]));
    }

    #[test]
    fn p2_and_its_parts_have_no_more_parameters_than_p1() {
        for (name, ..) in BUILT_IN.iter().filter(|(name, ..)| name.starts_with("p2")) {
            for input in INPUTS {
                let most = graph("p1", input).trainable_count();
                assert!(graph(name, input).trainable_count() <= most, "{name} at {input:?}");
            }
        }
    }

    /// The differences between a control and its original.
    #[test]
    fn controls_differ_only_in_their_purpose() {
        let recipe = |name: &str| {
            let mut file: toml::Table = Model::open(name).unwrap().text.parse().unwrap();
            file.remove("train").map_or_else(toml::Table::new, |train| train.try_into().unwrap())
        };
        let p2 = recipe("p2");
        let parts = BUILT_IN.iter().map(|(name, ..)| *name).filter(|name| name.starts_with("p2"));
        for name in parts.chain(["p1-bn-aug", "p1-bn-low"]) {
            assert_eq!(recipe(name), p2, "{name}");
        }
        assert_eq!(recipe("p1-bn"), recipe("p1"));
        let mut augmented = recipe("p1");
        augmented.insert("augment".into(), p2["augment"].clone());
        assert_eq!(recipe("p1-aug"), augmented);
        let nodes = |name: &str| {
            let nodes = graph(name, INPUTS[0]).nodes().to_vec();
            nodes.into_iter().map(|node| (node.name, node.op)).collect::<Vec<_>>()
        };
        assert_eq!(nodes("p1-aug"), nodes("p1"));
        assert_eq!(nodes("p1-bn-aug"), nodes("p1-bn"));
        let mut low = nodes("p1-bn-low");
        assert_eq!(low.remove(1), ("low".to_owned(), Op::Crop { bands: 70 }));
        assert_eq!(low, nodes("p1-bn"));
        let mut full = nodes("p2");
        assert_eq!(full.remove(1), ("low".to_owned(), Op::Crop { bands: 70 }));
        assert_eq!(nodes("p2-full"), full);
        // What an ablation leaves out.
        let without = |out: &[&str]| {
            let mut all = nodes("p2");
            all.retain(|(name, _)| !out.iter().any(|part| name.starts_with(part)));
            all
        };
        for (name, out) in [
            ("p2-time", &["frequency."][..]),
            ("p2-frequency", &["time."]),
            ("p2-timbre", &["time.", "frequency."]),
            ("p2-rhythm", &["level."]),
        ] {
            assert_eq!(nodes(name), without(out), "{name}");
        }
        let profile = |name: &str| {
            let graph = graph(name, INPUTS[0]);
            graph.node(graph.find("profile").unwrap()).shape
        };
        assert_eq!(profile("p2-square"), profile("p2"));
        let mut square = nodes("p2-square");
        square.retain(|(name, _)| !name.starts_with("square."));
        assert_eq!(square, nodes("p2-timbre"));
    }
}
