//! Small sound files of kinds that no tool here need write, and Ogg's checksums.

fn samples() -> impl Iterator<Item = i16> {
    (0..4000i16).map(|i| i.wrapping_mul(97) / 4)
}

/// `.snd`, 16-bit, mono.
pub fn au() -> Vec<u8> {
    let samples: Vec<u8> = samples().flat_map(i16::to_be_bytes).collect();
    let mut bytes = b".snd".to_vec();
    for word in [24, samples.len() as u32, 3, 22_050, 1] {
        bytes.extend(word.to_be_bytes());
    }
    bytes.extend(samples);
    bytes
}

/// AIFF of 16 bits, mono, or AIFF-C if there is a `codec`.
pub fn aiff(codec: &[u8]) -> Vec<u8> {
    let samples: Vec<u8> = match codec.starts_with(b"sowt") {
        true => samples().flat_map(i16::to_le_bytes).collect(),
        false => samples().flat_map(i16::to_be_bytes).collect(),
    };
    let mut bytes = b"FORM".to_vec();
    bytes.extend((46 + codec.len() as u32 + samples.len() as u32).to_be_bytes());
    bytes.extend(if codec.is_empty() { b"AIFF" } else { b"AIFC" });
    bytes.extend(b"COMM");
    bytes.extend((18 + codec.len() as u32).to_be_bytes());
    // 22,050 Hz in 80 bits.
    bytes.extend(b"\0\x01\0\0\x0f\xa0\0\x10\x40\x0d\xac\x44\0\0\0\0\0\0");
    bytes.extend(codec);
    bytes.extend(b"SSND");
    bytes.extend((8 + samples.len() as u32).to_be_bytes());
    bytes.extend([0; 8]);
    bytes.extend(samples);
    bytes
}

/// RF64: 16-bit, mono, its lengths in 64 bits.
pub fn rf64() -> Vec<u8> {
    let samples: Vec<u8> = samples().flat_map(i16::to_le_bytes).collect();
    let mut bytes = b"RF64\xff\xff\xff\xffWAVEds64\x1c\0\0\0".to_vec();
    let lengths = [72 + samples.len() as u64, samples.len() as u64, 4000];
    bytes.extend(lengths.iter().flat_map(|length| length.to_le_bytes()));
    bytes.extend(b"\0\0\0\0fmt \x10\0\0\0\x01\0\x01\0");
    bytes.extend([22_050u32, 44_100].iter().flat_map(|word| word.to_le_bytes()));
    bytes.extend(b"\x02\0\x10\0data\xff\xff\xff\xff");
    bytes.extend(samples);
    bytes
}

/// WAV of ADPCM, IMA's or Microsoft's, in 16 blocks of 256 bytes, mono.
pub fn adpcm(tag: u8) -> Vec<u8> {
    // Samples of a block, and Microsoft's seven pairs of coefficients.
    let more: &[u16] = match tag {
        2 => &[500, 7, 256, 0, 512, 65_280, 0, 0, 192, 64, 240, 0, 460, 65_328, 392, 65_304],
        _ => &[505],
    };
    let mut bytes = b"RIFF\0\0\0\0WAVEfmt ".to_vec();
    bytes.extend([18 + 2 * more.len() as u8, 0, 0, 0, tag, 0, 1, 0]);
    bytes.extend([22_050u32, 11_100].iter().flat_map(|word| word.to_le_bytes()));
    bytes.extend([256u16, 4, 2 * more.len() as u16].iter().flat_map(|word| word.to_le_bytes()));
    bytes.extend(more.iter().flat_map(|word| word.to_le_bytes()));
    bytes.extend(b"data\0\x10\0\0");
    for block in 0..16u8 {
        bytes.extend([block % 7, 0, 2 * block, 0]);
        // Small steps: Microsoft's grow without bound at large ones.
        bytes.extend((0..252u8).map(|i| i.wrapping_mul(37) & 0x33));
    }
    bytes
}

/// Puts the checksums of Ogg's pages right, so that damage reaches what is in them.
pub fn sum_pages(bytes: &mut [u8]) {
    let mut at = 0;
    while let Some(found) = bytes[at..].windows(4).position(|word| word == b"OggS") {
        let page = at + found;
        let Some(&segments) = bytes.get(page + 26) else { return };
        let Some(table) = bytes.get(page + 27..page + 27 + usize::from(segments)) else { return };
        let body: usize = table.iter().map(|&len| usize::from(len)).sum();
        let end = (page + 27 + usize::from(segments) + body).min(bytes.len());
        bytes[page + 22..page + 26].fill(0);
        let sum = bytes[page..end].iter().fold(0u32, |sum, &byte| {
            (0..8).fold(sum ^ u32::from(byte) << 24, |sum, _| {
                sum << 1 ^ if sum >> 31 == 1 { 0x04c1_1db7 } else { 0 }
            })
        });
        bytes[page + 22..page + 26].copy_from_slice(&sum.to_le_bytes());
        at = page + 27;
    }
}
