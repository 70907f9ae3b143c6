// The step of an optimiser with weight decay: gradient descent, or Adam with the correction of both biases in the rate:
//   w ← w - decay · w,  then  m ← m + gain_1 · (g - m),  v ← v + gain_2 · (g² - v),  w ← w - rate · m / (√v + epsilon)
// moments: the velocity, or Adam's first moments and, from `second_moment` on, its second ones.
// first_not_finite becomes the number of the call's first step after which a weight is not finite, tested by bits.

override adam: bool;
override second_moment: u32;

// Takes the step of element k.
fn take_step(k: u32, slope: f32, decay: f32) {
    var weight = w[k];
    weight -= decay * weight;
    let first = moments[k];
    if adam {
        let second = moments[second_moment + k];
        let m = first + (slope - first) * step.gain_1;
        let v = second + (slope * slope - second) * step.gain_2;
        moments[k] = m;
        moments[second_moment + k] = v;
        weight -= m * step.learning_rate / (sqrt(v) + step.epsilon);
    } else {
        let velocity = step.momentum * first - step.learning_rate * slope;
        moments[k] = velocity;
        if step.nesterov != 0u {
            weight += step.momentum * velocity - step.learning_rate * slope;
        } else {
            weight += velocity;
        }
    }
    w[k] = weight;
    if (bitcast<u32>(weight) & 0x7f800000u) == 0x7f800000u {
        atomicMin(&first_not_finite, step.index);
    }
}

// What of a chunk's weights a step takes away. Moving statistics do not decay.
fn decay_of(chunk: Chunk) -> f32 {
    return select(step.decay, 0.0, chunk.samples_per_part == 0u);
}
