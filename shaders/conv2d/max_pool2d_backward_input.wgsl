// Gradient of the input of a convolution under a 2×2 max-pooling, from the argmax only:
//   dx[n, r, s, c] (+)= Σ_{p,o} dy[n, p, o] · w[r + pad_top - r', s + pad_left - s', c, o],  (r', s') = argmax[n, p, o],
// over the pooled cells p whose argmax has a kernel that covers (r, s). dy and argmax [n, h_out / 2, w_out / 2, c_out],
// argmax none (all bits set, beyond every kernel) where no gradient passes; w [k_h, k_w, c_in, c_out], x and dx
// [n, h_in, w_in, c_in]. Sums go over pooled rows, pooled columns, o: about a quarter of the dense products, each behind
// a test.
// With `mask`, x ends in a ReLU and its derivative is applied; with `add`, the gradient is added to what dx has.
// CPU twin: src/ops/conv2d/cpu/windows.rs.
// Grid: one thread per element of dx.

//!include step, conv2d, input_gradient

@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read> argmax: array<u32>;
@group(0) @binding(3) var<storage, read> w: array<f32>;
@group(0) @binding(4) var<storage, read> x: array<f32>;
@group(0) @binding(5) var<storage, read_write> dx: array<f32>;

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
    let h_pool = h_out / 2u;
    let w_pool = w_out / 2u;
    // Outputs whose kernels cover (r, s): rows r + pad_top - k_h + 1 to r + pad_top, columns alike.
    let r_first = (max(r + pad_top + 1u, k_h) - k_h) / 2u;
    let r_end = min(h_pool, (r + pad_top) / 2u + 1u);
    let s_first = (max(s + pad_left + 1u, k_w) - k_w) / 2u;
    let s_end = min(w_pool, (s + pad_left) / 2u + 1u);
    var sum = 0.0;
    for (var pr = r_first; pr < r_end; pr++) {
        for (var ps = s_first; ps < s_end; ps++) {
            let base = ((n * h_pool + pr) * w_pool + ps) * c_out;
            for (var o = 0u; o < c_out; o++) {
                let cell = argmax[base + o] / c_out;
                let i = r + pad_top - cell / w_out;
                let j = s + pad_left - cell % w_out;
                if i < k_h && j < k_w {
                    sum += dy[base + o] * w[((i * k_w + j) * c_in + c) * c_out + o];
                }
            }
        }
    }
    store_input_gradient(at, sum);
}
