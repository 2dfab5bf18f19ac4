//! Writes the first inputs: `seeds CORPUS_DIRECTORY [LAYER…]`. The layers are files as other tools made them: plain or packed tars.

#[path = "../../it/env/image_builder.rs"]
#[expect(dead_code, reason = "the tests of the package use the rest")]
mod image_builder;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use image_builder::{Packing, TarMember, tar};

/// Layers with all that a tar can have, packed in every way.
fn layers() -> Vec<Vec<TarMember>> {
    let long = |byte: &str| format!("d/{}/{}", byte.repeat(120), byte.repeat(60));
    let mut exact = TarMember::file("exact", "content");
    exact.mtime = (1_234_606_272, 123_456_789);
    exact.uid = 3_000_000;
    exact.mode = 0o6755;
    exact.xattrs = BTreeMap::from([(b"security.capability".to_vec(), vec![1, 0, 0, 2, 0, 0x20])]);
    let mut device = TarMember::new(b'3', "null");
    device.device = (1, 3);
    vec![
        vec![TarMember::directory("./"), TarMember::file("./a", "1")],
        vec![
            TarMember::file(long("x"), "2"),
            TarMember::symlink("link", "y".repeat(150)),
            exact,
            device,
            TarMember::new(b'6', "fifo"),
        ],
        vec![
            TarMember::file("a", "x".repeat(2000)),
            TarMember::hard_link("b", "a"),
            TarMember::file(".wh.c", ""),
            TarMember::file("d/.wh..wh..opq", ""),
        ],
    ]
}

/// GNU's long names and sparse files, which the builder does not write, by hand.
fn gnu() -> Vec<u8> {
    let mut name = TarMember::new(b'L', "././@LongLink");
    name.content = [b"n".repeat(150), vec![0]].concat();
    let mut sparse = TarMember::new(b'0', "pax-sparse");
    sparse.content = [b"1\n1024\n512\n".to_vec(), vec![0; 501], vec![7; 512]].concat();
    let mut pax = TarMember::new(b'x', "pax");
    pax.content = [
        "22 GNU.sparse.major=1\n",
        "22 GNU.sparse.minor=0\n",
        "21 GNU.sparse.name=s\n",
        "28 GNU.sparse.realsize=4096\n",
    ]
    .concat()
    .into_bytes();
    tar(&[name, TarMember::file("short", "1"), pax, sparse])
}

/// Answers with compressed bodies, whole and with something behind the stream; the first byte chooses `GET`.
fn answers() -> Vec<Vec<u8>> {
    let page = Packing::Gzip.pack(b"<html>Trieda 1.A</html>");
    let behind = [page.as_slice(), b"Warning"].concat();
    let answer = |coding: &str, body: &[u8]| {
        let head = format!(
            "\0HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        [head.as_bytes(), body].concat()
    };
    // RFC 1952, 2.3: ten bytes stand before the deflate stream, eight behind it.
    let raw = &page[10..page.len() - 8];
    vec![
        answer("gzip", &page),
        answer("x-gzip", &behind),
        answer("deflate", raw),
    ]
}

/// Returns the byte that tells the target what a layer is packed with.
fn kind_of(layer: &[u8]) -> u8 {
    match layer {
        [0x1f, 0x8b, ..] => 1,
        [0x28, 0xb5, 0x2f, 0xfd, ..] => 2,
        [0xfd, b'7', b'z', b'X', b'Z', ..] => 3,
        _ => 0,
    }
}

fn main() {
    let folder = PathBuf::from(std::env::args_os().nth(1).expect("a directory"));
    let write = |folder: &Path, name: String, bytes: &[u8]| {
        fs::create_dir_all(folder).unwrap();
        fs::write(folder.join(name), bytes).unwrap();
    };
    let mut tars: Vec<Vec<u8>> = layers().iter().map(|members| tar(members)).collect();
    tars.push(gnu());
    for (number, tar) in tars.iter().enumerate() {
        for (kind, packing) in [Packing::Tar, Packing::Gzip, Packing::Zstd, Packing::Xz]
            .into_iter()
            .enumerate()
        {
            let kind = u8::try_from(kind).expect("four of them");
            let bytes = [&[kind][..], &packing.pack(tar)].concat();
            write(&folder.join("layer"), format!("{number}-{kind}"), &bytes);
        }
    }
    let stacks: [&[[u8; 4]]; 3] = [
        &[
            [0, 0, 6, 0],
            [5, 1, 7, 0],
            [255, 0, 0, 0],
            [5, 0, 0, 0],
            [5, 0, 7, 1],
        ],
        &[
            [5, 1, 7, 0],
            [255, 0, 0, 0],
            [5, 1, 2, 0],
            [5, 1, 8, 3],
            [3, 1, 9, 2],
        ],
        &[
            [2, 0, 10, 0],
            [5, 7, 7, 0],
            [255, 0, 0, 0],
            [5, 0, 3, 0],
            [2, 0, 6, 6],
            [5, 1, 7, 0],
        ],
    ];
    for (number, path) in std::env::args_os().skip(2).enumerate() {
        let layer = fs::read(&path).expect("a layer's file");
        let kind = kind_of(&layer);
        let name = format!("real-{number}-{kind}");
        write(&folder.join("layer"), name, &[&[kind][..], &layer].concat());
    }
    for (number, answer) in answers().iter().enumerate() {
        write(&folder.join("answer"), number.to_string(), answer);
    }
    for (number, stack) in stacks.iter().enumerate() {
        write(
            &folder.join("whiteouts"),
            number.to_string(),
            &stack.concat(),
        );
    }
}
