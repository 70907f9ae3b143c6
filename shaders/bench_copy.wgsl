// Measures the memory: y[i] = x[i], four floats at a time.
// x, y: [len] vec4s, larger than any cache. Grid: one thread per vec4.
// CPU twin: src/cpu/rates.rs.

override len: u32;

@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let at = linear(group, groups, local);
    if (at < len) {
        y[at] = x[at];
    }
}
