//! Images made by code: well-formed ones, and every kind of malformed one.

use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use migrate_verify::digest::Sha256Digest;

/// One tar member, written with a PAX header where it needs one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TarMember {
    /// Its name as it is written.
    pub(crate) path: Vec<u8>,
    /// The type's byte of its header.
    pub(crate) kind: u8,
    /// Its mode.
    pub(crate) mode: u32,
    /// The owner's number.
    pub(crate) uid: u64,
    /// The group's number.
    pub(crate) gid: u64,
    /// Seconds and nanoseconds.
    pub(crate) mtime: (i64, u32),
    /// Where a link points to.
    pub(crate) link: Vec<u8>,
    /// A device's numbers.
    pub(crate) device: (u32, u32),
    /// A file's bytes.
    pub(crate) content: Vec<u8>,
    /// Extended attributes.
    pub(crate) xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl TarMember {
    /// Makes a member of a type, with mode 0755 for a directory and 0644 otherwise.
    pub(crate) fn new(kind: u8, path: impl AsRef<[u8]>) -> Self {
        Self {
            path: path.as_ref().to_vec(),
            kind,
            mode: if kind == b'5' { 0o755 } else { 0o644 },
            uid: 0,
            gid: 0,
            mtime: (1_332_979_200, 0),
            link: Vec::new(),
            device: (0, 0),
            content: Vec::new(),
            xattrs: BTreeMap::new(),
        }
    }

    pub(crate) fn directory(path: impl AsRef<[u8]>) -> Self {
        Self::new(b'5', path)
    }

    pub(crate) fn file(path: impl AsRef<[u8]>, content: impl AsRef<[u8]>) -> Self {
        Self {
            content: content.as_ref().to_vec(),
            ..Self::new(b'0', path)
        }
    }

    pub(crate) fn symlink(path: impl AsRef<[u8]>, target: impl AsRef<[u8]>) -> Self {
        Self {
            link: target.as_ref().to_vec(),
            ..Self::new(b'2', path)
        }
    }

    pub(crate) fn hard_link(path: impl AsRef<[u8]>, target: impl AsRef<[u8]>) -> Self {
        Self {
            link: target.as_ref().to_vec(),
            ..Self::new(b'1', path)
        }
    }

    /// Returns the member's bytes: PAX header, header, content, padding.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut records = Vec::new();
        let mut record = |key: &[u8], value: &[u8]| {
            let body = key.len() + value.len() + 3;
            let mut length = body + 1;
            while body + length.to_string().len() != length {
                length = body + length.to_string().len();
            }
            records.extend_from_slice(length.to_string().as_bytes());
            records.push(b' ');
            records.extend_from_slice(key);
            records.push(b'=');
            records.extend_from_slice(value);
            records.push(b'\n');
        };
        if self.path.len() > 100 {
            record(b"path", &self.path);
        }
        if self.link.len() > 100 {
            record(b"linkpath", &self.link);
        }
        if self.mtime.1 != 0 || self.mtime.0 < 0 {
            assert!(self.mtime.0 >= 0, "not needed");
            record(
                b"mtime",
                format!("{}.{:09}", self.mtime.0, self.mtime.1).as_bytes(),
            );
        }
        for (name, value) in &self.xattrs {
            record(&[b"SCHILY.xattr.", name.as_slice()].concat(), value);
        }
        let mut bytes = Vec::new();
        if !records.is_empty() {
            let pax = Self {
                content: records,
                ..Self::new(b'x', "pax")
            };
            bytes.extend_from_slice(&pax.header());
            bytes.extend_from_slice(&pax.content);
            pad(&mut bytes);
        }
        bytes.extend_from_slice(&self.header());
        bytes.extend_from_slice(&self.content);
        pad(&mut bytes);
        bytes
    }

    /// Returns the 512 bytes of the header alone.
    pub(crate) fn header(&self) -> [u8; 512] {
        let mut header = [0; 512];
        let mut put = |at: usize, bytes: &[u8]| header[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, &self.path[..self.path.len().min(100)]);
        put(100, format!("{:07o}", self.mode).as_bytes());
        put(108, &number(self.uid));
        put(116, &number(self.gid));
        put(124, format!("{:011o}", self.content.len()).as_bytes());
        put(136, format!("{:011o}", self.mtime.0.max(0)).as_bytes());
        put(156, &[self.kind]);
        put(157, &self.link[..self.link.len().min(100)]);
        put(257, b"ustar\x0000");
        put(329, format!("{:07o}", self.device.0).as_bytes());
        put(337, format!("{:07o}", self.device.1).as_bytes());
        seal(&mut header);
        header
    }
}

/// Writes a header's checksum.
pub(crate) fn seal(header: &mut [u8; 512]) {
    header[148..156].copy_from_slice(b"        ");
    let sum: u32 = header.iter().map(|&byte| u32::from(byte)).sum();
    header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
}

/// Octal where it fits, base-256 otherwise.
fn number(value: u64) -> [u8; 8] {
    if value < 0o10_000_000 {
        let mut field = [0; 8];
        field[..7].copy_from_slice(format!("{value:07o}").as_bytes());
        return field;
    }
    let mut field = value.to_be_bytes();
    field[0] |= 0x80;
    field
}

