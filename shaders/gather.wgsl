// Copies the samples of a batch, by index, out of the resident data set:
//   x[i, r, s, k] = samples[order[first + i] - start, r, s, k]
// and varies them where the step says so, as augmentation first + i has it: frame s is taken from frame
// (s + roll) mod w, the level goes up by gain, and masks of bands and of frames put `fill`.
// order: [steps · batch], samples: [count, len] (one of the buffers that the set is
// split over, from sample `start` on), augmentations: as order, x: [n, len] with len = h · w · c.
// Grid: one thread per element of x; threads whose sample lies in another buffer write nothing.
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
@group(0) @binding(2) var<storage, read> samples: array<f32>;
@group(0) @binding(3) var<storage, read> augmentations: array<Augmentation>;
@group(0) @binding(4) var<storage, read_write> x: array<f32>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let at = linear(group, groups, local);
    let i = at / len;
    if (i >= step.n) {
        return;
    }
    let sample = order[step.first + i];
    if (sample < start || sample - start >= count) {
        return;
    }
    let place = at % len;
    let origin = (sample - start) * len;
    if (step.varied == 0u) {
        x[at] = samples[origin + place];
        return;
    }
    let augmentation = augmentations[step.first + i];
    let r = place / (w * c);
    let s = place / c % w;
    // A difference below 0 wraps to more than any count.
    if (r - augmentation.band < augmentation.bands || s - augmentation.frame < augmentation.frames) {
        x[at] = augmentation.fill;
        return;
    }
    let rolled = (s + augmentation.roll) % w;
    x[at] = samples[origin + (r * w + rolled) * c + place % c] + augmentation.gain;
}
