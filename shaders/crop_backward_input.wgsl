// Gradient of the lowest bands at all bands:
//   dx[n, k] (+)= dy[n, k] for k < len_out, else 0,
//   masked by x > 0 where the layer below ends in a ReLU
// dy: [n, len_out], x and dx: [n, len_in].
// Grid: one thread per element of dx. CPU twin: src/cpu/crop.rs.

override len_in: u32;
override len_out: u32;
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
    let n = at / len_in;
    if (n >= step.n) {
        return;
    }
    let k = at % len_in;
    var g = 0.0;
    if (k < len_out && (!mask || x[at] > 0.0)) {
        g = dy[n * len_out + k];
    }
    if (add) {
        g += dx[at];
    }
    dx[at] = g;
}
