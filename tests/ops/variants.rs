//! What holds for the cases of all ops together.

use std::collections::BTreeSet;

use genre_gpu::check::OPTIMIZERS;
use genre_gpu::gpu::{KERNELS, KernelVariant, Recording, TileConfig};

use crate::SUITES;
use crate::common::backend::Implementation;
use crate::common::{gpu, levels, plan};

/// Every kernel but those of the bench is compared with the reference in one variant or another.
#[test]
fn every_variant_brings_kernels_of_its_own_and_all_kernels_are_used() {
    if gpu::skipped() {
        return;
    }
    let mut ran = BTreeSet::new();
    let mut run = |implementation| {
        let before = ran.len();
        for suite in SUITES {
            let cases = suite.results(implementation).unwrap();
            ran.extend(cases.iter().flat_map(|recorded| recorded.kernels.iter().copied()));
        }
        ran.len() > before
    };
    for variant in Implementation::VARIANTS {
        assert!(run(variant), "{variant:?} brings no kernel of its own");
    }
    // Tiles of hardware have kernels of their own, too.
    run(Implementation::GpuFusedNarrow);
    // And optimisers, which tests/ops/optimizer.rs compares.
    let case = &SUITES[0].cases()[0].case;
    for (_, optimizer) in &OPTIMIZERS {
        let (plan, tiles) = (plan::of(&case.graph, case.batch), TileConfig::Narrow.into());
        let kernels = (KernelVariant::default(), &tiles);
        let recording = Recording::with_optimizer(plan, 1, kernels, 1, optimizer).unwrap();
        ran.extend(recording.kernels.keys().copied());
    }
    let all = KERNELS.iter().map(|kernel| kernel.name).filter(|name| !name.starts_with("bench_"));
    assert_eq!(ran, all.collect());
}

#[test]
fn the_first_layer_never_computes_its_input_gradient() {
    for case in SUITES.iter().flat_map(|suite| suite.cases()).map(|prepared| &prepared.case) {
        let plan = plan::of(&case.graph, case.batch);
        for id in case.graph.ids() {
            for (i, input) in case.graph.node(id).inputs.iter().enumerate() {
                let skipped = plan::skips_input_gradient(&plan, id, i);
                assert!(skipped || *input != case.graph.input(), "{}", case.name);
            }
        }
    }
}

/// All that the CPU is compared in, with vectors of each width.
#[test]
fn the_cpu_agrees_at_every_vector_level() {
    levels::again(&["::cpu"]);
}
