// Augmentation of a sample [h, w, c] while it is copied: rolled along time, then masked over bands
// (rows) and frames (columns). CPU twin: src/ops/gather/cpu.rs.

// Elements of a sample, its frames and channels.
override len: u32;
override w: u32;
override c: u32;

struct Augmentation {
    roll: u32,
    band: u32,    // first masked band
    bands: u32,   // number of masked bands
    frame: u32,   // first masked frame
    frames: u32,  // number of masked frames
    gain: f32,
    fill: f32,
}

// The samples that lie in a buffer.
struct SampleRange {
    first: u32,
    count: u32,
}

// Whether element `at` of a sample is masked. A difference below 0 wraps to more than any count.
fn is_masked(augmentation: Augmentation, at: u32) -> bool {
    let r = at / (w * c);
    let s = at / c % w;
    return (r - augmentation.band < augmentation.bands) | (s - augmentation.frame < augmentation.frames);
}

// The element of the sample that element `at` is a copy of.
fn rolled(augmentation: Augmentation, at: u32) -> u32 {
    let r = at / (w * c);
    let s = at / c % w;
    return (r * w + (s + augmentation.roll) % w) * c + at % c;
}
