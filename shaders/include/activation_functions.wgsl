// Activations that are nodes of their own, and their derivatives; src/ops/activation/mod.rs has the formulas. Every
// exponential is of a number of 0 or less. WGSL may assume that there is no NaN: one is found by its bits and passed on.

const ELU = 0u;
const GELU = 1u;
const LEAKY_RELU = 2u;
const SIGMOID = 3u;

// One of these; tanh otherwise.
override function: u32;
// Of a leaky ReLU, below 0.
override slope: f32;

fn is_nan_bits(v: f32) -> bool {
    return (bitcast<u32>(v) & 0x7fffffffu) > 0x7f800000u;
}

// exp(v) for v of 0 or less; exactly 0 below -87, where a driver's exp may not be defined.
fn decay(v: f32) -> f32 {
    return select(exp(max(v, -87.0)), 0.0, v < -87.0);
}

// exp(v) - 1 for v of 0 or less. Near 0 the series, where the difference would lose digits.
fn decay_minus_1(v: f32) -> f32 {
    let tail = 1.0 / 24.0 + v * (1.0 / 120.0 + v * (1.0 / 720.0 + v * (1.0 / 5040.0)));
    let series = v * (1.0 + v * (0.5 + v * (1.0 / 6.0 + v * tail)));
    return select(decay(v) - 1.0, series, v > -0.35);
}

// exp(-v²/2) and the share of a standard normal below v. The polynomial is fitted to exp(v²/2) times the share below
// -|v|; with it the share is within 2e-9, the rest is rounding.
fn normal(v: f32) -> vec2<f32> {
    let e = decay(-0.5 * (v * v));
    let t = 1.0 / (1.0 + 0.35 * abs(v));
    var p = 0.031730466;
    p = p * t - 0.12434903;
    p = p * t + 0.09555649;
    p = p * t + 0.12609924;
    p = p * t + 0.077094965;
    p = p * t + 0.15648508;
    p = p * t + 0.13738279;
    let tail = p * t * e;
    return vec2(e, select(1.0 - tail, tail, v < 0.0));
}

// The derivative of the sigmoid at ±a.
fn bell(a: f32) -> f32 {
    let e = decay(-a);
    let s = 1.0 / (1.0 + e);
    return e * s * s;
}

fn value_at(v: f32) -> f32 {
    if is_nan_bits(v) {
        return v;
    }
    if function == ELU {
        return select(decay_minus_1(min(v, 0.0)), v, v > 0.0);
    }
    if function == GELU {
        return v * normal(v).y;
    }
    if function == LEAKY_RELU {
        return select(slope * v, v, v > 0.0);
    }
    if function == SIGMOID {
        let e = decay(-abs(v));
        let s = 1.0 / (1.0 + e);
        return select(s, e * s, v < 0.0);
    }
    let m = decay_minus_1(-2.0 * abs(v));
    let size = -m / (2.0 + m);
    return select(size, -size, v < 0.0);
}

fn slope_at(v: f32) -> f32 {
    if is_nan_bits(v) {
        return select(v, slope, function == LEAKY_RELU);
    }
    if function == ELU {
        return decay(min(v, 0.0));
    }
    if function == GELU {
        let both = normal(v);
        return both.y + v * (0.3989423 * both.x);
    }
    if function == LEAKY_RELU {
        return select(slope, 1.0, v > 0.0);
    }
    if function == SIGMOID {
        return bell(abs(v));
    }
    return 4.0 * bell(2.0 * abs(v));
}
