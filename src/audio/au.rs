//! Sun's and NeXT's .au files, in which GTZAN was first distributed.
//!
//! Big-endian words: ".snd", offset of the data, their number of bytes (all ones or 0 if unknown: up
//! to the end of the file), encoding, sample rate, channels; then text, then the data.

use super::sound::Sound;

const MAGIC: [u8; 4] = *b".snd";
const HEADER_BYTES: usize = 24;
const UNKNOWN_SIZE: u32 = u32::MAX;
/// More channels are taken for a damaged header.
const MOST_CHANNELS: usize = 64;

/// Whether a file has the magic bytes of an .au file.
pub(super) fn is_au(bytes: &[u8]) -> bool {
    bytes.starts_with(&MAGIC)
}

/// The sound of a whole file, or the problem with it.
pub(super) fn decode(bytes: &[u8]) -> Result<Sound, String> {
    let words = bytes.get(MAGIC.len()..HEADER_BYTES).unwrap_or_default().as_chunks().0;
    let &[start, size, encoding, sample_rate_hz, channels] = words else {
        return Err(format!("an .au header has 24 bytes, found {}", bytes.len()));
    };
    let [start, size, encoding, sample_rate_hz, channels] =
        [start, size, encoding, sample_rate_hz, channels].map(u32::from_be_bytes);
    let (start, channels) = (start as usize, channels as usize);
    let data = bytes.get(start..).filter(|_| start >= HEADER_BYTES).ok_or_else(|| {
        format!("the .au header has its data begin at byte {start} of {}", bytes.len())
    })?;
    if !(1..=MOST_CHANNELS).contains(&channels) {
        return Err(format!("the .au header has {channels} channels"));
    }
    let size = Some(size as usize).filter(|_| size != UNKNOWN_SIZE && size != 0);
    let samples: Vec<f32> = {
        let bytes = size.unwrap_or(data.len());
        let data = data.get(..bytes).unwrap_or(data);
        match encoding {
            1 => data.iter().map(|&byte| f32::from(mu_law(byte)) / 32_768.0).collect(),
            2 => data.iter().map(|&byte| f32::from(byte as i8) / 128.0).collect(),
            3 => each(data, |b| f32::from(i16::from_be_bytes(b)) / 32_768.0),
            4 => each(data, |[a, b, c]| i32::from_be_bytes([a, b, c, 0]) as f32 / 2_147_483_648.0),
            5 => each(data, |b| i32::from_be_bytes(b) as f32 / 2_147_483_648.0),
            6 => each(data, f32::from_be_bytes),
            7 => each(data, |b| f64::from_be_bytes(b) as f32),
            27 => data.iter().map(|&byte| f32::from(a_law(byte)) / 32_768.0).collect(),
            _ => {
                return Err(format!(
                    "expected .au encoding 1 (mu-law), 2 to 5 (8 to 32 bit PCM), 6, 7 (float) or \
                     27 (A-law), found {encoding}"
                ));
            }
        }
    };
    let damage = size
        .filter(|&size| data.len() < size)
        .map(|size| format!("its header promises {size} bytes of sound, there are {}", data.len()));
    let mut sound = Sound { damage, ..Sound::empty(sample_rate_hz) };
    sound.extend(&samples, channels);
    Ok(sound)
}

/// Converts whole elements; an incomplete last one is dropped.
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

    fn file(start: u32, size: u32, encoding: u32, channels: u32, data: &[u8]) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        for word in [start, size, encoding, 22_050, channels] {
            bytes.extend(word.to_be_bytes());
        }
        bytes.resize(start as usize, b'#');
        bytes.extend(data);
        bytes
    }

    fn samples(encoding: u32, data: &[u8]) -> Vec<f32> {
        let sound = decode(&file(28, data.len() as u32, encoding, 1, data)).unwrap();
        assert_eq!((sound.sample_rate_hz, sound.damage), (22_050, None));
        sound.samples
    }

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
        assert_eq!(samples(1, &[0x80, 0xff]), [32_124.0 / 32_768.0, 0.0]);
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
        assert_eq!(samples(27, &[0xaa, 0x55]), [32_256.0 / 32_768.0, -8.0 / 32_768.0]);
    }

    #[test]
    fn every_width_reaches_its_ends() {
        assert_eq!(samples(2, &[0x80, 0x40, 0xff]), [-1.0, 0.5, -1.0 / 128.0]);
        assert_eq!(samples(3, &[0x80, 0, 0x40, 0, 0, 1]), [-1.0, 0.5, 1.0 / 32_768.0]);
        assert_eq!(samples(4, &[0x80, 0, 0, 0x40, 0, 0, 0, 0, 1]), [-1.0, 0.5, 1.0 / 8_388_608.0]);
        assert_eq!(samples(5, &[0x80, 0, 0, 0, 0x40, 0, 0, 0]), [-1.0, 0.5]);
        assert_eq!(samples(6, &0.3f32.to_be_bytes()), [0.3]);
        assert_eq!(samples(7, &0.3f64.to_be_bytes()), [0.3]);
    }

    #[test]
    fn channels_become_their_mean_and_the_size_is_honoured() {
        let data = [0x40, 0, 0, 0, 0x20, 0, 0x20, 0, 0x7f, 0xff, 0x7f, 0xff];
        let stereo = decode(&file(24, 8, 3, 2, &data)).unwrap();
        assert_eq!(stereo.samples, [0.25, 0.25], "what follows the data is not sound");
        for size in [UNKNOWN_SIZE, 0] {
            let unknown = decode(&file(24, size, 3, 2, &data)).unwrap();
            assert_eq!((unknown.samples.len(), unknown.damage), (3, None), "{size}");
        }
        let cut_off = decode(&file(24, 400, 3, 2, &data[..11])).unwrap();
        assert_eq!(cut_off.samples.len(), 2);
        assert!(cut_off.damage.unwrap().contains("400"));
    }

    #[test]
    fn a_header_that_cannot_be_is_named() {
        let whole = file(24, 4, 3, 1, &[0; 4]);
        for (bytes, told) in [
            (&whole[..23], "24 bytes, found 23"),
            (&file(24, 4, 23, 1, &[0; 4]), "found 23"),
            (&file(24, 4, 3, 0, &[0; 4]), "0 channels"),
        ] {
            let problem = decode(bytes).unwrap_err();
            assert!(problem.contains(told), "{problem}");
        }
        for start in [3u32, 1000] {
            let mut bytes = whole.clone();
            bytes[4..8].copy_from_slice(&start.to_be_bytes());
            assert!(decode(&bytes).unwrap_err().contains("begin"), "{start}");
        }
    }
}
