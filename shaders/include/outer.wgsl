// Outer product: column i is v[i] · g.
fn outer(v: vec4<f32>, g: vec4<f32>) -> mat4x4<f32> {
    return mat4x4(v.x * g, v.y * g, v.z * g, v.w * g);
}
