// Gradients of a convolution's kernel and bias:
//   dw[i, j, c, o] = Σ_{n,r,s} x[n, r + i - pad_h, s + j - pad_w, c] · dz[n, r, s, o],  db[o] = Σ_{n,r,s} dz[n, r, s, o]
// x [n, h_in, w_in, c_in], dz [n, h_out, w_out, c_out], dw [k_h, k_w, c_in, c_out], db [c_out].
// One thread per element of dw, and behind them one per element of db (a dummy buffer where
// there is no bias); n, r, s in that order. CPU twin: src/cpu/conv2d.rs.
// Grid: one thread per element of dw, and c_out more for db.

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

@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> dz: array<f32>;
@group(0) @binding(3) var<storage, read_write> dw: array<f32>;
@group(0) @binding(4) var<storage, read_write> db: array<f32>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let at = linear(group, groups, local);
    let len = k_h * k_w * c_in * c_out;
    if at >= len + c_out {
        return;
    }
    let o = at % c_out;
    var sum = 0.0;
    if at >= len {
        for (var p = 0u; p < step.n * h_out * w_out; p++) {
            sum += dz[p * c_out + o];
        }
        if o < arrayLength(&db) {
            db[o] = sum;
        }
        return;
    }
    let c = at / c_out % c_in;
    let j = at / (c_out * c_in) % k_w;
    let i = at / (c_out * c_in * k_w);
    // Only outputs whose tap meets the input; an empty range where none does.
    let r_first = pad_h - min(i, pad_h);
    let r_end = min(h_out, h_in + pad_h - min(i, h_in + pad_h));
    let s_first = pad_w - min(j, pad_w);
    let s_end = min(w_out, w_in + pad_w - min(j, w_in + pad_w));
    for (var n = 0u; n < step.n; n++) {
        for (var r = r_first; r < r_end; r++) {
            for (var s = s_first; s < s_end; s++) {
                let v = x[((n * h_in + r + i - pad_h) * w_in + s + j - pad_w) * c_in + c];
                sum += v * dz[((n * h_out + r) * w_out + s) * c_out + o];
            }
        }
    }
    dw[at] = sum;
}
