// Partial sums (split-K) of the gradients of a convolution's kernel and bias:
//   parts[p, i, j, c, o] = Σ_{n,r,s} x[n, r · s_h + i - pad_top, s · s_w + j - pad_left, c] · dz[n, r, s, o]
//   parts[p, k_h · k_w · c_in · c_out + o] = Σ_{n,r,s} dz[n, r, s, o]
// Part p = (group of samples_per_part samples) · parts_per_sample + k has rows_per_part rows of each of its samples, from
// row k · rows_per_part on. sgd/step.wgsl reduces the parts. Drivers may end a shader whose loops are long (llvmpipe
// after 65,535 iterations, without an error), so that one part for the whole batch would not do.
// x [n, h_in, w_in, c_in], dz [n, h_out, w_out, c_out]. Sums go over n, r, s. CPU twin: src/ops/conv2d/cpu/dense.rs.
// Grid: one thread per part and element.

//!include step, conv2d, conv2d_strides

override rows_per_part: u32;
override samples_per_part: u32;

@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> dz: array<f32>;
@group(0) @binding(3) var<storage, read_write> parts: array<f32>;

@compute @workgroup_size(64)
fn main(group: Workgroup, @builtin(local_invocation_index) local: u32) {
    let thread = thread_index(group, local);
    let len = k_h * k_w * c_in * c_out;
    let at = thread % (len + c_out);
    let part = thread / (len + c_out);
    let parts_per_sample = (h_out + rows_per_part - 1u) / rows_per_part;
    let n_first = part / parts_per_sample * samples_per_part;
    if n_first >= step.n {
        return;
    }
    let n_end = min(n_first + samples_per_part, step.n);
    let row_first = part % parts_per_sample * rows_per_part;
    let row_end = min(row_first + rows_per_part, h_out);
    let o = at % c_out;
    var sum = 0.0;
    if at >= len {
        for (var n = n_first; n < n_end; n++) {
            for (var p = row_first * w_out; p < row_end * w_out; p++) {
                sum += dz[(n * h_out * w_out + p) * c_out + o];
            }
        }
        parts[thread] = sum;
        return;
    }
    let c = at / c_out % c_in;
    let j = at / (c_out * c_in) % k_w;
    let i = at / (c_out * c_in * k_w);
    // Only outputs whose tap meets the input; an empty range where none does.
    let r_first = max(row_first, (pad_top - min(i, pad_top) + s_h - 1u) / s_h);
    let r_end = min(row_end, (h_in + pad_top - min(i, h_in + pad_top) + s_h - 1u) / s_h);
    let s_first = (pad_left - min(j, pad_left) + s_w - 1u) / s_w;
    let s_end = min(w_out, (w_in + pad_left - min(j, w_in + pad_left) + s_w - 1u) / s_w);
    for (var n = n_first; n < n_end; n++) {
        for (var r = r_first; r < r_end; r++) {
            for (var s = s_first; s < s_end; s++) {
                let row = n * h_in + r * s_h + i - pad_top;
                let v = x[(row * w_in + s * s_w + j - pad_left) * c_in + c];
                sum += v * dz[((n * h_out + r) * w_out + s) * c_out + o];
            }
        }
    }
    parts[thread] = sum;
}
