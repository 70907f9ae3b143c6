// Gradient at a dense layer's input, o in order:
//   dx[n, i] (+)= Σ_o dz[n, o] · w[i, o], masked by x > 0 where the layer below ends in a ReLU
// dz: [n, n_out], w: [n_in, n_out], x and dx: [n, n_in].
// Grid: one thread per element of dx. CPU twin: src/cpu/dense.rs.

override n_in: u32;
override n_out: u32;
override mask: bool;
override add: bool;

@group(0) @binding(1) var<storage, read> dz: array<f32>;
@group(0) @binding(2) var<storage, read> w: array<f32>;
@group(0) @binding(3) var<storage, read> x: array<f32>;
@group(0) @binding(4) var<storage, read_write> dx: array<f32>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let at = linear(group, groups, local);
    let n = at / n_in;
    let i = at % n_in;
    if (n >= step.n) {
        return;
    }
    var sum = 0.0;
    for (var o = 0u; o < n_out; o++) {
        sum += dz[n * n_out + o] * w[i * n_out + o];
    }
    if (mask && !(x[at] > 0.0)) {
        sum = 0.0;
    }
    if (add) {
        sum += dx[at];
    }
    dx[at] = sum;
}
