// max_pool2d_backward_input by windows: a thread asks once who won and writes its whole window.
//   dx[n, r, s, c] (+)= dy[n, r / k_h, s / k_w, c]  where winner[…] is this element, else 0
// Shapes as there, `mask` and `add` too. The rest at the border, which no window covers, is cut
// into windows as well, without a winner: so every element of dx has one owner.
// A real GPU is bound by writing dx.
// Grid: one thread per window and channel, batch · ceil(h_in / k_h) · ceil(w_in / k_w) · c.
// CPU twin: src/cpu/max_pool2d.rs.

override h_in: u32;
override w_in: u32;
override c: u32;
override h_out: u32;
override w_out: u32;
override k_h: u32;
override k_w: u32;
override mask: bool;
override add: bool;

@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read> winner: array<u32>;
@group(0) @binding(3) var<storage, read> y: array<f32>;
@group(0) @binding(4) var<storage, read_write> dx: array<f32>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let at = linear(group, groups, local);
    let rows = (h_in + k_h - 1u) / k_h;
    let columns = (w_in + k_w - 1u) / k_w;
    let n = at / (rows * columns * c);
    if (n >= step.n) {
        return;
    }
    let r = (at / (columns * c)) % rows;
    let s = (at / c) % columns;
    var g = 0.0;
    var place = 0xffffffffu;
    if (r < h_out && s < w_out) {
        let cell = ((n * h_out + r) * w_out + s) * c + at % c;
        g = dy[cell];
        place = winner[cell];
        if (mask && !(y[cell] > 0.0)) {
            g = 0.0;
        }
    }
    let sample = n * h_in * w_in * c;
    for (var i = r * k_h; i < min((r + 1u) * k_h, h_in); i++) {
        for (var j = s * k_w; j < min((s + 1u) * k_w, w_in); j++) {
            let here = (i * w_in + j) * c + at % c;
            var v = select(0.0, g, here == place);
            if (add) {
                v += dx[sample + here];
            }
            dx[sample + here] = v;
        }
    }
}
