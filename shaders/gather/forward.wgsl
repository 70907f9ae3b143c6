// Copies the samples of a batch, by index, out of the data set on the device:
//   x[i, r, s, k] = samples[order[first + i] - range.first, r, s, k]
// or the first `kept` elements of each, where a crop alone reads them, and applies augmentation first + i where the step asks for it: frame s is a copy of frame (s + roll) mod w, gain is
// added, and masked bands and frames become `fill`.
// order [steps · batch]; samples [range.count, len], one of the buffers that the data set lies in; augmentations as order;
// x [n, kept] with kept = len = h · w · c but for a crop. Threads whose sample lies in another buffer write nothing.
// Grid: one thread per element of x. CPU twin: src/ops/gather/cpu.rs.

//!include step, augmentation

override kept: u32;

@group(0) @binding(1) var<storage, read> order: array<u32>;
@group(0) @binding(2) var<storage, read> range: SampleRange;
@group(0) @binding(3) var<storage, read> samples: array<f32>;
@group(0) @binding(4) var<storage, read> augmentations: array<Augmentation>;
@group(0) @binding(5) var<storage, read_write> x: array<f32>;

@compute @workgroup_size(64)
fn main(group: Workgroup, @builtin(local_invocation_index) local: u32) {
    let at = thread_index(group, local);
    let i = at / kept;
    if i >= step.n {
        return;
    }
    let sample = order[step.first + i];
    if sample < range.first || sample - range.first >= range.count {
        return;
    }
    let place = at % kept;
    let origin = (sample - range.first) * len;
    if step.augmented == 0u {
        x[at] = samples[origin + place];
        return;
    }
    let augmentation = augmentations[step.first + i];
    if is_masked(augmentation, place) {
        x[at] = augmentation.fill;
        return;
    }
    x[at] = samples[origin + rolled(augmentation, place)] + augmentation.gain;
}
