//! What the built-in models become on a GPU, as text: every dispatch with its constants and its grid. A
//! change of a kernel, of a rule of fusion or of a grid shows here.

use std::fmt::Write;

use genre_gpu::check::cases;
use genre_gpu::gpu::{KernelVariant, Recording, TileConfig};
use genre_gpu::models::Model;
use genre_gpu::plan::Plan;

const SAMPLES: usize = 3360;

fn recording(model: &str, samples: usize) -> Recording {
    let graph = Model::open(model).unwrap().graph([80, 80, 1], 4).unwrap();
    Recording::new(Plan::new(graph, 32).unwrap(), samples, &TileConfig::Narrow.into()).unwrap()
}

/// Kernels, nodes, constants and grids; then the buffers.
fn text(recording: &Recording) -> String {
    let mut text = String::new();
    for (i, dispatch) in recording.dispatches.iter().enumerate() {
        let passes = &recording.passes;
        let mark = |pass: &[usize], mark| if pass.contains(&i) { mark } else { '-' };
        let marks = [(&passes.train, 't'), (&passes.evaluate, 'e'), (&passes.explain, 'x')];
        let marks: String = marks.map(|(pass, letter)| mark(pass, letter)).into_iter().collect();
        let constants = dispatch.constants.iter().map(|(name, value)| format!("{name}={value}"));
        let constants = constants.collect::<Vec<_>>().join(" ");
        let (kernel, node, groups) = (dispatch.kernel, &dispatch.node, dispatch.groups);
        let buffers = dispatch.bindings.iter().map(|binding| match binding.offset {
            0 => binding.buffer.to_string(),
            offset => format!("{}+{offset}", binding.buffer),
        });
        let buffers = buffers.collect::<Vec<_>>().join(" ");
        writeln!(text, "{marks} {kernel} of {node}, {groups:?}: {constants}; {buffers}").unwrap();
    }
    for (i, buffer) in recording.buffers.iter().enumerate() {
        writeln!(text, "{i} {}: {}", buffer.name, buffer.bytes).unwrap();
    }
    text
}

fn check(model: &str, golden: &str) {
    let got = text(&recording(model, SAMPLES));
    if std::env::var_os("GENRE_GPU_WRITE_FIXTURES").is_some() {
        let path = format!("{}/tests/fixtures/recordings/{model}.txt", env!("CARGO_MANIFEST_DIR"));
        std::fs::write(path, &got).unwrap();
        return;
    }
    let line = got.lines().zip(golden.lines()).position(|(got, want)| got != want);
    let line = line.unwrap_or(got.lines().count().min(golden.lines().count()));
    assert!(got == golden, "tests/fixtures/recordings/{model}.txt, line {}:\n{got}", line + 1);
}

#[test]
fn p1_becomes_these_dispatches() {
    check("p1", include_str!("../fixtures/recordings/p1.txt"));
}

#[test]
fn p2_becomes_these_dispatches() {
    check("p2", include_str!("../fixtures/recordings/p2.txt"));
}

/// What every implementation of WebGPU offers: 8 storage buffers, bindings of 128 MiB at multiples of
/// 256 bytes, within their buffers.
#[test]
fn recordings_keep_to_what_webgpu_guarantees() {
    for model in ["p1", "p2"] {
        // Samples in more than one buffer.
        let recording = recording(model, 6000);
        assert!(recording.roles.samples.len() > 1);
        for dispatch in &recording.dispatches {
            let kernel = &recording.kernels[dispatch.kernel];
            assert_eq!(kernel.bindings.len(), dispatch.bindings.len() + 1);
            assert!(kernel.bindings.iter().filter(|access| **access != "uniform").count() <= 8);
            assert!(dispatch.groups.iter().all(|n| (1..=65_535).contains(n)));
            for binding in &dispatch.bindings {
                let size = recording.buffers[binding.buffer].bytes;
                assert!(binding.offset % 256 == 0 && binding.bytes <= 128 << 20);
                assert!(binding.offset + binding.bytes <= size, "{}", dispatch.kernel);
            }
        }
        let in_buffers: usize = recording.roles.samples.iter().map(|(_, count)| count).sum();
        assert_eq!(in_buffers, 6000);
    }
}

/// Browsers refuse a dispatch that writes what it binds twice.
#[test]
fn no_dispatch_binds_twice_what_it_writes() {
    for (op, make) in cases::ALL {
        for case in make() {
            for variant in KernelVariant::ALL {
                for tiles in TileConfig::ALL {
                    let plan = case.plan().unwrap();
                    let recording =
                        Recording::with_kernels(plan, 20, variant, &tiles.into(), 1).unwrap();
                    for dispatch in &recording.dispatches {
                        let accesses = &recording.kernels[dispatch.kernel].bindings[1..];
                        let all: Vec<_> = dispatch.bindings.iter().zip(accesses).collect();
                        for (i, (a, of_a)) in all.iter().enumerate() {
                            for (b, of_b) in &all[i + 1..] {
                                let apart = a.buffer != b.buffer
                                    || a.offset + a.bytes <= b.offset
                                    || b.offset + b.bytes <= a.offset;
                                let read = **of_a != "write" && **of_b != "write";
                                let what = (op, case.name, dispatch.kernel);
                                assert!(
                                    apart || read,
                                    "{what:?}, {variant:?}, {tiles:?}: {a:?} {b:?}"
                                );
                            }
                        }
                    }
                }
            }
        }
    }
}
