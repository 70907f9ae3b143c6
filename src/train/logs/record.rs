//! TensorBoard's records: event messages in the wire format of protocol buffers, framed as TFRecords.
//!
//! Five small messages are written, so that they are here by hand: `tensorboard/compat/proto/event.proto` and
//! `summary.proto` have the numbers of their fields.

/// A field whose value has a length.
const BYTES: u64 = 2;

/// The polynomial of CRC-32C (Castagnoli), bits reversed.
const CASTAGNOLI: u32 = 0x82F6_3B78;

const TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut i = 0;
    while i < 256 {
        let (mut crc, mut bit) = (i as u32, 0);
        while bit < 8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ CASTAGNOLI } else { crc >> 1 };
            bit += 1;
        }
        table[i] = crc;
        i += 1;
    }
    table
};

/// CRC-32C.
pub fn crc32c(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| TABLE[((crc ^ u32::from(*byte)) & 0xFF) as usize] ^ (crc >> 8);
    !bytes.iter().fold(!0, step)
}

/// A sum over bytes that themselves hold sums is masked.
fn masked(crc: u32) -> u32 {
    crc.rotate_right(15).wrapping_add(0xA282_EAD8)
}

/// A TFRecord: length, its checksum, the bytes, theirs.
pub fn framed(message: &[u8]) -> Vec<u8> {
    let length = (message.len() as u64).to_le_bytes();
    let mut frame = length.to_vec();
    frame.extend(masked(crc32c(&length)).to_le_bytes());
    frame.extend(message);
    frame.extend(masked(crc32c(message)).to_le_bytes());
    frame
}

/// A message that is being written.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn number(mut self, field: u64, value: u64) -> Self {
        self.varint(field << 3);
        self.varint(value);
        self
    }

    fn double(mut self, field: u64, value: f64) -> Self {
        self.varint(field << 3 | 1);
        self.0.extend(value.to_le_bytes());
        self
    }

    fn float(mut self, field: u64, value: f32) -> Self {
        self.varint(field << 3 | 5);
        self.0.extend(value.to_le_bytes());
        self
    }

    fn bytes(mut self, field: u64, value: &[u8]) -> Self {
        self.varint(field << 3 | BYTES);
        self.varint(value.len() as u64);
        self.0.extend(value);
        self
    }

    fn message(self, field: u64, value: &Self) -> Self {
        self.bytes(field, &value.0)
    }
}

/// What an event says.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// The first of a file: the format's version.
    Version,
    /// A run starts. After the first one in a folder, what older files have of this step or a later one counts no
    /// more.
    Start,
    /// A number under a tag.
    Scalar(&'a str, f32),
    /// Markdown under a tag.
    Text(&'a str, &'a str),
    /// A picture under a tag.
    Image(&'a str, Image<'a>),
}

/// A PNG file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Image<'a> {
    width: u32,
    height: u32,
    /// 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA.
    channels: u64,
    png: &'a [u8],
}

impl<'a> Image<'a> {
    /// Reads the head of a PNG file; none if it is none.
    pub fn of_png(png: &'a [u8]) -> Option<Self> {
        let head = png.strip_prefix(b"\x89PNG\r\n\x1a\n")?.get(8..18)?;
        let number = |at: usize| head.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes);
        let channels = match head[9] {
            0 => 1,
            4 => 2,
            2 | 3 => 3,
            6 => 4,
            _ => return None,
        };
        Some(Self { width: number(0)?, height: number(4)?, channels, png })
    }
}

/// An `Event` message.
pub fn event(wall_time: f64, step: u64, value: &Value<'_>) -> Vec<u8> {
    let event = Message::default().double(1, wall_time).number(2, step);
    let summary = |tag: &str, content: &dyn Fn(Message) -> Message| {
        let value = content(Message::default().bytes(1, tag.as_bytes()));
        Message::default().message(1, &value)
    };
    let event = match value {
        Value::Version => event.bytes(3, b"brain.Event:2"),
        Value::Start => {
            const START: u64 = 1;
            event.message(7, &Message::default().number(1, START))
        }
        Value::Scalar(tag, x) => event.message(5, &summary(tag, &|value| value.float(2, *x))),
        Value::Text(tag, text) => {
            const STRING: u64 = 7;
            const TENSOR: u64 = 2;
            let plugin = Message::default().bytes(1, b"text");
            let metadata = Message::default().message(1, &plugin).number(4, TENSOR);
            // A tensor without axes.
            let tensor =
                Message::default().number(1, STRING).bytes(2, b"").bytes(8, text.as_bytes());
            let content = |value: Message| value.message(8, &tensor).message(9, &metadata);
            event.message(5, &summary(tag, &content))
        }
        Value::Image(tag, Image { width, height, channels, png }) => {
            let image = Message::default().number(1, (*height).into()).number(2, (*width).into());
            let image = image.number(3, *channels).bytes(4, png);
            event.message(5, &summary(tag, &|value| value.message(4, &image)))
        }
    };
    event.0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 3720, B.4; and the check value of the CRC catalogue.
    #[test]
    fn checksums_are_the_published_ones() {
        let rising: Vec<u8> = (0..32).collect();
        let falling: Vec<u8> = (0..32).rev().collect();
        for (bytes, crc) in [
            (&[0; 32][..], 0x8A91_36AA),
            (&[0xFF; 32], 0x62A8_AB43),
            (&rising, 0x46DD_794E),
            (&falling, 0x113F_DB5C),
            (b"123456789", 0xE306_9283),
            (b"", 0),
        ] {
            assert_eq!(crc32c(bytes), crc);
        }
    }

    /// The first record of a file that TensorFlow wrote at 1.5 s.
    #[test]
    fn a_frame_and_messages_byte_by_byte() {
        let version = event(1.5, 0, &Value::Version);
        let want = b"\x09\0\0\0\0\0\0\xf8\x3f\x10\0\x1a\x0dbrain.Event:2";
        assert_eq!(version, want);
        let frame = framed(&version);
        assert_eq!(frame[..8], [version.len() as u8, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(frame.len(), version.len() + 16);
        assert_eq!(&frame[12..12 + version.len()], version);
        let scalar = event(0.0, 300, &Value::Scalar("loss", 0.5));
        let want = b"\x09\0\0\0\0\0\0\0\0\x10\xac\x02\x2a\x0d\x0a\x0b\x0a\x04loss\x15\0\0\0\x3f";
        assert_eq!(scalar, want);
    }

    #[test]
    fn the_head_of_a_picture_is_read() {
        let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\x01\x02\0\0\0\x03\x08\x02".to_vec();
        let image = Image::of_png(&png).unwrap();
        assert_eq!((image.width, image.height, image.channels), (258, 3, 3));
        assert!(Image::of_png(&png[..20]).is_none() && Image::of_png(b"GIF89a").is_none());
        png[25] = 9;
        assert!(Image::of_png(&png).is_none());
    }
}
