// Dense layer: y[n, o] = f(b[o] + Σ_i x[n, i] · w[i, o]), i in order.
// x [n, n_in], w [n_in, n_out], b [n_out], y [n, n_out]; f is a ReLU or the identity.
// Grid: one thread per element of y. CPU twin: src/ops/dense/cpu.rs.

//!include step, activation

override n_in: u32;
override n_out: u32;
override has_bias: bool;

@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> w: array<f32>;
@group(0) @binding(3) var<storage, read> b: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(group: Workgroup, @builtin(local_invocation_index) local: u32) {
    let at = thread_index(group, local);
    let n = at / n_out;
    let o = at % n_out;
    if n >= step.n {
        return;
    }
    var sum = 0.0;
    if has_bias {
        sum = b[o];
    }
    for (var i = 0u; i < n_in; i++) {
        sum += x[n * n_in + i] * w[i * n_out + o];
    }
    y[at] = activated(sum);
}
