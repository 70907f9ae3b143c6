// Gradient of the input of a dense layer, o in order:
//   dx[n, i] (+)= Σ_o dz[n, o] · w[i, o]
// dz [n, n_out], w [n_in, n_out], x and dx [n, n_in].
// With `mask`, x ends in a ReLU and its derivative is applied; with `add`, the gradient is added to what dx has.
// Grid: one thread per element of dx. CPU twin: src/ops/dense/cpu.rs.

//!include step, input_gradient

override n_in: u32;
override n_out: u32;

@group(0) @binding(1) var<storage, read> dz: array<f32>;
@group(0) @binding(2) var<storage, read> w: array<f32>;
@group(0) @binding(3) var<storage, read> x: array<f32>;
@group(0) @binding(4) var<storage, read_write> dx: array<f32>;

@compute @workgroup_size(64)
fn main(group: Workgroup, @builtin(local_invocation_index) local: u32) {
    let at = thread_index(group, local);
    let n = at / n_in;
    let i = at % n_in;
    if n >= step.n {
        return;
    }
    var sum = 0.0;
    for (var o = 0u; o < n_out; o++) {
        sum += dz[n * n_out + o] * w[i * n_out + o];
    }
    store_input_gradient(at, sum);
}
