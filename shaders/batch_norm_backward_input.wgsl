// Gradient of a batch norm at its input, through mean and variance too:
//   dx = gamma · inv_std · (dz - dbeta / N - (x - mean) · inv_std · dgamma / N),  N = n · rows
//   and gamma · inv_std · dz in evaluation, where these are fixed,
//   masked by x > 0 where the layer below ends in a ReLU; `add` adds to what is there
// x, dz, dx: [n, rows, c]; figures: [2, c] (mean, inv_std); gamma, dgamma, dbeta: [c].
// Grid: one thread per element of dx. CPU twin: src/cpu/batch_norm.rs.

override rows: u32;
override c: u32;
override mask: bool;
override add: bool;

@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> dz: array<f32>;
@group(0) @binding(3) var<storage, read> figures: array<f32>;
@group(0) @binding(4) var<storage, read> gamma: array<f32>;
@group(0) @binding(5) var<storage, read> dgamma: array<f32>;
@group(0) @binding(6) var<storage, read> dbeta: array<f32>;
@group(0) @binding(7) var<storage, read_write> dx: array<f32>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let at = linear(group, groups, local);
    if (at >= step.n * rows * c) {
        return;
    }
    let k = at % c;
    let inv_std = figures[c + k];
    let count = f32(step.n * rows);
    var centred = dz[at];
    if (step.training != 0u) {
        let slope = inv_std * dgamma[k] / count;
        centred = centred - dbeta[k] / count - (x[at] - figures[k]) * slope;
    }
    var g = gamma[k] * inv_std * centred;
    if (mask && !(x[at] > 0.0)) {
        g = 0.0;
    }
    if (add) {
        g += dx[at];
    }
    dx[at] = g;
}
