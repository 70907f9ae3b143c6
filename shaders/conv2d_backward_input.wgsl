// Gradient of a convolution's input:
//   dx[n, r, s, c] (+)= Σ_{i,j,o} dz[n, r + pad_h - i, s + pad_w - j, o] · w[i, j, c, o]
// dz [n, h_out, w_out, c_out], w [k_h, k_w, c_in, c_out], x and dx [n, h_in, w_in, c_in].
// With `mask` the sum counts only where x > 0: the ReLU of the layer below.
// One thread per element of dx; i, j, o in that order. CPU twin: src/cpu/conv2d.rs.
// Grid: one thread per element of dx.

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
override add: bool;
override mask: bool;

@group(0) @binding(1) var<storage, read> dz: array<f32>;
@group(0) @binding(2) var<storage, read> w: array<f32>;
@group(0) @binding(3) var<storage, read> x: array<f32>;
@group(0) @binding(4) var<storage, read_write> dx: array<f32>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let at = linear(group, groups, local);
    if at >= step.n * h_in * w_in * c_in {
        return;
    }
    let c = at % c_in;
    let s = at / c_in % w_in;
    let r = at / (c_in * w_in) % h_in;
    let n = at / (c_in * w_in * h_in);
    var sum = 0.0;
    for (var i = 0u; i < k_h; i++) {
        // Above row 0 wraps round and is out of range too.
        let row = r + pad_h - i;
        if row >= h_out {
            continue;
        }
        for (var j = 0u; j < k_w; j++) {
            let column = s + pad_w - j;
            if column >= w_out {
                continue;
            }
            let out = ((n * h_out + row) * w_out + column) * c_out;
            let tap = ((i * k_w + j) * c_in + c) * c_out;
            for (var o = 0u; o < c_out; o++) {
                sum += dz[out + o] * w[tap + o];
            }
        }
    }
    if mask {
        sum = select(0.0, sum, x[at] > 0.0);
    }
    if add {
        sum += dx[at];
    }
    dx[at] = sum;
}
