//! One tree, packed in every way that tools pack trees: it has one digest.

use std::collections::{BTreeMap, BTreeSet};

use migrate_verify::{
    digest::Sha256Digest,
    image::{self, ImageReference},
    progress::Silent,
    rootfs::{self, Budget, Profile},
};
use proptest::prelude::*;

use crate::env::{ImageBuilder, Packing, TarMember, seal};

/// Longer than what fits into a tar header.
const LONG: &str = "a-name-that-is-longer-than-the-hundred-bytes-of-a-tar-header-and-needs-a-record-or-a-member-of-its-own-before-it";

/// How a tree is packed.
#[derive(Clone, Debug)]
struct Style {
    /// The order of the members.
    keys: Vec<u32>,
    /// The layers that they are in.
    layers: Vec<usize>,
    format: Format,
    packing: Packing,
    /// Which name of a group carries the content.
    anchor: prop::sample::Index,
    rubbish: Rubbish,
}

/// How long names and large numbers are written.
#[derive(Clone, Copy, Debug)]
enum Format {
    Pax,
    Gnu,
}

/// How the layer below, which has nothing of the tree, is hidden.
#[derive(Clone, Copy, Debug)]
enum Rubbish {
    None,
    /// By a whiteout of each of its names.
    Whiteouts,
    /// By one opaque directory above them.
    Opaque,
}

/// A tree without what the GNU format can't hold: its paths are unique and their parents are among them.
fn tree() -> impl Strategy<Value = (Vec<TarMember>, Vec<Vec<u8>>)> {
    let name = prop::sample::select(vec!["a", "b", "u\u{10d}", LONG]);
    let path = prop::collection::vec(name, 1..4).prop_map(|names| names.join("/"));
    let kind = prop::sample::select(b"00052346".as_slice());
    let numbers = (0_u32..0o10_000, 0_u64..5_000_000, 0_i64..2_000_000_000);
    let content = prop::collection::vec(any::<u8>(), 0..700);
    let entry = (path, kind, numbers, content);
    let entries = prop::collection::vec(entry, 1..14);
    (entries, prop::collection::vec(any::<u8>(), 0..3)).prop_map(|(entries, links)| {
        let mut members: BTreeMap<String, TarMember> = BTreeMap::new();
        members.insert(String::new(), TarMember::directory("./"));
        for (path, kind, (mode, uid, seconds), content) in entries {
            let parents: Vec<String> = path
                .match_indices('/')
                .map(|(at, _)| path[..at].to_owned())
                .collect();
            let is_free = parents
                .iter()
                .all(|parent| members.get(parent).is_none_or(|member| member.kind == b'5'));
            if !is_free || members.contains_key(&path) {
                continue;
            }
            for parent in parents {
                members
                    .entry(parent.clone())
                    .or_insert_with(|| TarMember::directory(parent));
            }
            let member = TarMember {
                mode,
                uid,
                gid: uid / 2,
                mtime: (seconds, 0),
                link: if kind == b'2' {
                    LONG.as_bytes().to_vec()
                } else {
                    Vec::new()
                },
                device: (1, 3),
                content: if kind == b'0' { content } else { Vec::new() },
                ..TarMember::new(kind, &path)
            };
            members.insert(path, member);
        }
        // More names of one file, in the root.
        let links = links
            .iter()
            .map(|number| format!("link-{number}").into_bytes())
            .collect::<BTreeSet<_>>();
        (members.into_values().collect(), links.into_iter().collect())
    })
}

fn style() -> impl Strategy<Value = Style> {
    (
        prop::collection::vec(any::<u32>(), 64),
        prop::collection::vec(0_usize..3, 64),
        prop::sample::select(vec![Format::Pax, Format::Gnu]),
        prop::sample::select(Packing::ALL.to_vec()),
        any::<prop::sample::Index>(),
        prop::sample::select(vec![Rubbish::None, Rubbish::Whiteouts, Rubbish::Opaque]),
    )
        .prop_map(|(keys, layers, format, packing, anchor, rubbish)| Style {
            keys,
            layers,
            format,
            packing,
            anchor,
            rubbish,
        })
}

