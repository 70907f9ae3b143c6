// 2-D cross-correlation, any extents and strides:
//   y[n, r, s, o] = f(b[o] + Σ_{i,j,c} x[n, r · s_h + i - pad_top, s · s_w + j - pad_left, c] · w[i, j, c, o])
// x [n, h_in, w_in, c_in], w [k_h, k_w, c_in, c_out], b [c_out], y [n, h_out, w_out, c_out].
// Sums start at the bias and go over i, j, c. CPU twin: src/ops/conv2d/cpu/tile.rs.
// Grid: one thread per element of y.

//!include step, conv2d, conv2d_strides, activation

override has_bias: bool;

@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> w: array<f32>;
@group(0) @binding(3) var<storage, read> b: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(group: Workgroup, @builtin(local_invocation_index) local: u32) {
    let at = thread_index(group, local);
    if at >= step.n * h_out * w_out * c_out {
        return;
    }
    let o = at % c_out;
    let s = at / c_out % w_out * s_w;
    let r = at / (c_out * w_out) % h_out * s_h;
    let n = at / (c_out * w_out * h_out);
    var sum = 0.0;
    if has_bias {
        sum = b[o];
    }
    // The bounds of the loops leave out taps outside the input; min first, because differences are unsigned.
    let i_end = min(k_h, h_in + pad_top - min(r, h_in + pad_top));
    let j_end = min(k_w, w_in + pad_left - min(s, w_in + pad_left));
    for (var i = pad_top - min(r, pad_top); i < i_end; i++) {
        for (var j = pad_left - min(s, pad_left); j < j_end; j++) {
            let base = ((n * h_in + r + i - pad_top) * w_in + s + j - pad_left) * c_in;
            let tap = (i * k_w + j) * c_in * c_out + o;
            for (var c = 0u; c < c_in; c++) {
                sum += x[base + c] * w[tap + c * c_out];
            }
        }
    }
    y[at] = activated(sum);
}
