// Measures memory: y[i] = x[i], four floats at a time.
// x and y [len] vec4s, more than caches hold. Grid: one thread per vec4. CPU twin: src/cpu/rates.rs.

//!include step

override len: u32;

@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(group: Workgroup, @builtin(local_invocation_index) local: u32) {
    let at = thread_index(group, local);
    if at < len {
        y[at] = x[at];
    }
}
