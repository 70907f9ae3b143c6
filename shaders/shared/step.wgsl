// Appended to every kernel, so that error lines stay those of the kernel's file:
// what changes from step to step, and the fold of large grids.

struct Step {
    n: u32,              // samples in the batch at hand
    first: u32,          // place of its first sample in the order
    index: u32,          // number of the step in this call: where its tally goes
    learning_rate: f32,
    momentum: f32,
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
