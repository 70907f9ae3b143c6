// Dropout of an element: in training v · scale where element `at` of the batch survives, else 0; in evaluation v.
// An element survives if its random bits are at least threshold = rate · 2^32.

override node: u32;
override threshold: u32;
override scale: f32;

fn dropped(v: f32, at: u32) -> f32 {
    if step.training == 0u {
        return v;
    }
    return select(0.0, v * scale, draw_bits(node, at) >= threshold);
}
