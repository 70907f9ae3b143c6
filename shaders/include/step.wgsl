// What changes from step to step, and the index of a thread. Every kernel includes this.

struct Step {
    n: u32,              // samples in the batch
    first: u32,          // place of its first sample in the order
    index: u32,          // number of the step in the call: where its metrics go
    learning_rate: f32,  // Adam's with the correction of its biases
    momentum: f32,
    nesterov: u32,       // 1 for Nesterov momentum
    training: u32,       // 1 in training, 0 in evaluation
    augmented: u32,      // 1 if samples are augmented
    seed: u32,           // seed of dropout
    run_step: u32,       // number of the step since the run began
    decay: f32,          // share of each weight that the optimiser takes away
    gain_1: f32,         // 1 - beta_1 of Adam
    gain_2: f32,         // 1 - beta_2
    epsilon: f32,
    clip_norm: f32,      // largest norm of all gradients
}

@group(0) @binding(0) var<uniform> step: Step;

// Apart from the place in the workgroup: what is made of these values alone is the same for all its
// threads, which barriers ask for.
struct Workgroup {
    @builtin(workgroup_id) id: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
}

// Index of the workgroup: a grid of more than 65,535 workgroups is folded over y.
fn group_index(group: Workgroup) -> u32 {
    return group.id.y * group.count.x + group.id.x;
}

// Index of the thread in the grid, for workgroups of 64 threads.
fn thread_index(group: Workgroup, local: u32) -> u32 {
    return group_index(group) * 64u + local;
}
