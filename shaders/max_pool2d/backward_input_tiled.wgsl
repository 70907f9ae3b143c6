// max_pool2d/backward_input.wgsl by windows:
//   dx[n, r, s, c] (+)= dy[n, r / k_h, s / k_w, c] if argmax there is (r, s, c), else 0
// Shapes, `mask` and `add` as there. A thread reads a window's argmax once and writes the whole window:
//
//   dx       k_w
//          ┌─────┬─────┬──┐
//      k_h │ t 0 │ t 1 │t2│       windows cover the remainder at the border too, there without
//          ├─────┼─────┼──┤       an argmax, so that each element of dx has one owner
//          │ t 3 │ t 4 │t5│
//          └─────┴─────┴──┘
//
// Grid: one thread per window and channel, batch · ceil(h_in / k_h) · ceil(w_in / k_w) · c.
// CPU twin: src/ops/max_pool2d/cpu.rs.

//!include step, pool2d

override mask: bool;
override add: bool;

@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read> argmax: array<u32>;
@group(0) @binding(3) var<storage, read> y: array<f32>;
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
    var g = 0.0;
    var index = 0xffffffffu;
    if r < h_out && s < w_out {
        let cell = ((n * h_out + r) * w_out + s) * c + at % c;
        g = dy[cell];
        index = argmax[cell];
        if mask && !(y[cell] > 0.0) {
            g = 0.0;
        }
    }
    let sample = n * h_in * w_in * c;
    for (var i = r * k_h; i < min((r + 1u) * k_h, h_in); i++) {
        for (var j = s * k_w; j < min((s + 1u) * k_w, w_in); j++) {
            let here = (i * w_in + j) * c + at % c;
            var v = select(0.0, g, here == index);
            if add {
                v += dx[sample + here];
            }
            dx[sample + here] = v;
        }
    }
}
