// Stores what a convolution and the 2×2 max-pooling behind it write: the maximum of each window and its argmax.

/// A block of four channels at the positions of a window in row-major order; (row, column) is the window's place in y.
fn store_pooled(v0: vec4<f32>, v1: vec4<f32>, v2: vec4<f32>, v3: vec4<f32>, n: u32, row: u32, column: u32, block: u32) {
    if column >= w_out / 2u || block >= c_out / 4u {
        return;
    }
    let first = (2u * row * w_out + 2u * column) * c_out + 4u * block;
    var best = activated4(v0);
    var index = vec4(first) + vec4(0u, 1u, 2u, 3u);
    let corner = index;
    let right = activated4(v1);
    index = select(index, corner + c_out, exceeds4(right, best));
    best = select(best, right, exceeds4(right, best));
    let below = activated4(v2);
    index = select(index, corner + w_out * c_out, exceeds4(below, best));
    best = select(best, below, exceeds4(below, best));
    let last = activated4(v3);
    index = select(index, corner + (w_out + 1u) * c_out, exceeds4(last, best));
    best = select(best, last, exceeds4(last, best));
    let to = ((n * (h_out / 2u) + row) * (w_out / 2u) + column) * (c_out / 4u) + block;
    y[to] = best;
    if relu {
        index = select(vec4(0xffffffffu), index, is_positive4(best));
    }
    argmax[to] = index;
}
