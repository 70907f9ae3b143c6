//! The model of GPUs on what the built-in models become: every kernel in every form and tile is
//! interpreted. No adapter is needed.

use genre_gpu::check::OPTIMIZERS;
use genre_gpu::gpu::{Hardware, KernelVariant, Recording, StepProfile, TileConfig};
use genre_gpu::models::Model;
use genre_gpu::plan::Plan;

fn profile(
    model: &str,
    input: [usize; 2],
    variant: KernelVariant,
    tiles: TileConfig,
) -> StepProfile {
    let graph = Model::open(model).unwrap().graph([input[0], input[1], 1], 4).unwrap();
    let plan = Plan::new(graph, 8).unwrap();
    let recording = Recording::with_kernels(plan, 100, variant, &tiles.into(), 1).unwrap();
    let profile = StepProfile::of(&recording).unwrap();
    assert_eq!(profile.dispatches.len(), recording.passes.train.len());
    assert_eq!(profile.steps, 13);
    profile
}

#[test]
fn every_kernel_of_both_models_is_interpreted_in_every_form_and_tile() {
    for (model, input) in [("p1", [24, 32]), ("p2", [40, 25])] {
        for variant in KernelVariant::ALL {
            for tiles in TileConfig::ALL {
                let profile = profile(model, input, variant, tiles);
                for dispatch in &profile.dispatches {
                    let what = format!("{model} {variant:?} {tiles:?} {}", dispatch.kernel);
                    assert!(dispatch.mean.issue > 0.0 && dispatch.mean.stores > 0.0, "{what}");
                    assert!((1.0..=32.0).contains(&dispatch.lines_per_load()), "{what}");
                    assert!((1..1000).contains(&dispatch.registers), "{what}");
                }
            }
        }
    }
}

#[test]
fn every_optimiser_is_interpreted_and_takes_its_dispatches() {
    for (what, optimizer) in OPTIMIZERS {
        for tiles in TileConfig::ALL {
            let recording = |replicas| {
                let graph = Model::open("p2").unwrap().graph([40, 25, 1], 4).unwrap();
                let plan = Plan::new(graph, 8).unwrap();
                let kernels = (KernelVariant::Fused, &tiles.into());
                Recording::with_optimizer(plan, 100, kernels, replicas, &optimizer).unwrap()
            };
            let one = recording(1);
            let updates = one.dispatches.iter().filter(|dispatch| {
                ["sgd_", "optimizer_"].iter().any(|folder| dispatch.kernel.starts_with(folder))
            });
            let clips = optimizer.clip_norm.is_some();
            assert_eq!(updates.count(), if clips { 2 } else { 1 }, "{what}");
            let two_moments = one.roles.moments.map(|buffer| one.buffers[buffer].bytes);
            assert_eq!(two_moments.is_some(), optimizer.has_second_moment(), "{what}");
            for recording in [one, recording(3)] {
                let profile = StepProfile::of(&recording).unwrap();
                let last = profile.dispatches.last().unwrap();
                assert!(last.mean.issue > 0.0 && last.mean.stores > 0.0, "{what}");
            }
        }
    }
}

#[test]
fn a_step_takes_at_least_its_launches_and_its_longest_dispatch() {
    let profile = profile("p1", [24, 32], KernelVariant::Fused, TileConfig::Narrow);
    for hardware in Hardware::ALL {
        let on = profile.on(&hardware);
        let launches = profile.dispatches.len() as f64 * hardware.launch;
        let longest = on.dispatches.iter().map(|dispatch| dispatch.seconds).fold(0.0, f64::max);
        assert!(longest > 0.0 && on.step_seconds > launches + longest, "{}", hardware.name);
        assert!((on.epoch_seconds / on.step_seconds - 13.0).abs() < 1e-9);
        // Half the clock, or twice the launch: never faster.
        let slower = Hardware { clock: hardware.clock / 2.0, ..hardware };
        assert!(profile.on(&slower).step_seconds > on.step_seconds);
        let later = Hardware { launch: hardware.launch * 2.0, ..hardware };
        let added = profile.on(&later).step_seconds - on.step_seconds;
        assert!((added / launches - 1.0).abs() < 1e-6);
    }
}
