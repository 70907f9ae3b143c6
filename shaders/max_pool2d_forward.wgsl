// Max-pooling, stride = window:
//   y[n, r, s, c] = max_{i,j} x[n, r·k_h + i, s·k_w + j, c]
//   winner[n, r, s, c] = index of the first maximum (row-major) within its sample of x
// x: [n, h_in, w_in, c], y and winner: [n, h_out, w_out, c]; a rest at the border is dropped.
// Grid: one thread per element of y. CPU twin: src/cpu/max_pool2d.rs.

override h_in: u32;
override w_in: u32;
override c: u32;
override h_out: u32;
override w_out: u32;
override k_h: u32;
override k_w: u32;

@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<storage, read_write> winner: array<u32>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let at = linear(group, groups, local);
    let n = at / (h_out * w_out * c);
    if (n >= step.n) {
        return;
    }
    let r = (at / (w_out * c)) % h_out;
    let s = (at / c) % w_out;
    let sample = n * h_in * w_in * c;
    var place = ((r * k_h) * w_in + s * k_w) * c + at % c;
    var best = x[sample + place];
    for (var i = 0u; i < k_h; i++) {
        for (var j = 0u; j < k_w; j++) {
            let here = ((r * k_h + i) * w_in + s * k_w + j) * c + at % c;
            let v = x[sample + here];
            if (v > best) {
                best = v;
                place = here;
            }
        }
    }
    y[at] = best;
    winner[at] = place;
}
