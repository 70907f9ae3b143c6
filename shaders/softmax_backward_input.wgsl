// Gradient at the logits of the mean cross-entropy over the batch:
//   dz[n, c] (+)= (p[n, c] - [c = t]) / N,  t = labels[order[first + n]], N = samples in the batch
// masked by z > 0 where the layer below ends in a ReLU. In evaluation it is that of each sample's
// own logit instead: [c = t].
// p, z, dz: [n, classes]. Grid: one thread per element of dz. CPU twin: src/cpu/softmax.rs.

override classes: u32;
override mask: bool;
override add: bool;

@group(0) @binding(1) var<storage, read> order: array<u32>;
@group(0) @binding(2) var<storage, read> labels: array<u32>;
@group(0) @binding(3) var<storage, read> p: array<f32>;
@group(0) @binding(4) var<storage, read> z: array<f32>;
@group(0) @binding(5) var<storage, read_write> dz: array<f32>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let at = linear(group, groups, local);
    let n = at / classes;
    if (n >= step.n) {
        return;
    }
    let label = labels[order[step.first + n]];
    let own = select(0.0, 1.0, at % classes == label);
    var g = own;
    if (step.training != 0u) {
        g = (p[at] - own) / f32(step.n);
    }
    if (mask && !(z[at] > 0.0)) {
        g = 0.0;
    }
    if (add) {
        g += dz[at];
    }
    dz[at] = g;
}
