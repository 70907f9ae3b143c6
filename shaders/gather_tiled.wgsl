// gather by fours of elements, for w · c % 4 = 0:
//   x[i, r, s, k] = samples[order[first + i] - start, r, s, k], varied as the sample's augmentation says
// Shapes and augmentations as there, x and samples as vec4s. Without augmentations a thread copies a four; with them it looks at
// each of its elements. A real GPU is bound by reading and writing.
// Grid: one thread per four of x; threads whose sample lies in another buffer write nothing.
// CPU twin: src/cpu/gather.rs.

override len: u32;
override w: u32;
override c: u32;
override start: u32;
override count: u32;

struct Augmentation {
    roll: u32,
    band: u32,   // first band that is covered, and how many
    bands: u32,
    frame: u32,  // likewise frames
    frames: u32,
    gain: f32,
    fill: f32,
}

@group(0) @binding(1) var<storage, read> order: array<u32>;
@group(0) @binding(2) var<storage, read> samples: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> augmentations: array<Augmentation>;
@group(0) @binding(4) var<storage, read_write> x: array<vec4<f32>>;

/// Element `place` of the sample that begins at `origin`, as the augmentation has it.
fn varied(augmentation: Augmentation, origin: u32, place: u32) -> f32 {
    let r = place / (w * c);
    let s = place / c % w;
    // A difference below 0 wraps to more than any count.
    if r - augmentation.band < augmentation.bands || s - augmentation.frame < augmentation.frames {
        return augmentation.fill;
    }
    let source = origin + (r * w + (s + augmentation.roll) % w) * c + place % c;
    return samples[source / 4u][source % 4u] + augmentation.gain;
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let at = linear(group, groups, local);
    let i = at / (len / 4u);
    if i >= step.n {
        return;
    }
    let sample = order[step.first + i];
    if sample < start || sample - start >= count {
        return;
    }
    let place = at % (len / 4u) * 4u;
    let origin = (sample - start) * len;
    if step.varied == 0u {
        x[at] = samples[(origin + place) / 4u];
        return;
    }
    let augmentation = augmentations[step.first + i];
    x[at] = vec4(
        varied(augmentation, origin, place),
        varied(augmentation, origin, place + 1u),
        varied(augmentation, origin, place + 2u),
        varied(augmentation, origin, place + 3u),
    );
}
