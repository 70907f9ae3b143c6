// Gradient descent with momentum and L2 penalty, over all parameters at once:
//   g ← g + 2 · l2 · w,  v ← momentum · v - rate · g,  w ← w + v
// or, with Nesterov's look ahead,  w ← w + momentum · v - rate · g.
// l2, g, w, v: [len], flat. Grid: one thread per element. CPU twin: src/cpu/sgd.rs.

override len: u32;

@group(0) @binding(1) var<storage, read> l2: array<f32>;
@group(0) @binding(2) var<storage, read_write> g: array<f32>;
@group(0) @binding(3) var<storage, read_write> w: array<f32>;
@group(0) @binding(4) var<storage, read_write> v: array<f32>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let k = linear(group, groups, local);
    if (k >= len) {
        return;
    }
    let slope = g[k] + 2.0 * l2[k] * w[k];
    let velocity = step.momentum * v[k] - step.learning_rate * slope;
    g[k] = slope;
    v[k] = velocity;
    if (step.nesterov != 0u) {
        w[k] += step.momentum * velocity - step.learning_rate * slope;
    } else {
        w[k] += velocity;
    }
}