fn pad(bytes: &mut Vec<u8>) {
    bytes.resize(bytes.len().next_multiple_of(512), 0);
}

/// Joins members to a tar with its end marker.
pub(crate) fn tar(members: &[TarMember]) -> Vec<u8> {
    let mut bytes: Vec<u8> = members.iter().flat_map(TarMember::bytes).collect();
    bytes.resize(bytes.len() + 1024, 0);
    bytes
}

/// How a layer is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packing {
    Tar,
    Gzip,
    /// In two members.
    GzipTwice,
    Zstd,
    Xz,
}

impl Packing {
    pub(crate) const ALL: [Self; 5] =
        [Self::Tar, Self::Gzip, Self::GzipTwice, Self::Zstd, Self::Xz];

    pub(crate) fn pack(self, bytes: &[u8]) -> Vec<u8> {
        let gzip = |part: &[u8]| {
            let mut encoder =
                flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(part).unwrap();
            encoder.finish().unwrap()
        };
        match self {
            Self::Tar => bytes.to_vec(),
            Self::Gzip => gzip(bytes),
            Self::GzipTwice => {
                let (first, second) = bytes.split_at(bytes.len() / 2);
                [gzip(first), gzip(second)].concat()
            }
            Self::Zstd => zstd::encode_all(bytes, 1).unwrap(),
            Self::Xz => {
                let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 1);
                encoder.write_all(bytes).unwrap();
                encoder.finish().unwrap()
            }
        }
    }

    fn media_type(self) -> &'static str {
        match self {
            Self::Tar => "application/vnd.oci.image.layer.v1.tar",
            Self::Gzip => "application/vnd.oci.image.layer.v1.tar+gzip",
            Self::GzipTwice => "application/vnd.docker.image.rootfs.diff.tar.gzip",
            Self::Zstd => "application/vnd.oci.image.layer.v1.tar+zstd",
            Self::Xz => "application/vnd.oci.image.layer.v1.tar+xz",
        }
    }
}

/// An OCI image layout in a directory, and what is known of it.
#[derive(Debug)]
pub(crate) struct ImageBuilder {
    layers: Vec<(Vec<u8>, Packing)>,
    manifest: fn(String) -> String,
}

impl ImageBuilder {
    pub(crate) fn new() -> Self {
        Self {
            layers: Vec::new(),
            manifest: |manifest| manifest,
        }
    }

    /// Adds a layer of members.
    pub(crate) fn layer(self, members: &[TarMember]) -> Self {
        self.raw_layer(tar(members), Packing::Gzip)
    }

    /// Adds a layer of tar bytes.
    pub(crate) fn raw_layer(mut self, tar: Vec<u8>, packing: Packing) -> Self {
        self.layers.push((tar, packing));
        self
    }

    /// Changes the manifest's text, before it gets its digest.
    pub(crate) fn with_manifest(mut self, change: fn(String) -> String) -> Self {
        self.manifest = change;
        self
    }

    /// Writes the layout; returns the image's reference.
    pub(crate) fn write(&self, folder: &Path) -> String {
        fs::create_dir_all(folder.join("blobs/sha256")).unwrap();
        fs::write(
            folder.join("oci-layout"),
            r#"{"imageLayoutVersion":"1.0.0"}"#,
        )
        .unwrap();
        let (mut diff_ids, mut layers) = (Vec::new(), Vec::new());
        for (tar, packing) in &self.layers {
            diff_ids.push(format!("\"{}\"", Sha256Digest::of(tar)));
            layers.push(descriptor(folder, packing.media_type(), &packing.pack(tar)));
        }
        let config = format!(
            r#"{{"architecture":"amd64","os":"linux","config":{{}},"rootfs":{{"type":"layers","diff_ids":[{}]}}}}"#,
            diff_ids.join(",")
        );
        let config = descriptor(
            folder,
            "application/vnd.oci.image.config.v1+json",
            config.as_bytes(),
        );
        let manifest = (self.manifest)(format!(
            r#"{{"schemaVersion":2,"config":{config},"layers":[{}]}}"#,
            layers.join(",")
        ));
        let manifest = descriptor(
            folder,
            "application/vnd.oci.image.manifest.v1+json",
            manifest.as_bytes(),
        );
        fs::write(
            folder.join("index.json"),
            format!(r#"{{"schemaVersion":2,"manifests":[{manifest}]}}"#),
        )
        .unwrap();
        format!("oci:{}", folder.display())
    }
}

/// Joins the files of a folder to a tar: an `oci-archive` of a layout.
pub(crate) fn archive(folder: &Path, file: &Path) {
    let mut builder = ::tar::Builder::new(fs::File::create(file).unwrap());
    builder.append_dir_all(".", folder).unwrap();
    builder.finish().unwrap();
}

/// Writes a blob and returns its descriptor.
fn descriptor(folder: &Path, media_type: &str, bytes: &[u8]) -> String {
    let digest = Sha256Digest::of(bytes);
    fs::write(blob_path(folder, digest), bytes).unwrap();
    let size = bytes.len();
    format!(r#"{{"mediaType":"{media_type}","digest":"{digest}","size":{size}}}"#)
}

/// Returns where a layout has a blob.
pub(crate) fn blob_path(folder: &Path, digest: Sha256Digest) -> PathBuf {
    folder.join("blobs/sha256").join(digest.hex())
}
