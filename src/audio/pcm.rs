//! Uncompressed samples, and those of G.711, as numbers.

/// How one sample is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    /// 8 bits, 128 is zero.
    U8,
    /// Whole numbers of 8, 16, 24 or 32 bits.
    Int(u8),
    /// Floating point of 32 or 64 bits.
    Float(u8),
    /// ITU-T G.711.
    MuLaw,
    /// ITU-T G.711.
    ALaw,
}

/// How samples are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pcm {
    pub(super) encoding: Encoding,
    pub(super) big_endian: bool,
}

impl Pcm {
    /// Whole numbers of so many bytes, 1 to 4.
    pub(super) fn int(bytes: usize, big_endian: bool) -> Option<Self> {
        let bits = [8, 16, 24, 32].get(bytes.checked_sub(1)?)?;
        Some(Self { encoding: Encoding::Int(*bits), big_endian })
    }

    /// Floating point of 4 or 8 bytes.
    pub(super) fn float(bytes: usize, big_endian: bool) -> Option<Self> {
        let bits = [4, 8].contains(&bytes).then_some(8 * bytes as u8)?;
        Some(Self { encoding: Encoding::Float(bits), big_endian })
    }

    /// Samples of a byte, which have no order of bytes.
    pub(super) fn of(encoding: Encoding) -> Self {
        Self { encoding, big_endian: true }
    }

    /// Bytes of one sample.
    pub(super) fn bytes(self) -> usize {
        match self.encoding {
            Encoding::U8 | Encoding::MuLaw | Encoding::ALaw => 1,
            Encoding::Int(bits) | Encoding::Float(bits) => usize::from(bits / 8),
        }
    }

    /// The samples of `data`, ±1; an incomplete last one is dropped.
    pub(super) fn values(self, data: &[u8]) -> Vec<f32> {
        match (self.encoding, self.big_endian) {
            (Encoding::U8, _) => data.iter().map(|&x| (f32::from(x) - 128.0) / 128.0).collect(),
            (Encoding::MuLaw, _) => data.iter().map(|&x| f32::from(mu_law(x)) / 32_768.0).collect(),
            (Encoding::ALaw, _) => data.iter().map(|&x| f32::from(a_law(x)) / 32_768.0).collect(),
            (Encoding::Int(16), true) => {
                each(data, |b| f32::from(i16::from_be_bytes(b)) / 32_768.0)
            }
            (Encoding::Int(16), false) => {
                each(data, |b| f32::from(i16::from_le_bytes(b)) / 32_768.0)
            }
            (Encoding::Int(24), true) => {
                each(data, |[a, b, c]| of_32(i32::from_be_bytes([a, b, c, 0])))
            }
            (Encoding::Int(24), false) => {
                each(data, |[a, b, c]| of_32(i32::from_le_bytes([0, a, b, c])))
            }
            (Encoding::Int(32), true) => each(data, |b| of_32(i32::from_be_bytes(b))),
            (Encoding::Int(32), false) => each(data, |b| of_32(i32::from_le_bytes(b))),
            (Encoding::Int(_), _) => each(data, |[x]| f32::from(x as i8) / 128.0),
            (Encoding::Float(64), true) => each(data, |b| f64::from_be_bytes(b) as f32),
            (Encoding::Float(64), false) => each(data, |b| f64::from_le_bytes(b) as f32),
            (Encoding::Float(_), true) => each(data, f32::from_be_bytes),
            (Encoding::Float(_), false) => each(data, f32::from_le_bytes),
        }
    }
}

fn of_32(x: i32) -> f32 {
    x as f32 / 2_147_483_648.0
}

/// Converts whole elements.
fn each<const BYTES: usize>(data: &[u8], value: impl Fn([u8; BYTES]) -> f32) -> Vec<f32> {
    data.as_chunks().0.iter().map(|&element| value(element)).collect()
}

