// Gives an input of a concatenation its columns of the gradient:
//   dx[row, col] (+)= dy[row, offset + col], masked by x > 0 where the layer below ends in a ReLU
// dy: [n · rows, total], x and dx: [n · rows, width].
// Grid: one thread per element of dx. CPU twin: src/cpu/concat.rs.

override rows: u32;
override width: u32;
override total: u32;
override offset: u32;
override mask: bool;
override add: bool;

@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read> x: array<f32>;
@group(0) @binding(3) var<storage, read_write> dx: array<f32>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let at = linear(group, groups, local);
    let row = at / width;
    if (row >= step.n * rows) {
        return;
    }
    var g = dy[row * total + offset + at % width];
    if (mask && !(x[at] > 0.0)) {
        g = 0.0;
    }
    if (add) {
        g += dx[at];
    }
    dx[at] = g;
}
