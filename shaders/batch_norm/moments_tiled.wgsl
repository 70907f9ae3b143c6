// batch_norm/moments.wgsl by four channels, for c % 4 = 0:
//   parts[p, 0, c] = mean over the part's positions of x[n, position, c]
//   parts[p, 1, c] = Σ (x[n, position, c] - that mean)²
// Shapes and parts as there, as vec4s; a thread walks down its four channels twice:
//
//   x, one sample      c 0..3   4..7   …
//   position 0        ┌───────┬──────┬──
//            1        │ t 0   │ t 1  │        rows_per_part positions of 4 channels per thread:
//            ⋮        │   ↓   │   ↓  │        short enough to be in a cache the second time
//   rows_per_part     ├───────┼──────┼──
//
// Grid: one thread per part and four channels. CPU twin: src/ops/batch_norm/cpu.rs.

//!include step

override rows: u32;
override c: u32;
override rows_per_part: u32;
override parts_per_sample: u32;

@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> parts: array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(group: Workgroup, @builtin(local_invocation_index) local: u32) {
    let at = thread_index(group, local);
    let fours = c / 4u;
    let part = at / fours;
    let n = part / parts_per_sample;
    if n >= step.n {
        return;
    }
    let q = at % fours;
    let first = part % parts_per_sample * rows_per_part;
    let end = min(first + rows_per_part, rows);
    let begin = (n * rows + first) * fours + q;
    let beyond = (n * rows + end) * fours;
    var sum = vec4(0.0);
    for (var i = begin; i < beyond; i += fours) {
        sum += x[i];
    }
    let mean = sum / f32(end - first);
    var squares = vec4(0.0);
    for (var i = begin; i < beyond; i += fours) {
        let d = x[i] - mean;
        squares = fma(d, d, squares);
    }
    parts[part * 2u * fours + q] = mean;
    parts[(part * 2u + 1u) * fours + q] = squares;
}
