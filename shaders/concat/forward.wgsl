// Copies up to four neighbouring inputs of a concatenation into their columns of the output:
//   y[row, offset + k] = x0[row, k], and so on with the inputs that follow
// x0 to x3 [n · rows, width_0 to width_3], y [n · rows, total]. A row of a map is the channels of a position, that of a
// vector (rows = 1) the whole sample. An input that does not exist has width 0.
// Grid: one thread per element of these inputs. CPU twin: src/ops/concat/cpu.rs.

//!include step

override rows: u32;
override total: u32;
override offset: u32;
override width_0: u32;
override width_1: u32;
override width_2: u32;
override width_3: u32;

@group(0) @binding(1) var<storage, read> x0: array<f32>;
@group(0) @binding(2) var<storage, read> x1: array<f32>;
@group(0) @binding(3) var<storage, read> x2: array<f32>;
@group(0) @binding(4) var<storage, read> x3: array<f32>;
@group(0) @binding(5) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(group: Workgroup, @builtin(local_invocation_index) local: u32) {
    let at = thread_index(group, local);
    let end_0 = width_0;
    let end_1 = end_0 + width_1;
    let end_2 = end_1 + width_2;
    let width = end_2 + width_3;
    let row = at / width;
    if row >= step.n * rows {
        return;
    }
    let col = at % width;
    let to = row * total + offset + col;
    if col < end_0 {
        y[to] = x0[row * width_0 + col];
    } else if col < end_1 {
        y[to] = x1[row * width_1 + col - end_0];
    } else if col < end_2 {
        y[to] = x2[row * width_2 + col - end_1];
    } else {
        y[to] = x3[row * width_3 + col - end_2];
    }
}
