//! What a layer is compressed with, and its decompression.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::GzDecoder;
use liblzma::{
    bufread::XzDecoder,
    stream::{CONCATENATED, Stream},
};
use zstd::stream::read::Decoder as ZstdDecoder;

/// zstd's own limit without `--long`: a window of 128 MiB.
const LARGEST_ZSTD_WINDOW_LOG: u32 = 27;
/// `xz -9` needs 65 MiB to decompress.
const LARGEST_XZ_MEMORY: u64 = 80 << 20;
/// Compressed bytes that are read at once.
const BUFFER: usize = 256 * 1024;

/// What a layer is compressed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Nothing.
    None,
    /// gzip, one member or several.
    Gzip,
    /// zstd.
    Zstd,
    /// xz.
    Xz,
}

impl Compression {
    /// Returns the compression's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "tar",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Xz => "xz",
        }
    }

    /// Returns what the first bytes of a layer are compressed with.
    pub fn of_magic(start: &[u8]) -> Self {
        let zstd_skippable =
            start.len() >= 4 && start[0] & 0xf0 == 0x50 && start[1..4] == [0x2a, 0x4d, 0x18];
        if start.starts_with(&[0x1f, 0x8b]) {
            Self::Gzip
        } else if start.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) || zstd_skippable {
            Self::Zstd
        } else if start.starts_with(b"\xfd7zXZ\0") {
            Self::Xz
        } else {
            Self::None
        }
    }

    /// Returns what a layer of a media type is compressed with; `None` for a type that is no layer's.
    pub fn of_media_type(media_type: &str) -> Option<Self> {
        let kind = media_type
            .strip_prefix("application/vnd.oci.image.layer.nondistributable.v1.")
            .or_else(|| media_type.strip_prefix("application/vnd.oci.image.layer.v1."))
            .or_else(|| media_type.strip_prefix("application/vnd.docker.image.rootfs.diff."))
            .or_else(|| {
                media_type.strip_prefix("application/vnd.docker.image.rootfs.foreign.diff.")
            })?;
        match kind {
            "tar" => Some(Self::None),
            "tar+gzip" | "tar.gzip" => Some(Self::Gzip),
            "tar+zstd" | "tar.zstd" => Some(Self::Zstd),
            "tar+xz" | "tar.xz" => Some(Self::Xz),
            _ => None,
        }
    }
}

/// Decompresses a stream and gives the compressed one back, with what the decompressor left unread.
pub(super) enum Decoder<R: Read> {
    /// The bytes as they are.
    None(BufReader<R>),
    /// One gzip member after the other; `None` after the last one.
    Gzip(GzipMembers<R>),
    /// zstd frames.
    Zstd(Box<ZstdDecoder<'static, BufReader<R>>>),
    /// xz streams.
    Xz(Box<XzDecoder<BufReader<R>>>),
}

impl<R: Read> Decoder<R> {
    /// Starts to decompress.
    pub(super) fn new(compression: Compression, reader: R) -> io::Result<Self> {
        let reader = BufReader::with_capacity(BUFFER, reader);
        Ok(match compression {
            Compression::None => Self::None(reader),
            Compression::Gzip => Self::Gzip(GzipMembers {
                state: GzipState::Member(Box::new(GzDecoder::new(reader))),
                trailing_zeros: false,
            }),
            Compression::Zstd => {
                let mut decoder = ZstdDecoder::with_buffer(reader)?;
                decoder.window_log_max(LARGEST_ZSTD_WINDOW_LOG)?;
                Self::Zstd(Box::new(decoder))
            }
            Compression::Xz => {
                let stream = Stream::new_stream_decoder(LARGEST_XZ_MEMORY, CONCATENATED)
                    .map_err(io::Error::other)?;
                Self::Xz(Box::new(XzDecoder::new_stream(reader, stream)))
            }
        })
    }

    /// Returns the compressed stream, and whether zero bytes followed the last gzip member.
    pub(super) fn into_inner(self) -> (BufReader<R>, bool) {
        match self {
            Self::None(reader) => (reader, false),
            Self::Gzip(members) => {
                let trailing_zeros = members.trailing_zeros;
                let reader = match members.state {
                    GzipState::Member(decoder) => decoder.into_inner(),
                    GzipState::Ended(reader) => reader,
                    GzipState::Between => {
                        unreachable!("the state is put back before `read` returns")
                    }
                };
                (reader, trailing_zeros)
            }
            Self::Zstd(decoder) => (decoder.finish(), false),
            Self::Xz(decoder) => (decoder.into_inner(), false),
        }
    }
}

impl<R: Read> Read for Decoder<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::None(reader) => reader.read(buffer),
            Self::Gzip(members) => members.read(buffer),
            Self::Zstd(decoder) => decoder.read(buffer),
            Self::Xz(decoder) => decoder.read(buffer),
        }
    }
}

/// A gzip stream of one member or several; zeros after the last one are tolerated, as gzip does.
pub(super) struct GzipMembers<R: Read> {
    state: GzipState<R>,
    trailing_zeros: bool,
}

/// Where in a gzip stream we are.
enum GzipState<R: Read> {
    /// Inside a member.
    Member(Box<GzDecoder<BufReader<R>>>),
    /// Behind the last one.
    Ended(BufReader<R>),
    /// Only while the state changes.
    Between,
}

impl<R: Read> Read for GzipMembers<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let GzipState::Member(decoder) = &mut self.state else {
                return Ok(0);
            };
            let length = decoder.read(buffer)?;
            if length > 0 || buffer.is_empty() {
                return Ok(length);
            }
            let GzipState::Member(decoder) = std::mem::replace(&mut self.state, GzipState::Between)
            else {
                unreachable!("the state was just looked at");
            };
            let mut reader = decoder.into_inner();
            match reader.fill_buf() {
                Ok([0x1f, ..]) => {
                    self.state = GzipState::Member(Box::new(GzDecoder::new(reader)));
                }
                Ok(rest) => {
                    self.trailing_zeros = !rest.is_empty();
                    let result = only_zeros(&mut reader);
                    self.state = GzipState::Ended(reader);
                    result?;
                }
                Err(error) => {
                    self.state = GzipState::Ended(reader);
                    return Err(error);
                }
            }
        }
    }
}

/// Reads to the end, which must be zeros.
fn only_zeros(reader: &mut impl BufRead) -> io::Result<()> {
    loop {
        let rest = reader.fill_buf()?;
        if rest.is_empty() {
            return Ok(());
        }
        if rest.iter().any(|&byte| byte != 0) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "bytes that are no gzip member follow the last one",
            ));
        }
        let length = rest.len();
        reader.consume(length);
    }
}
