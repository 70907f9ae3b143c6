// Max-pooling, stride = window:
//   y[n, r, s, c] = max_{i,j} x[n, r · k_h + i, s · k_w + j, c]
//   argmax[n, r, s, c] = index within its sample of x of the first maximum in row-major order
// A NaN counts as larger than any number. x [n, h_in, w_in, c], y and argmax [n, h_out, w_out, c]. A remainder at the
// border is dropped. Grid: one thread per element of y. CPU twin: src/ops/max_pool2d/cpu.rs.

//!include step, pool2d, maximum

@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<storage, read_write> argmax: array<u32>;

@compute @workgroup_size(64)
fn main(group: Workgroup, @builtin(local_invocation_index) local: u32) {
    let at = thread_index(group, local);
    let n = at / (h_out * w_out * c);
    if n >= step.n {
        return;
    }
    let r = (at / (w_out * c)) % h_out;
    let s = (at / c) % w_out;
    let sample = n * h_in * w_in * c;
    var index = ((r * k_h) * w_in + s * k_w) * c + at % c;
    var best = x[sample + index];
    for (var i = 0u; i < k_h; i++) {
        for (var j = 0u; j < k_w; j++) {
            let here = ((r * k_h + i) * w_in + s * k_w + j) * c + at % c;
            let v = x[sample + here];
            if exceeds(v, best) {
                best = v;
                index = here;
            }
        }
    }
    y[at] = best;
    argmax[at] = index;
}
