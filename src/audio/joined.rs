//! Files that were put together, end to end: where the next one begins.

use std::io::{self, Read, SeekFrom};

use symphonia::core::io::MediaSource;

use super::stream::read_at;

/// Bytes that are searched at once, and those that tell a beginning.
const BLOCK_BYTES: usize = 1 << 16;
const HEAD_BYTES: usize = 24;
/// An MP4's first box is not longer.
const MOST_FIRST_BOX: u8 = 64;
/// In so many bytes from the end an Ogg page begins, and another one before it.
const TWO_PAGES: u64 = 2 * 65_307;

/// Kinds of files whose beginning cannot be mistaken for sound, and that are not a chain of frames or
/// pages, of which decoders read one file after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Joined {
    Flac,
    Wave,
    Aiff,
    Au,
    Mp4,
}

impl Joined {
    /// The kind of a file that begins so.
    pub(super) fn of(start: &[u8]) -> Option<Self> {
        const KINDS: [Joined; 5] =
            [Joined::Flac, Joined::Wave, Joined::Aiff, Joined::Au, Joined::Mp4];
        KINDS.into_iter().find(|kind| kind.begins(start))
    }

    fn begins(self, bytes: &[u8]) -> bool {
        let has = |at: usize, magic: &[u8]| bytes.get(at..).is_some_and(|x| x.starts_with(magic));
        match self {
            // The first block of data has 34 bytes; the highest bit says whether it is the last.
            Self::Flac => has(0, b"fLaC\0\0\0\x22") || has(0, b"fLaC\x80\0\0\x22"),
            Self::Wave => {
                [b"RIFF", b"RIFX", b"RF64", b"BW64"].iter().any(|magic| has(0, *magic))
                    && has(8, b"WAVE")
            }
            Self::Aiff => has(0, b"FORM") && (has(8, b"AIFF") || has(8, b"AIFC")),
            // An offset below 64 KiB, and one of the encodings.
            Self::Au => {
                has(0, b".snd\0\0")
                    && has(12, &[0; 3])
                    && bytes.get(15).is_some_and(|encoding| (1..=27).contains(encoding))
            }
            Self::Mp4 => {
                has(0, &[0; 3])
                    && has(4, b"ftyp")
                    && bytes.get(3).is_some_and(|size| (16..=MOST_FIRST_BOX).contains(size))
            }
        }
    }

    /// Bytes by which beginnings are searched, and how far they are from the beginning.
    fn word(self) -> (&'static [u8], usize) {
        match self {
            Self::Flac => (b"fLaC", 0),
            Self::Wave => (b"WAVE", 8),
            Self::Aiff => (b"AIF", 8),
            Self::Au => (b".snd", 0),
            Self::Mp4 => (b"ftyp", 4),
        }
    }

    /// Where another file of this kind begins after the one at `begin`, before `end`.
    pub(super) fn next(
        self,
        source: &mut dyn MediaSource,
        begin: u64,
        end: u64,
    ) -> io::Result<Option<u64>> {
        let mut at = begin + 1;
        source.seek(SeekFrom::Start(at))?;
        let mut bytes = Vec::new();
        let (word, offset) = self.word();
        let finder = memchr::memmem::Finder::new(word);
        loop {
            let kept = bytes.len();
            let most = (end - at).saturating_sub(kept as u64).min(BLOCK_BYTES as u64);
            (&mut *source).take(most).read_to_end(&mut bytes)?;
            let is_last = bytes.len() == kept;
            let whole = bytes.len().saturating_sub(if is_last { 0 } else { HEAD_BYTES });
            let mut beginnings = finder.find_iter(&bytes).filter_map(|i| i.checked_sub(offset));
            let found = beginnings.find(|&i| i < whole && self.begins(&bytes[i..]));
            if let Some(found) = found {
                return Ok(Some(at + found as u64));
            }
            if is_last {
                return Ok(None);
            }
            bytes.drain(..whole);
            at += whole as u64;
        }
    }
}

/// The end of the last whole page of an Ogg file that is cut off within a page.
pub(super) fn last_ogg_page(
    source: &mut dyn MediaSource,
    begin: u64,
    end: u64,
) -> io::Result<Option<u64>> {
    let from = end.saturating_sub(TWO_PAGES).max(begin);
    let bytes = read_at(source, from, (end - from) as usize)?;
    let mut last = None;
    for (i, word) in bytes.windows(4).enumerate() {
        if word != b"OggS" {
            continue;
        }
        // A head of 27 bytes, of which the last counts those of the lengths that follow.
        let len = bytes.get(i + 26).and_then(|&count| {
            let lengths = bytes.get(i + 27..i + 27 + usize::from(count))?;
            Some(27 + lengths.len() + lengths.iter().map(|&len| usize::from(len)).sum::<usize>())
        });
        match len.filter(|len| i + len <= bytes.len()) {
            Some(len) => last = Some(i + len),
            // Cut off here, unless these four bytes are within a page.
            None if last.is_some_and(|last| i >= last) => {
                return Ok(last.map(|last| from + last as u64));
            }
            None => {}
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn the_next_beginning_is_found_wherever_blocks_end() {
        let heads: [(Joined, &[u8]); 5] = [
            (Joined::Flac, b"fLaC\0\0\0\x22abc"),
            (Joined::Wave, b"RIFF\xff\xff\xff\xffWAVEfmt "),
            (Joined::Aiff, b"FORM\0\0\x10\0AIFCFVER"),
            (Joined::Au, b".snd\0\0\0\x18\xff\xff\xff\xff\0\0\0\x03"),
            (Joined::Mp4, b"\0\0\0\x20ftypM4A "),
        ];
        for (kind, head) in heads {
            assert_eq!(Joined::of(head), Some(kind));
            for len in [40, BLOCK_BYTES - 30, BLOCK_BYTES - 5, BLOCK_BYTES + 1, 3 * BLOCK_BYTES] {
                let mut bytes = head.to_vec();
                bytes.resize(len, b'f');
                bytes.extend(head);
                let end = bytes.len() as u64;
                let mut source = Cursor::new(bytes);
                assert_eq!(kind.next(&mut source, 0, end).unwrap(), Some(len as u64), "{kind:?}");
                assert_eq!(kind.next(&mut source, len as u64, end).unwrap(), None);
                // Not beyond the end.
                assert_eq!(kind.next(&mut source, 0, len as u64).unwrap(), None);
            }
        }
    }
}