/// One sample of ITU-T G.711's mu-law as 16 bits.
fn mu_law(byte: u8) -> i16 {
    const BIAS: i16 = 0x84;
    let byte = !byte;
    let magnitude = ((i16::from(byte & 0x0f) << 3) + BIAS) << ((byte & 0x70) >> 4);
    if byte & 0x80 == 0 { magnitude - BIAS } else { BIAS - magnitude }
}

/// One sample of ITU-T G.711's A-law as 16 bits.
fn a_law(byte: u8) -> i16 {
    // Every other bit is stored inverted.
    let byte = byte ^ 0x55;
    let (segment, step) = ((byte & 0x70) >> 4, i16::from(byte & 0x0f) << 4);
    let magnitude = if segment == 0 { step + 8 } else { (step + 0x108) << (segment - 1) };
    if byte & 0x80 == 0 { -magnitude } else { magnitude }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mu_law_has_the_values_of_g711() {
        // The decoder output values of G.711, table 2a, times 4 to fill 16 bits.
        for (byte, want) in [
            (0x00, -32_124),
            (0x0f, -16_764),
            (0x10, -15_996),
            (0x70, -120),
            (0x7e, -8),
            (0x7f, 0),
            (0x80, 32_124),
            (0xef, 132),
            (0xfe, 8),
            (0xff, 0),
        ] {
            assert_eq!(mu_law(byte), want, "{byte:#04x}");
        }
        assert_eq!(Pcm::of(Encoding::MuLaw).values(&[0x80, 0xff]), [32_124.0 / 32_768.0, 0.0]);
    }

    #[test]
    fn a_law_has_the_values_of_g711() {
        // The decoder output values of G.711, table 1a, times 8 to fill 16 bits.
        for (byte, want) in [
            (0xd5, 8),
            (0x55, -8),
            (0xd4, 24),
            (0xc5, 264),
            (0xf5, 528),
            (0x80, 5504),
            (0x00, -5504),
            (0xaa, 32_256),
            (0x2a, -32_256),
        ] {
            assert_eq!(a_law(byte), want, "{byte:#04x}");
        }
        let values = Pcm::of(Encoding::ALaw).values(&[0xaa, 0x55]);
        assert_eq!(values, [32_256.0 / 32_768.0, -8.0 / 32_768.0]);
    }

    #[test]
    fn every_width_reaches_its_ends_in_both_orders_of_bytes() {
        for (pcm, big, want) in [
            (Pcm::int(1, true), &[0x80u8, 0x40, 0xff][..], &[-1.0, 0.5, -1.0 / 128.0][..]),
            (Pcm::int(2, true), &[0x80, 0, 0x40, 0, 0, 1], &[-1.0, 0.5, 1.0 / 32_768.0]),
            (
                Pcm::int(3, true),
                &[0x80, 0, 0, 0x40, 0, 0, 0, 0, 1],
                &[-1.0, 0.5, 1.0 / 8_388_608.0],
            ),
            (Pcm::int(4, true), &[0x80, 0, 0, 0, 0x40, 0, 0, 0], &[-1.0, 0.5]),
            (Pcm::float(4, true), &0.3f32.to_be_bytes(), &[0.3]),
            (Pcm::float(8, true), &0.3f64.to_be_bytes(), &[0.3]),
        ] {
            let pcm = pcm.unwrap();
            assert_eq!(pcm.values(big), want, "{pcm:?}");
            let little: Vec<u8> =
                big.chunks(pcm.bytes()).flat_map(|x| x.iter().rev().copied()).collect();
            let pcm = Pcm { big_endian: false, ..pcm };
            assert_eq!(pcm.values(&little), want, "{pcm:?}");
        }
        assert_eq!(Pcm::of(Encoding::U8).values(&[0, 128, 192]), [-1.0, 0.0, 0.5]);
        assert_eq!((Pcm::int(5, true), Pcm::int(0, true), Pcm::float(2, true)), (None, None, None));
    }
}
