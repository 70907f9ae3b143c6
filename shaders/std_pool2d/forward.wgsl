// Pooling to the standard deviation, stride = window:
//   y[n, r, s, c] = sqrt((Σ_{i,j} (x[n, r · k_h + i, s · k_w + j, c] - mean)²) / (k_h · k_w) + epsilon)
// with the mean over the same i, j. x [n, h_in, w_in, c], y [n, h_out, w_out, c]. Sums go over i, then j. A remainder at
// the border is dropped.
// Grid: one thread per element of y. CPU twin: src/ops/std_pool2d/cpu.rs.

//!include step, pool2d

override epsilon: f32;

@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(group: Workgroup, @builtin(local_invocation_index) local: u32) {
    let at = thread_index(group, local);
    let n = at / (h_out * w_out * c);
    if n >= step.n {
        return;
    }
    let r = (at / (w_out * c)) % h_out;
    let s = (at / c) % w_out;
    let first = ((n * h_in + r * k_h) * w_in + s * k_w) * c + at % c;
    var mean = 0.0;
    for (var i = 0u; i < k_h; i++) {
        for (var j = 0u; j < k_w; j++) {
            mean += x[first + (i * w_in + j) * c];
        }
    }
    mean /= f32(k_h * k_w);
    var squares = 0.0;
    for (var i = 0u; i < k_h; i++) {
        for (var j = 0u; j < k_w; j++) {
            let difference = x[first + (i * w_in + j) * c] - mean;
            squares += difference * difference;
        }
    }
    y[at] = sqrt(squares / f32(k_h * k_w) + epsilon);
}
