// batch_norm/moments.wgsl by four channels, for c % 4 = 0:
//   parts[p, 0, c] = mean over the part's positions of x[position, c]
//   parts[p, 1, c] = Σ (x[position, c] - that mean)²
// x [n · rows, c]. Each thread walks down its positions twice, for their mean and for the squares about it; then the
// lanes of a column are joined. The kernels that normalise join the parts (include/batch_norm_stats.wgsl).
// Grid: one workgroup per part and 64 columns. CPU twin: src/ops/batch_norm/cpu.rs.

//!include step, batch_norm, batch_norm_moments, batch_norm_part_moments

alias Channels = vec4<f32>;
