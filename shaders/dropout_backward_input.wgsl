// Gradient of dropout at its input, with the mask drawn again:
//   dx[k] (+)= dy[k] · scale where element k survived, else 0, and dy[k] in evaluation,
//   masked by x > 0 where the layer below ends in a ReLU
// dy, x, dx: [n, len]. Grid: one thread per element of dx. CPU twin: src/cpu/dropout.rs.

override len: u32;
override node: u32;
override threshold: u32;
override scale: f32;
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
    if (at >= step.n * len) {
        return;
    }
    var g = dy[at];
    if (step.training != 0u) {
        g = select(0.0, g * scale, draw_bits(node, at) >= threshold);
    }
    if (mask && !(x[at] > 0.0)) {
        g = 0.0;
    }
    if (add) {
        g += dx[at];
    }
    dx[at] = g;
}
