// 2-D cross-correlation, stride 1, any extents:
//   y[n, r, s, o] = f(b[o] + Σ_{i,j,c} x[n, r + i - pad_h, s + j - pad_w, c] · w[i, j, c, o])
// x [n, h_in, w_in, c_in], w [k_h, k_w, c_in, c_out], b [c_out], y [n, h_out, w_out, c_out].
// Sums start at the bias and go over i, j, c. CPU twin: src/cpu/conv2d.rs.
// Grid: one thread per element of y.

override h_in: u32;
override w_in: u32;
override c_in: u32;
override h_out: u32;
override w_out: u32;
override c_out: u32;
override k_h: u32;
override k_w: u32;
override pad_h: u32;
override pad_w: u32;
override has_bias: bool;
override relu: bool;

@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> w: array<f32>;
@group(0) @binding(3) var<storage, read> b: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let at = linear(group, groups, local);
    if at >= step.n * h_out * w_out * c_out {
        return;
    }
    let o = at % c_out;
    let s = at / c_out % w_out;
    let r = at / (c_out * w_out) % h_out;
    let n = at / (c_out * w_out * h_out);
    var sum = 0.0;
    if has_bias {
        sum = b[o];
    }
    // Taps outside the input are left out by the bounds of the loops: unsigned, so before any subtraction.
    let i_end = min(k_h, h_in + pad_h - min(r, h_in + pad_h));
    let j_end = min(k_w, w_in + pad_w - min(s, w_in + pad_w));
    for (var i = pad_h - min(r, pad_h); i < i_end; i++) {
        for (var j = pad_w - min(s, pad_w); j < j_end; j++) {
            let base = ((n * h_in + r + i - pad_h) * w_in + s + j - pad_w) * c_in;
            let tap = (i * k_w + j) * c_in * c_out + o;
            for (var c = 0u; c < c_in; c++) {
                sum += x[base + c] * w[tap + c * c_out];
            }
        }
    }
    if relu {
        // Not max, which would hide a NaN.
        sum = select(sum, 0.0, sum < 0.0);
    }
    y[at] = sum;
}
