// Gradients of up to two inputs of a concatenation:
//   dx0[row, k] (+)= dy[row, offset_0 + k], and dx1 likewise
// dy [n · rows, total], x0 and dx0 [n · rows, width_0]. An input that does not exist has width 0.
// With mask_0, x0 ends in a ReLU and its derivative is applied; with add_0, the gradient is added to what dx0 has.
// Grid: one thread per element of both. CPU twin: src/ops/concat/cpu.rs.

//!include step

override rows: u32;
override total: u32;
override width_0: u32;
override offset_0: u32;
override mask_0: bool;
override add_0: bool;
override width_1: u32;
override offset_1: u32;
override mask_1: bool;
override add_1: bool;

@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read> x0: array<f32>;
@group(0) @binding(3) var<storage, read> x1: array<f32>;
@group(0) @binding(4) var<storage, read_write> dx0: array<f32>;
@group(0) @binding(5) var<storage, read_write> dx1: array<f32>;

@compute @workgroup_size(64)
fn main(group: Workgroup, @builtin(local_invocation_index) local: u32) {
    let at = thread_index(group, local);
    let row = at / (width_0 + width_1);
    if row >= step.n * rows {
        return;
    }
    let col = at % (width_0 + width_1);
    if col < width_0 {
        let to = row * width_0 + col;
        var g = dy[row * total + offset_0 + col];
        if mask_0 && !(x0[to] > 0.0) {
            g = 0.0;
        }
        if add_0 {
            g += dx0[to];
        }
        dx0[to] = g;
    } else {
        let to = row * width_1 + col - width_0;
        var g = dy[row * total + offset_1 + col - width_0];
        if mask_1 && !(x1[to] > 0.0) {
            g = 0.0;
        }
        if add_1 {
            g += dx1[to];
        }
        dx1[to] = g;
    }
}
