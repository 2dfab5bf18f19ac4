//! The 512 bytes of a header, as v7, ustar, PAX and GNU write them.

use super::error::TarError;

/// A tar block.
pub(super) const BLOCK: usize = 512;

/// One header block whose checksum is right.
#[derive(Clone, Debug)]
pub(super) struct Header([u8; BLOCK]);

impl Header {
    /// Takes a block; `offset` is for the message.
    pub(super) fn parse(block: &[u8; BLOCK], offset: u64) -> Result<Self, TarError> {
        let header = Self(*block);
        let expected = header.number(148..156, "checksum")?;
        let sum = |signed: bool| -> i64 {
            let value = |(index, &byte): (usize, &u8)| {
                let byte = if (148..156).contains(&index) {
                    b' '
                } else {
                    byte
                };
                if signed {
                    i64::from(byte.cast_signed())
                } else {
                    i64::from(byte)
                }
            };
            block.iter().enumerate().map(value).sum()
        };
        // Some old tars summed signed bytes.
        if expected == sum(false) || expected == sum(true) {
            Ok(header)
        } else {
            Err(TarError::Checksum { offset })
        }
    }

    pub(super) fn kind(&self) -> u8 {
        self.0[156]
    }

    /// Returns the name; ustar's prefix is part of it, GNU has other fields there.
    pub(super) fn name(&self) -> Vec<u8> {
        let name = text(&self.0[..100]);
        let prefix = text(&self.0[345..500]);
        if &self.0[257..263] != b"ustar\0" || prefix.is_empty() {
            return name.to_vec();
        }
        [prefix, b"/", name].concat()
    }

    pub(super) fn link(&self) -> Vec<u8> {
        text(&self.0[157..257]).to_vec()
    }

    pub(super) fn mode(&self) -> Result<u32, TarError> {
        let mode = self.number(100..108, "mode")?;
        u32::try_from(mode & 0o7777).map_err(|_| TarError::Number { field: "mode" })
    }

    pub(super) fn uid(&self) -> Result<i64, TarError> {
        self.number(108..116, "uid")
    }

    pub(super) fn gid(&self) -> Result<i64, TarError> {
        self.number(116..124, "gid")
    }

    pub(super) fn size(&self) -> Result<u64, TarError> {
        let size = self.number(124..136, "size")?;
        u64::try_from(size).map_err(|_| TarError::Number { field: "size" })
    }

    pub(super) fn mtime(&self) -> Result<i64, TarError> {
        self.number(136..148, "mtime")
    }

    /// Returns a device's numbers, which the kernel can hold.
    pub(super) fn device(&self) -> Result<(u32, u32), TarError> {
        let field = "device number";
        let number = |range, limit: i64| match self.number(range, field) {
            Ok(number @ 0..) if number <= limit => {
                u32::try_from(number).map_err(|_| TarError::Number { field })
            }
            Ok(_) => Err(TarError::Number { field }),
            Err(error) => Err(error),
        };
        // The kernel's dev_t has twelve bits for the driver and twenty for its device.
        Ok((number(329..337, 0xfff)?, number(337..345, 0xf_ffff)?))
    }

    /// Returns the bytes of an old GNU sparse header's map, and whether more blocks of it follow.
    pub(super) fn sparse_map(&self) -> (&[u8], bool) {
        (&self.0[386..482], self.0[482] != 0)
    }

    pub(super) fn sparse_size(&self) -> Result<u64, TarError> {
        let size = parse_number(&self.0[483..495]);
        size.and_then(|size| u64::try_from(size).ok())
            .ok_or(TarError::Number {
                field: "sparse size",
            })
    }

    fn number(&self, range: std::ops::Range<usize>, field: &'static str) -> Result<i64, TarError> {
        parse_number(&self.0[range]).ok_or(TarError::Number { field })
    }
}

/// Returns a field up to its first NUL.
fn text(field: &[u8]) -> &[u8] {
    let end = field.iter().position(|&byte| byte == 0);
    &field[..end.unwrap_or(field.len())]
}

/// Parses a number of a header: octal with blanks around it, or base-256, whose first bit is set. An empty field is 0.
pub(super) fn parse_number(field: &[u8]) -> Option<i64> {
    let (&first, rest) = field.split_first()?;
    if first & 0x80 != 0 {
        // Two's complement; the bit that marks the format is not part of the number.
        let negative = first & 0x40 != 0;
        let start = if negative {
            i128::from(first | 0x80) - 256
        } else {
            i128::from(first & 0x3f)
        };
        let value = rest.iter().try_fold(start, |value, &byte| {
            value.checked_mul(256)?.checked_add(i128::from(byte))
        })?;
        return i64::try_from(value).ok();
    }
    let digits = text(field).trim_ascii();
    if digits.is_empty() {
        return Some(0);
    }
    digits.iter().try_fold(0_i64, |value, digit| match digit {
        b'0'..=b'7' => value.checked_mul(8)?.checked_add(i64::from(digit - b'0')),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_octal_or_base_256() {
        let table: [(&[u8], Option<i64>); 9] = [
            (b"0000755\0", Some(0o755)),
            (b"   755 \0", Some(0o755)),
            (b"77777777", Some(0o77_777_777)),
            (b"\0\0\0\0\0\0\0\0", Some(0)),
            (b"0000789\0", None),
            (b"-000001\0", None),
            (&[0x80, 0, 0, 0, 0, 0x20, 0, 1], Some(0x20_0001)),
            (&[0xff, 255, 255, 255, 255, 255, 255, 254], Some(-2)),
            (
                &[0x80, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255],
                None,
            ),
        ];
        for (field, expected) in table {
            assert_eq!(parse_number(field), expected, "{}", field.escape_ascii());
        }
    }
}
