// Copies the samples of a batch, by index, out of the resident data set:
//   x[i, …] = samples[order[first + i] - start, …]
// order: [steps · batch], samples: [count, len] (one of the buffers that the set is
// split over, from sample `start` on), x: [n, len].
// Grid: one thread per element of x; threads whose sample lies in another buffer write nothing.
// CPU twin: gather in src/cpu/mod.rs.

override len: u32;
override start: u32;
override count: u32;

@group(0) @binding(1) var<storage, read> order: array<u32>;
@group(0) @binding(2) var<storage, read> samples: array<f32>;
@group(0) @binding(3) var<storage, read_write> x: array<f32>;

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
    x[at] = samples[(sample - start) * len + at % len];
}
