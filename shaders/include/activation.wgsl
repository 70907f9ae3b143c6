// The activation that follows a sum: a ReLU, or none. WGSL may assume that there is no NaN, so
// that max(v, 0) and v < 0 may both lose one; a test on bits keeps it.

override relu: bool;

// Bits of the numbers below 0 are 0x80000001 to 0xff800000 (-infinity); 0x80000000 is -0, and
// those behind are NaNs.
fn activated(v: f32) -> f32 {
    return select(v, 0.0, relu & (bitcast<u32>(v) - 0x80000001u < 0x7f800000u));
}

fn activated4(v: vec4<f32>) -> vec4<f32> {
    let is_negative = bitcast<vec4<u32>>(v) - vec4(0x80000001u) < vec4(0x7f800000u);
    return select(v, vec4(0.0), vec4(relu) & is_negative);
}
