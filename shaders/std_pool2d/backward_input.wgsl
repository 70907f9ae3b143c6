// Gradient of the input of a pooling to the standard deviation:
//   dx[n, r, s, c] (+)= dy[n, r / k_h, s / k_w, c] · (x[n, r, s, c] - mean) / (k_h · k_w · y[n, r / k_h, s / k_w, c])
// and 0 in a remainder at the border. dy and y [n, h_out, w_out, c], x and dx [n, h_in, w_in, c]. A thread sums the mean
// of a window again and writes the whole window; windows cover the remainder too, so that each element has one owner.
// With `mask`, x ends in a ReLU and its derivative is applied; with `add`, the gradient is added to what dx has.
// Grid: one thread per window and channel, batch · ceil(h_in / k_h) · ceil(w_in / k_w) · c.
// CPU twin: src/ops/std_pool2d/cpu.rs.

//!include step, pool2d, input_gradient

@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read> y: array<f32>;
@group(0) @binding(3) var<storage, read> x: array<f32>;
@group(0) @binding(4) var<storage, read_write> dx: array<f32>;

@compute @workgroup_size(64)
fn main(group: Workgroup, @builtin(local_invocation_index) local: u32) {
    let at = thread_index(group, local);
    let rows = (h_in + k_h - 1u) / k_h;
    let columns = (w_in + k_w - 1u) / k_w;
    let n = at / (rows * columns * c);
    if n >= step.n {
        return;
    }
    let r = (at / (columns * c)) % rows;
    let s = (at / c) % columns;
    let first = ((n * h_in + r * k_h) * w_in + s * k_w) * c + at % c;
    var is_whole = false;
    if r < h_out && s < w_out {
        is_whole = true;
    }
    var mean = 0.0;
    var g = 0.0;
    if is_whole {
        for (var i = 0u; i < k_h; i++) {
            for (var j = 0u; j < k_w; j++) {
                mean += x[first + (i * w_in + j) * c];
            }
        }
        mean /= f32(k_h * k_w);
        let cell = ((n * h_out + r) * w_out + s) * c + at % c;
        g = dy[cell] / (f32(k_h * k_w) * y[cell]);
    }
    let i_end = min(k_h, h_in - r * k_h);
    let j_end = min(k_w, w_in - s * k_w);
    for (var i = 0u; i < i_end; i++) {
        for (var j = 0u; j < j_end; j++) {
            let here = first + (i * w_in + j) * c;
            // Not a product with 0 in the remainder, where x may be anything.
            if is_whole {
                store_input_gradient(here, g * (x[here] - mean));
            } else {
                store_input_gradient(here, 0.0);
            }
        }
    }
}
