// What a workgroup of 256 threads does to the parameters.

struct Chunk {
    at: u32,                // first element in the flat buffers of all parameters
    len: u32,               // elements, all of one tensor
    start: u32,             // place of the first one's gradient in the first part
    stride: u32,            // elements from a part to the next
    parts_per_sample: u32,  // 0 where the gradient is not split
    samples_per_part: u32,  // 0 where no gradient moves the elements
    lanes: u32,             // threads that share the parts of an element: a power of two
    penalty: u32,           // place of its share of the penalty among those of a step
    l2: f32,                // factor of the penalty; 0: none
}

// Shares of the penalty of a step.
override penalties_per_step: u32;
