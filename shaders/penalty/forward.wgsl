// The penalty on the weights in evaluation, in shares that the host adds:
//   penalties[index, share] = l2 · Σ w[k]²  over the elements k of the share's chunk; index is the step's
// In training the optimiser computes the same (sgd/step.wgsl). w: flat, all parameters.
// Grid: one workgroup per chunk. CPU twin: src/ops/penalty/cpu.rs.

//!include step, chunk, workgroup_sum

@group(0) @binding(1) var<storage, read> chunks: array<Chunk>;
@group(0) @binding(2) var<storage, read> w: array<f32>;
@group(0) @binding(3) var<storage, read_write> penalties: array<f32>;

@compute @workgroup_size(256)
fn main(group: Workgroup, @builtin(local_invocation_index) local: u32) {
    let number = group_index(group);
    // A grid that is folded over y may have more workgroups than chunks.
    if number >= arrayLength(&chunks) {
        return;
    }
    let chunk = chunks[number];
    if chunk.l2 == 0.0 {
        return;
    }
    var squares = 0.0;
    for (var i = local; i < chunk.len; i += 256u) {
        let weight = w[chunk.at + i];
        squares += weight * weight;
    }
    let sum = workgroup_sum(squares, local);
    if local == 0u {
        penalties[step.index * penalties_per_step + chunk.penalty] = chunk.l2 * sum;
    }
}
