// Second stage of the weight gradients of a convolution or a batch norm: sums the parts that the
// first stage left,
//   dw[k] = Σ_p parts[p, k],  db[o] = Σ_p parts[p, len + o],  len = k_h · k_w · c_in · c_out
// parts [ceil(n / samples_per_part) · parts_per_sample, len + c_out]: the kernel's elements, then
// the bias's.
// One thread per element (a dummy buffer for db where there is no bias), p in order: the result
// does not depend on the device. Bound by memory.
// Grid: len + c_out threads.

override k_h: u32;
override k_w: u32;
override c_in: u32;
override c_out: u32;
override samples_per_part: u32;
override parts_per_sample: u32;

@group(0) @binding(1) var<storage, read> parts: array<f32>;
@group(0) @binding(2) var<storage, read_write> dw: array<f32>;
@group(0) @binding(3) var<storage, read_write> db: array<f32>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let at = linear(group, groups, local);
    let len = k_h * k_w * c_in * c_out;
    if at >= len + c_out {
        return;
    }
    var sum = 0.0;
    let count = (step.n + samples_per_part - 1u) / samples_per_part * parts_per_sample;
    for (var p = 0u; p < count; p++) {
        sum += parts[p * (len + c_out) + at];
    }
    if at < len {
        dw[at] = sum;
    } else if at - len < arrayLength(&db) {
        db[at - len] = sum;
    }
}
