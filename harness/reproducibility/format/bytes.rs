//! Numbers and times in files, read at an offset that may lie behind the end.

/// Returns some bytes at an offset.
pub(super) fn at<const LENGTH: usize>(bytes: &[u8], offset: usize) -> Option<[u8; LENGTH]> {
    bytes
        .get(offset..offset.checked_add(LENGTH)?)?
        .try_into()
        .ok()
}

/// Returns a little-endian number of two bytes.
pub(super) fn little_u16(bytes: &[u8], offset: usize) -> Option<u16> {
    at(bytes, offset).map(u16::from_le_bytes)
}

/// Returns a little-endian number of four bytes, as an offset or a length.
pub(super) fn little_u32(bytes: &[u8], offset: usize) -> Option<usize> {
    usize::try_from(u32::from_le_bytes(at(bytes, offset)?)).ok()
}

/// Returns a big-endian number of four bytes, as an offset or a length.
pub(super) fn big_u32(bytes: &[u8], offset: usize) -> Option<usize> {
    usize::try_from(u32::from_be_bytes(at(bytes, offset)?)).ok()
}

/// Returns bytes as hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}
