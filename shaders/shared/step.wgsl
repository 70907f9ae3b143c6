// Appended to every kernel, so that error lines stay those of the kernel's file:
// what changes from step to step, and the fold of large grids.

struct Step {
    n: u32,              // samples in the batch at hand
    first: u32,          // place of its first sample in the order
    index: u32,          // number of the step in this call: where its tally goes
    learning_rate: f32,
    momentum: f32,
    nesterov: u32,       // 1 if weights go where the velocity would take them next
    training: u32,       // 1 in training, 0 in evaluation
    varied: u32,         // 1 if samples are varied as their augmentations say
    seed: u32,           // what dropout is drawn from,
    drawn: u32,          // and the number of the step since the run began
}

@group(0) @binding(0) var<uniform> step: Step;

// A grid of more than 65,535 groups is folded over y: the number of the group.
fn group_number(group: vec3<u32>, groups: vec3<u32>) -> u32 {
    return group.y * groups.x + group.x;
}

// The number of the invocation, in groups of 64.
fn linear(group: vec3<u32>, groups: vec3<u32>, local: u32) -> u32 {
    return group_number(group, groups) * 64u + local;
}

// A permutation of 32 bits whose outputs look unrelated; CPU twin: src/random/counter.rs.
fn mix_bits(seed: u32) -> u32 {
    var bits = (seed ^ (seed >> 16u)) * 0x7FEB352Du;
    bits = (bits ^ (bits >> 15u)) * 0x846CA68Bu;
    return bits ^ (bits >> 16u);
}

// The random bits of element `at` of a node's draw in this step.
fn draw_bits(node: u32, at: u32) -> u32 {
    return mix_bits(mix_bits(at) ^ mix_bits(mix_bits(mix_bits(step.seed) + node) + step.drawn));
}
