// Random bits by counter. CPU twin: src/random/counter.rs.

// A permutation of 32 bits whose outputs look independent.
fn mix_bits(seed: u32) -> u32 {
    var bits = (seed ^ (seed >> 16u)) * 0x7FEB352Du;
    bits = (bits ^ (bits >> 15u)) * 0x846CA68Bu;
    return bits ^ (bits >> 16u);
}

// The random bits of element `at` of a node in this step.
fn draw_bits(node: u32, at: u32) -> u32 {
    return mix_bits(mix_bits(at) ^ mix_bits(mix_bits(mix_bits(step.seed) + node) + step.run_step));
}
