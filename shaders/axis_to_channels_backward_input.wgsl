// Gradient of mel bands as channels at their input:
//   dx[n, r, s, k] (+)= dy[n, 0, s, r · c_in + k], masked by x > 0 where the layer below ends in a ReLU
// dy: [n, 1, w_in, h_in · c_in], x and dx: [n, h_in, w_in, c_in].
// Grid: one thread per element of dx. CPU twin: src/cpu/axis_to_channels.rs.

override h_in: u32;
override w_in: u32;
override c_in: u32;
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
    let n = at / (h_in * w_in * c_in);
    if (n >= step.n) {
        return;
    }
    let r = (at / (w_in * c_in)) % h_in;
    let s = (at / c_in) % w_in;
    var g = dy[((n * w_in + s) * h_in + r) * c_in + at % c_in];
    if (mask && !(x[at] > 0.0)) {
        g = 0.0;
    }
    if (add) {
        g += dx[at];
    }
    dx[at] = g;
}
