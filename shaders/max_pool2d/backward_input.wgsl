// Gradient of the input of a max-pooling, by elements of x:
//   dx[n, r, s, c] (+)= dy[n, r / k_h, s / k_w, c] if argmax there is (r, s, c), else 0
// dy, argmax and y [n, h_out, w_out, c], dx [n, h_in, w_in, c].
// With `mask`, x ends in a ReLU and its derivative is applied (the maximum's value is y); with `add`, the gradient is
// added to what dx has.
// Grid: one thread per element of dx. CPU twin: src/ops/max_pool2d/cpu.rs.

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
    let len = h_in * w_in * c;
    let n = at / len;
    if n >= step.n {
        return;
    }
    let r = ((at / (w_in * c)) % h_in) / k_h;
    let s = ((at / c) % w_in) / k_w;
    var g = 0.0;
    if r < h_out && s < w_out {
        let cell = ((n * h_out + r) * w_out + s) * c + at % c;
        if argmax[cell] == at % len && (!mask || y[cell] > 0.0) {
            g = dy[cell];
        }
    }
    if add {
        g += dx[at];
    }
    dx[at] = g;
}
