// Gradient of the input of a convolution under a 2×2 max-pool, from the pooled gradient:
//   dx[n, r, s, c] (+)= Σ_{p,o} dy[n, p, o] · w[r + pad_h - r', s + pad_w - s', c, o],  (r', s') = winner[n, p, o],
// over the pooled cells p whose winner's kernel covers (r, s). dy and winner [n, h_out / 2,
// w_out / 2, c_out], winner none (all bits set) where nothing passes: beyond every kernel. w [k_h, k_w, c_in, c_out], x and dx [n, h_in, w_in, c_in].
// With `mask` the sum counts only where x > 0: the ReLU of the layer below.
// One thread per element of dx; pooled rows, columns, then o. About a quarter of the dense products, each
// behind a test: bound by loads, on llvmpipe slower than expanding dy and the dense tiled form.
// CPU twin: src/cpu/conv2d.rs.
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

@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read> winner: array<u32>;
@group(0) @binding(3) var<storage, read> w: array<f32>;
@group(0) @binding(4) var<storage, read> x: array<f32>;
@group(0) @binding(5) var<storage, read_write> dx: array<f32>;

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
    let h_pool = h_out / 2u;
    let w_pool = w_out / 2u;
    // Outputs that (r, s) reaches: rows r + pad_h - k_h + 1 to r + pad_h, columns alike.
    let r_first = (max(r + pad_h + 1u, k_h) - k_h) / 2u;
    let r_end = min(h_pool, (r + pad_h) / 2u + 1u);
    let s_first = (max(s + pad_w + 1u, k_w) - k_w) / 2u;
    let s_end = min(w_pool, (s + pad_w) / 2u + 1u);
    var sum = 0.0;
    for (var pr = r_first; pr < r_end; pr++) {
        for (var ps = s_first; ps < s_end; ps++) {
            let base = ((n * h_pool + pr) * w_pool + ps) * c_out;
            for (var o = 0u; o < c_out; o++) {
                let cell = winner[base + o] / c_out;
                let i = r + pad_h - cell / w_out;
                let j = s + pad_w - cell % w_out;
                if i < k_h && j < k_w {
                    sum += dy[base + o] * w[((i * k_w + j) * c_in + c) * c_out + o];
                }
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
