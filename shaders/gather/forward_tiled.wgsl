// gather/forward.wgsl by four elements, for w · c % 4 = 0 and kept % 4 = 0:
//   x[i, r, s, k] = samples[order[first + i] - range.first, r, s, k], augmented where the step asks for it
// Shapes as there, x and samples as vec4s:
//
//   sample   ┌────┬────┬────┬──        without augmentation a thread copies a vec4;
//            │ t0 │ t1 │ t2 │          with it, it computes the source of each of its four elements
//            └────┴────┴────┴──
//
// Grid: one thread per vec4 of x. CPU twin: src/ops/gather/cpu.rs.

//!include step, augmentation

override kept: u32;

@group(0) @binding(1) var<storage, read> order: array<u32>;
@group(0) @binding(2) var<storage, read> range: SampleRange;
@group(0) @binding(3) var<storage, read> samples: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> augmentations: array<Augmentation>;
@group(0) @binding(5) var<storage, read_write> x: array<vec4<f32>>;

/// Element `place` of the sample that begins at `origin`, as the augmentation has it.
fn augmented(augmentation: Augmentation, origin: u32, place: u32) -> f32 {
    if is_masked(augmentation, place) {
        return augmentation.fill;
    }
    let source = origin + rolled(augmentation, place);
    return samples[source / 4u][source % 4u] + augmentation.gain;
}

@compute @workgroup_size(64)
fn main(group: Workgroup, @builtin(local_invocation_index) local: u32) {
    let at = thread_index(group, local);
    let i = at / (kept / 4u);
    if i >= step.n {
        return;
    }
    let sample = order[step.first + i];
    if sample < range.first || sample - range.first >= range.count {
        return;
    }
    let place = at % (kept / 4u) * 4u;
    let origin = (sample - range.first) * len;
    if step.augmented == 0u {
        x[at] = samples[(origin + place) / 4u];
        return;
    }
    let augmentation = augmentations[step.first + i];
    x[at] = vec4(
        augmented(augmentation, origin, place),
        augmented(augmentation, origin, place + 1u),
        augmented(augmentation, origin, place + 2u),
        augmented(augmentation, origin, place + 3u),
    );
}
