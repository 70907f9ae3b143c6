// Inputs of the tiled forward kernels of a convolution, and the bias as the start of a tile's sums.

override has_bias: bool;
// Blocks of four output channels that a thread owns.
override blocks_o: u32;

@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<uniform> w: array<vec4<f32>, 4096>;
@group(0) @binding(3) var<storage, read> b: array<vec4<f32>>;

// Four columns of a block of channels, each the bias. A block beyond c_out is never stored.
fn start(block: u32) -> mat4x4<f32> {
    if !has_bias {
        return mat4x4<f32>();
    }
    return outer(vec4(1.0), b[min(block, c_out / 4u - 1u)]);
}
