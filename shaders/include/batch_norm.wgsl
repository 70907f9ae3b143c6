// How a batch norm's kernels divide their work. A kernel says what a column is: `alias Channels = f32`, a channel, or
// `vec4<f32>`, four of them. Each workgroup of 64 threads has a part of the batch's rows (positions or windows, counted
// over all samples), and up to 64 columns:
//
//   columns ≤ 64          column 0      1       …          columns > 64: one lane, and as many
//   row   begin          │ lane 0   │ lane 0  │            workgroups ("blocks") side by side as
//         begin + 1      │ lane 1   │ lane 1  │            it takes
//         ⋮              │ ⋮        │ ⋮       │
//         begin + lanes  │ lane 0   │ lane 0  │

// Of x.
override columns: u32;

// How rows are split into parts: SplitK in src/ops/split_k.rs.
struct Split {
    rows: u32,  // of a sample
    rows_per_part: u32,
    parts_per_sample: u32,
    samples_per_part: u32,
}

// What a thread has.
struct Place {
    column: u32,
    lane: u32,
    works: bool,  // false for threads that are left over
}

fn width() -> u32 {
    return min(columns, 64u);
}

fn lanes() -> u32 {
    return 64u / width();
}

fn blocks() -> u32 {
    return (columns + 63u) / 64u;
}

fn place_of(group: u32, local: u32) -> Place {
    let column = group % blocks() * 64u + local % width();
    let lane = local / width();
    return Place(column, lane, (lane < lanes()) & (column < columns));
}

// Parts of the batch at hand.
fn part_count(split: Split) -> u32 {
    return (step.n + split.samples_per_part - 1u) / split.samples_per_part * split.parts_per_sample;
}

// The first row of a part, and the one behind its last.
fn rows_of(split: Split, part: u32) -> vec2<u32> {
    let sample = part / split.parts_per_sample * split.samples_per_part;
    let begin = sample * split.rows + part % split.parts_per_sample * split.rows_per_part;
    let end = min(sample + split.samples_per_part, step.n) * split.rows;
    return vec2(begin, min(begin + split.rows_per_part, end));
}
