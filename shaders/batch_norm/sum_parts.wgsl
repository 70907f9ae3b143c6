// Gradients of a batch norm's gamma and beta from their partial sums:
//   dgamma[k] = Σ_p parts[p, 0, k],  dbeta[k] = Σ_p parts[p, 1, k]
// parts [n · parts_per_sample, 2, c]. A workgroup reduces 16 elements with 16 threads each: thread t of an
// element sums parts t, t + 16, … in order, then one thread sums the 16 results in the order of t.
// Grid: ceil(2 · c / 16) workgroups. CPU twin: src/ops/batch_norm/cpu.rs.

//!include step

override c: u32;
override parts_per_sample: u32;

@group(0) @binding(1) var<storage, read> parts: array<f32>;
@group(0) @binding(2) var<storage, read_write> dgamma: array<f32>;
@group(0) @binding(3) var<storage, read_write> dbeta: array<f32>;

var<workgroup> sums: array<f32, 256>;

@compute @workgroup_size(256)
fn main(group: Workgroup, @builtin(local_invocation_index) local: u32) {
    let at = group_index(group) * 16u + local % 16u;
    var sum = 0.0;
    if at < 2u * c {
        for (var p = local / 16u; p < step.n * parts_per_sample; p += 16u) {
            sum += parts[p * 2u * c + at];
        }
    }
    sums[local] = sum;
    workgroupBarrier();
    if local >= 16u || at >= 2u * c {
        return;
    }
    for (var t = 1u; t < 16u; t++) {
        sum += sums[t * 16u + local];
    }
    if at < c {
        dgamma[at] = sum;
    } else {
        dbeta[at - c] = sum;
    }
}
