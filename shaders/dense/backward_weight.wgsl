// Gradients of kernel and bias of a dense layer, n in order:
//   dw[i, o] = Σ_n x[n, i] · dz[n, o],  db[o] = Σ_n dz[n, o]
// x [n, n_in], dz [n, n_out], dw [n_in, n_out], db [n_out].
// Grid: one thread per element of dw, and n_out more for db. CPU twin: src/ops/dense/cpu.rs.

//!include step

override n_in: u32;
override n_out: u32;
override has_bias: bool;

@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> dz: array<f32>;
@group(0) @binding(3) var<storage, read_write> dw: array<f32>;
@group(0) @binding(4) var<storage, read_write> db: array<f32>;

@compute @workgroup_size(64)
fn main(group: Workgroup, @builtin(local_invocation_index) local: u32) {
    let at = thread_index(group, local);
    let i = at / n_out;
    let o = at % n_out;
    var sum = 0.0;
    if i < n_in {
        for (var n = 0u; n < step.n; n++) {
            sum += x[n * n_in + i] * dz[n * n_out + o];
        }
        dw[at] = sum;
    } else if i == n_in && has_bias {
        for (var n = 0u; n < step.n; n++) {
            sum += dz[n * n_out + o];
        }
        db[o] = sum;
    }
}
