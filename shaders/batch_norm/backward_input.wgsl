// Gradient of the input of a batch norm, through mean and variance too:
//   dx = gamma · inv_std · (dz - dbeta / N - (x - mean) · inv_std · dgamma / N),  N = n · rows
// and in evaluation, where mean and variance are constants, gamma · inv_std · dz.
// x, dz and dx [n, rows, c]; stats [4, c] (mean, inv_std, …); gamma, dgamma and dbeta [c].
// With `mask`, x ends in a ReLU and its derivative is applied; with `add`, the gradient is added to what dx has.
// Grid: one thread per element of dx. CPU twin: src/ops/batch_norm/cpu.rs.

//!include step, input_gradient

override rows: u32;
override c: u32;

@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> dz: array<f32>;
@group(0) @binding(3) var<storage, read> stats: array<f32>;
@group(0) @binding(4) var<storage, read> gamma: array<f32>;
@group(0) @binding(5) var<storage, read> dgamma: array<f32>;
@group(0) @binding(6) var<storage, read> dbeta: array<f32>;
@group(0) @binding(7) var<storage, read_write> dx: array<f32>;

@compute @workgroup_size(64)
fn main(group: Workgroup, @builtin(local_invocation_index) local: u32) {
    let at = thread_index(group, local);
    if at >= step.n * rows * c {
        return;
    }
    let k = at % c;
    let inv_std = stats[c + k];
    let count = f32(step.n * rows);
    var centred = dz[at];
    if step.training != 0u {
        let slope = inv_std * dgamma[k] / count;
        centred = centred - dbeta[k] / count - (x[at] - stats[k]) * slope;
    }
    var g = gamma[k] * inv_std * centred;
    store_input_gradient(at, g);
}
