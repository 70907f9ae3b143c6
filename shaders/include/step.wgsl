// What changes from step to step, and the index of a thread. Every kernel includes this.

struct Step {
    n: u32,              // samples in the batch
    first: u32,          // place of its first sample in the order
    index: u32,          // number of the step in the call: where its metrics go
    learning_rate: f32,
    momentum: f32,
    nesterov: u32,       // 1 for Nesterov momentum
    training: u32,       // 1 in training, 0 in evaluation
    augmented: u32,      // 1 if samples are augmented
    seed: u32,           // seed of dropout
    run_step: u32,       // number of the step since the run began
}

@group(0) @binding(0) var<uniform> step: Step;

struct Invocation {
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
}

// Index of the workgroup: a grid of more than 65,535 workgroups is folded over y.
fn group_index(id: Invocation) -> u32 {
    return id.group.y * id.groups.x + id.group.x;
}

// Index of the thread in the grid, for workgroups of 64 threads.
fn thread_index(id: Invocation) -> u32 {
    return group_index(id) * 64u + id.local;
}
