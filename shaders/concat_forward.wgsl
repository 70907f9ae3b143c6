// Copies one input of a concatenation into its columns of the output:
//   y[row, offset + col] = x[row, col]
// x: [n · rows, width], y: [n · rows, total]; for maps a row is the channels of one
// position, for vectors (rows = 1) the whole sample.
// Grid: one thread per element of x. CPU twin: src/cpu/concat.rs.

override rows: u32;
override width: u32;
override total: u32;
override offset: u32;

@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

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
    y[row * total + offset + at % width] = x[at];
}