/// Gives a file more names, the one or the other of which carries the content.
fn with_links(
    members: &[TarMember],
    links: &[Vec<u8>],
    anchor: prop::sample::Index,
) -> Vec<TarMember> {
    let Some(at) = members.iter().position(|member| member.kind == b'0') else {
        return members.to_vec();
    };
    let mut names = vec![members[at].path.clone()];
    names.extend_from_slice(links);
    let first = names.remove(anchor.index(names.len()));
    let mut all = members.to_vec();
    all[at].path.clone_from(&first);
    let file = all[at].clone();
    all.extend(names.into_iter().map(|path| TarMember {
        kind: b'1',
        path,
        link: first.clone(),
        content: Vec::new(),
        ..file.clone()
    }));
    all
}

/// Writes members as GNU tar does by default: long names in members of their own.
fn gnu(members: &[TarMember]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for member in members {
        for (kind, name) in [(b'L', &member.path), (b'K', &member.link)] {
            if name.len() > 100 {
                let mut long = TarMember::new(kind, "././@LongLink");
                long.content = [name.as_slice(), b"\0"].concat();
                bytes.extend_from_slice(&long.bytes());
            }
        }
        let mut header = member.header();
        header[257..265].copy_from_slice(b"ustar  \0");
        seal(&mut header);
        bytes.extend_from_slice(&header);
        bytes.extend_from_slice(&member.content);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
    }
    bytes.resize(bytes.len() + 1024, 0);
    bytes
}

/// Packs a tree; hard links stay behind what they name, in order and in layers.
fn pack(members: &[TarMember], style: &Style) -> ImageBuilder {
    let mut placed: Vec<(usize, bool, u32, &TarMember)> = members
        .iter()
        .zip(style.layers.iter().zip(&style.keys))
        .map(|(member, (layer, key))| (*layer, false, *key, member))
        .collect();
    // A directory that is in a later layer than what is below it would be invented before; it is then taken as it is.
    let last = placed.iter().map(|(layer, ..)| *layer).max().unwrap_or(0);
    for entry in &mut placed {
        if entry.3.kind == b'1' {
            entry.0 = last;
            entry.1 = true;
        }
    }
    placed.sort_by_key(|(layer, is_link, key, _)| (*layer, *is_link, *key));
    let mut layers: Vec<Vec<TarMember>> = vec![Vec::new(); last + 1];
    for (layer, _, _, member) in placed {
        layers[layer].push(member.clone());
    }
    let old = ["old/deep/file", "old/other", "older"];
    let (below, above) = match style.rubbish {
        Rubbish::None => (Vec::new(), Vec::new()),
        Rubbish::Whiteouts => (old.to_vec(), vec![".wh.old", ".wh.older"]),
        Rubbish::Opaque => (old.to_vec(), vec![".wh..wh..opq"]),
    };
    let files = |names: Vec<&str>| {
        names
            .into_iter()
            .map(|name| TarMember::file(name, "old"))
            .collect::<Vec<_>>()
    };
    layers[0].extend(files(above));
    layers.insert(0, files(below));
    layers.iter().fold(ImageBuilder::new(), |image, layer| {
        let bytes = match style.format {
            Format::Pax => crate::env::tar(layer),
            Format::Gnu => gnu(layer),
        };
        image.raw_layer(bytes, style.packing)
    })
}

/// Returns the digest of the stream, which is also that of the unpacked tree.
fn digest(members: &[TarMember], style: &Style) -> Sha256Digest {
    let folder = tempfile::tempdir().unwrap();
    let reference = pack(members, style).write(&folder.path().join("image"));
    let image = image::open(&ImageReference::parse(&reference).unwrap()).unwrap();
    let (listing, _) = rootfs::stream(&image, &Budget::default()).unwrap();
    let digest = listing.digest(Profile::Strict);
    let target = folder.path().join("tree");
    rootfs::unpack(&image, &target, &Budget::default(), &Silent).unwrap();
    assert_eq!(
        rootfs::walk(&target).unwrap().digest(Profile::Strict),
        digest
    );
    digest
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn privileged_order_format_compressor_anchor_layers_and_whiteouts_change_no_digest((members, links) in tree(), first in style(), second in style()) {
        assert!(rustix::process::geteuid().is_root(), "this test needs root: it makes devices and changes owners");
        let packed = |style: &Style| digest(&with_links(&members, &links, style.anchor), style);
        prop_assert_eq!(packed(&first), packed(&second));
    }
}
