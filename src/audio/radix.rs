//! Fourier transforms of 2, 4 and 8 complex numbers, one in each lane of vectors. Products are not fused
//! with sums, so that the bits are those of every vector level.

use std::ops::{Add, Sub};

use fearless_simd::{Simd, SimdBase};

/// Cosine and sine.
pub(super) type Turn = [f64; 2];

/// e^(−2πi k / n)
pub(super) fn turn(k: usize, n: usize) -> Turn {
    let (sin, cos) = (std::f64::consts::TAU * (k % n) as f64 / n as f64).sin_cos();
    [cos, -sin]
}

/// A complex number in each lane.
#[derive(Debug, Clone, Copy)]
pub(super) struct Complex<S: Simd> {
    pub(super) re: S::f64s,
    pub(super) im: S::f64s,
}

impl<S: Simd> Add for Complex<S> {
    type Output = Self;

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self { re: self.re + other.re, im: self.im + other.im }
    }
}

impl<S: Simd> Sub for Complex<S> {
    type Output = Self;

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Self { re: self.re - other.re, im: self.im - other.im }
    }
}

impl<S: Simd> Complex<S> {
    /// Floats of a complex vector.
    pub(super) const SIZE: usize = 2 * S::f64s::LEN;

    #[inline(always)]
    pub(super) fn zero(simd: S) -> Self {
        Self { re: S::f64s::splat(simd, 0.0), im: S::f64s::splat(simd, 0.0) }
    }

    #[inline(always)]
    pub(super) fn load(simd: S, from: &[f64]) -> Self {
        let (re, im) = from[..Self::SIZE].split_at(S::f64s::LEN);
        Self { re: S::f64s::from_slice(simd, re), im: S::f64s::from_slice(simd, im) }
    }

    #[inline(always)]
    pub(super) fn store(self, to: &mut [f64]) {
        let (re, im) = to[..Self::SIZE].split_at_mut(S::f64s::LEN);
        self.re.store_slice(re);
        self.im.store_slice(im);
    }

    /// The product with a turn.
    #[inline(always)]
    pub(super) fn turned(self, simd: S, [cos, sin]: Turn) -> Self {
        let (cos, sin) = (S::f64s::splat(simd, cos), S::f64s::splat(simd, sin));
        Self { re: self.re * cos - self.im * sin, im: self.re * sin + self.im * cos }
    }

    /// The sum with −i times another.
    #[inline(always)]
    fn plus_quarter(self, other: Self) -> Self {
        Self { re: self.re + other.im, im: self.im - other.re }
    }

    /// The difference from −i times another.
    #[inline(always)]
    fn minus_quarter(self, other: Self) -> Self {
        Self { re: self.re - other.im, im: self.im + other.re }
    }
}

#[inline(always)]
fn radix2<S: Simd>([a, b]: [Complex<S>; 2]) -> [Complex<S>; 2] {
    [a + b, a - b]
}

#[inline(always)]
fn radix4<S: Simd>([a, b, c, d]: [Complex<S>; 4]) -> [Complex<S>; 4] {
    let ([p, q], [s, t]) = (radix2([a, c]), radix2([b, d]));
    [p + s, q.plus_quarter(t), p - s, q.minus_quarter(t)]
}

#[inline(always)]
pub(super) fn radix8<S: Simd>(simd: S, x: [Complex<S>; 8]) -> [Complex<S>; 8] {
    let [a, b, c, d] = radix4([x[0], x[2], x[4], x[6]]);
    let [p, q, s, t] = radix4([x[1], x[3], x[5], x[7]]);
    // q and t by an eighth and three eighths of a turn.
    let half = S::f64s::splat(simd, std::f64::consts::FRAC_1_SQRT_2);
    let q = Complex::<S> { re: (q.re + q.im) * half, im: (q.im - q.re) * half };
    let t = Complex::<S> { re: (t.im - t.re) * half, im: (t.re + t.im) * half };
    let t_below = |d: Complex<S>| Complex::<S> { re: d.re + t.re, im: d.im - t.im };
    let t_above = |d: Complex<S>| Complex::<S> { re: d.re - t.re, im: d.im + t.im };
    [a + p, b + q, c.plus_quarter(s), t_below(d), a - p, b - q, c.minus_quarter(s), t_above(d)]
}

/// A transform of `N` = 2, 4 or 8.
#[inline(always)]
pub(super) fn radix<S: Simd, const N: usize>(simd: S, x: [Complex<S>; N]) -> [Complex<S>; N] {
    let mut y = x;
    match N {
        2 => y.copy_from_slice(&radix2([x[0], x[1]])),
        4 => y.copy_from_slice(&radix4([x[0], x[1], x[2], x[3]])),
        _ => y.copy_from_slice(&radix8(simd, [x[0], x[1], x[2], x[3], x[4], x[5], x[6], x[7]])),
    }
    y
}
