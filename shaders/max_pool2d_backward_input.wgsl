// Gradient of max-pooling at its input: every element asks whether it was its window's winner.
//   dx[n, r, s, c] (+)= dy[n, r / k_h, s / k_w, c]  where winner[…] is this element, else 0
// dy, winner, y: [n, h_out, w_out, c], dx: [n, h_in, w_in, c].
// Where the layer below ends in a ReLU (`mask`), its derivative is taken here: the winner's
// value is y. `add` adds to what another reader of the input wrote.
// Grid: one thread per element of dx. CPU twin: src/cpu/max_pool2d.rs.

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
    let len = h_in * w_in * c;
    let n = at / len;
    if (n >= step.n) {
        return;
    }
    let r = ((at / (w_in * c)) % h_in) / k_h;
    let s = ((at / c) % w_in) / k_w;
    var g = 0.0;
    if (r < h_out && s < w_out) {
        let cell = ((n * h_out + r) * w_out + s) * c + at % c;
        if (winner[cell] == at % len && (!mask || y[cell] > 0.0)) {
            g = dy[cell];
        }
    }
    if (add) {
        g += dx[at];
    }
    dx[at] = g;
}
