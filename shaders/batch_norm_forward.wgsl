// Batch normalisation with the figures that batch_norm_figures left:
//   y[n, r, c] = f((x[n, r, c] - figures[0, c]) · (gamma[c] · figures[1, c]) + beta[c])
// f is ReLU or the identity. x, y: [n, len], c the last axis; gamma, beta: [c].
// Grid: one thread per element of y. CPU twin: src/cpu/batch_norm.rs.

override len: u32;
override c: u32;
override relu: bool;

@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> figures: array<f32>;
@group(0) @binding(3) var<storage, read> gamma: array<f32>;
@group(0) @binding(4) var<storage, read> beta: array<f32>;
@group(0) @binding(5) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let at = linear(group, groups, local);
    if (at >= step.n * len) {
        return;
    }
    let k = at % c;
    var v = (x[at] - figures[k]) * (gamma[k] * figures[c + k]) + beta[k];
    // Not max, which would hide a NaN.
    if (relu && v < 0.0) {
        v = 0.0;
    }
    y[at] = v;
}
