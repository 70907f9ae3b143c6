// Measures arithmetic: step.n rounds of four multiply-adds in each of eight independent chains, which is as many as
// a processor's registers hold too.
// x: factor, summand and the first values of the chains; y [len], written so that no work can be removed.
// Grid: one thread per element of y. CPU twin: src/cpu/rates.rs.

//!include step

override len: u32;

@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(group: Workgroup, @builtin(local_invocation_index) local: u32) {
    let at = thread_index(group, local);
    if at >= len {
        return;
    }
    let a = x[0];
    let b = x[1];
    var s0 = x[2];
    var s1 = x[3];
    var s2 = x[4];
    var s3 = x[5];
    var s4 = x[6];
    var s5 = x[7];
    var s6 = x[8];
    var s7 = x[9];
    for (var i = 0u; i < step.n; i++) {
        s0 = fma(s0, a, b);
        s1 = fma(s1, a, b);
        s2 = fma(s2, a, b);
        s3 = fma(s3, a, b);
        s4 = fma(s4, a, b);
        s5 = fma(s5, a, b);
        s6 = fma(s6, a, b);
        s7 = fma(s7, a, b);
        s0 = fma(s0, a, b);
        s1 = fma(s1, a, b);
        s2 = fma(s2, a, b);
        s3 = fma(s3, a, b);
        s4 = fma(s4, a, b);
        s5 = fma(s5, a, b);
        s6 = fma(s6, a, b);
        s7 = fma(s7, a, b);
        s0 = fma(s0, a, b);
        s1 = fma(s1, a, b);
        s2 = fma(s2, a, b);
        s3 = fma(s3, a, b);
        s4 = fma(s4, a, b);
        s5 = fma(s5, a, b);
        s6 = fma(s6, a, b);
        s7 = fma(s7, a, b);
        s0 = fma(s0, a, b);
        s1 = fma(s1, a, b);
        s2 = fma(s2, a, b);
        s3 = fma(s3, a, b);
        s4 = fma(s4, a, b);
        s5 = fma(s5, a, b);
        s6 = fma(s6, a, b);
        s7 = fma(s7, a, b);
    }
    y[at] = s0 + s1 + s2 + s3 + s4 + s5 + s6 + s7;
}
