// What the kernels share that reduce the gradients of all parameters: the loop over a chunk, which calls
//   update(chunk, k, gradient)   for each element, its gradient without the penalty's; returns the weight's square
//   finish(number, local)        of every thread at the end
// of the kernel. A g that is split is reduced here from its partial sums (split-K), so that the reduction needs no
// dispatch of its own:
//   g[k] = Σ_p parts[start + p · stride + k],  p in 0..ceil(n / samples_per_part) · parts_per_sample
//
//   thread        element        parts                     256 / lanes elements; lane l of an element adds every
//   0 … width-1   k … k+width-1  0, lanes, 2 · lanes, …    lanes-th part from l on, in eight sums of which eight
//   width …       k … k+width-1  1, lanes + 1, …           loads are in flight at once; then a tree adds the lanes
//
// The penalty on the weights before the step comes in shares, which the host adds:
//   penalties[index, share] = l2 · Σ w[k]²  over the elements k of the share's chunk; index is the step's
// Where a switch says that there is nothing to share or to sum, compilers see that there is no barrier.
// Grid: one workgroup per chunk.

// Whether any chunk has more than one lane.
override shares_parts: bool;

/// Part p of the element whose first part is at `at`, or 0 behind the last.
fn part(at: u32, stride: u32, p: u32, count: u32) -> f32 {
    return select(0.0, parts[at + min(p, count - 1u) * stride], p < count);
}

/// The sum of every lanes-th part from `lane` on of element `i` of the chunk.
fn sum_of_lane(chunk: Chunk, i: u32, lane: u32) -> f32 {
    let at = chunk.start + i;
    let count = (step.n + chunk.samples_per_part - 1u) / chunk.samples_per_part * chunk.parts_per_sample;
    let next = chunk.lanes;
    var even = vec4(0.0);
    var odd = vec4(0.0);
    for (var p = lane; p < count; p += 8u * next) {
        even += vec4(
            part(at, chunk.stride, p, count),
            part(at, chunk.stride, p + 2u * next, count),
            part(at, chunk.stride, p + 4u * next, count),
            part(at, chunk.stride, p + 6u * next, count),
        );
        odd += vec4(
            part(at, chunk.stride, p + next, count),
            part(at, chunk.stride, p + 3u * next, count),
            part(at, chunk.stride, p + 5u * next, count),
            part(at, chunk.stride, p + 7u * next, count),
        );
    }
    return even.x + odd.x + even.y + odd.y + even.z + odd.z + even.w + odd.w;
}

@compute @workgroup_size(256)
fn main(group: Workgroup, @builtin(local_invocation_index) local: u32) {
    let number = group_index(group);
    // A grid that is folded over y may have more workgroups than chunks.
    if number >= arrayLength(&chunks) {
        return;
    }
    let chunk = chunks[number];
    var squares = 0.0;
    if chunk.parts_per_sample == 0u {
        for (var i = local; i < chunk.len; i += 256u) {
            squares += update(chunk, chunk.at + i, g[chunk.at + i]);
        }
    } else {
        let width = 256u / chunk.lanes;
        let i = local % width;
        let lane = local / width;
        var gradient = 0.0;
        if i < chunk.len {
            gradient = sum_of_lane(chunk, i, lane);
        }
        if shares_parts && chunk.lanes > 1u {
            sums[local] = gradient;
            for (var half = chunk.lanes / 2u; half > 0u; half /= 2u) {
                workgroupBarrier();
                if lane < half {
                    sums[local] += sums[local + half * width];
                }
            }
            gradient = sums[local];
            workgroupBarrier();
        }
        if lane == 0u && i < chunk.len {
            squares = update(chunk, chunk.at + i, gradient);
        }
    }
    if penalties_per_step > 0u && chunk.l2 != 0.0 {
        let sum = workgroup_sum(squares, local);
        if local == 0u {
            penalties[step.index * penalties_per_step + chunk.penalty] = chunk.l2 * sum;
        }
    }
    finish(number, local);
}
