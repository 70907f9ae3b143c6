// The maximum of a pooling window. A NaN is larger than any number, and the first NaN is the
// maximum. WGSL may assume that there is no NaN, so that NaNs are found by their bits.

fn is_nan(v: f32) -> bool {
    return (bitcast<u32>(v) & 0x7fffffffu) > 0x7f800000u;
}

// Whether v replaces the maximum so far.
fn exceeds(v: f32, best: f32) -> bool {
    return !is_nan(best) & (is_nan(v) | (v > best));
}

fn is_nan4(v: vec4<f32>) -> vec4<bool> {
    return (bitcast<vec4<u32>>(v) & vec4(0x7fffffffu)) > vec4(0x7f800000u);
}

fn exceeds4(v: vec4<f32>, best: vec4<f32>) -> vec4<bool> {
    return !is_nan4(best) & (is_nan4(v) | (v > best));
}

// Whether a ReLU passes a gradient: v > 0, and no NaN.
fn is_positive4(v: vec4<f32>) -> vec4<bool> {
    return bitcast<vec4<u32>>(v) - vec4(1u) < vec4(0x7f800000u);
}
