// Gradient of the input of a convolution:
//   dx[n, r, s, c] (+)= Σ_{i,j,o} dz[n, (r + pad_top - i) / s_h, (s + pad_left - j) / s_w, o] · w[i, j, c, o]
// over the taps that an output has there: both quotients are whole.
// dz [n, h_out, w_out, c_out], w [k_h, k_w, c_in, c_out], x and dx [n, h_in, w_in, c_in]. Sums go over i, j, o.
// With `mask`, x ends in a ReLU and its derivative is applied; with `add`, the gradient is added to what dx has.
// CPU twin: src/ops/conv2d/cpu/dense.rs.
// Grid: one thread per element of dx.

//!include step, conv2d, conv2d_strides, input_gradient

@group(0) @binding(1) var<storage, read> dz: array<f32>;
@group(0) @binding(2) var<storage, read> w: array<f32>;
@group(0) @binding(3) var<storage, read> x: array<f32>;
@group(0) @binding(4) var<storage, read_write> dx: array<f32>;

@compute @workgroup_size(64)
fn main(group: Workgroup, @builtin(local_invocation_index) local: u32) {
    let at = thread_index(group, local);
    if at >= step.n * h_in * w_in * c_in {
        return;
    }
    let c = at % c_in;
    let s = at / c_in % w_in;
    let r = at / (c_in * w_in) % h_in;
    let n = at / (c_in * w_in * h_in);
    var sum = 0.0;
    for (var i = 0u; i < k_h; i++) {
        // A row below 0 wraps to more than h_out · s_h.
        let below = r + pad_top - i;
        if below >= h_out * s_h || below % s_h != 0u {
            continue;
        }
        let row = below / s_h;
        for (var j = 0u; j < k_w; j++) {
            let beside = s + pad_left - j;
            if beside >= w_out * s_w || beside % s_w != 0u {
                continue;
            }
            let column = beside / s_w;
            let out = ((n * h_out + row) * w_out + column) * c_out;
            let tap = ((i * k_w + j) * c_in + c) * c_out;
            for (var o = 0u; o < c_out; o++) {
                sum += dz[out + o] * w[tap + o];
            }
        }
    }
    store_input_gradient(at, sum);
}
