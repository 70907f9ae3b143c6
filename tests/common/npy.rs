//! Files in numpy's format, byte by byte, so that nothing here shares code with the reader.

/// The bytes of a npy file, format version 1.
pub fn npy(descr: &str, fortran: bool, shape: &str, data: &[u8]) -> Vec<u8> {
    let order = if fortran { "True" } else { "False" };
    let text = format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}");
    with_header(&text, data)
}

/// The bytes of a npy file with any header text.
pub fn with_header(text: &str, data: &[u8]) -> Vec<u8> {
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    let padded = format!("{text:<0$}\n", (text.len() + 11).next_multiple_of(64) - 11);
    bytes.extend((padded.len() as u16).to_le_bytes());
    bytes.extend(padded.as_bytes());
    bytes.extend(data);
    bytes
}
