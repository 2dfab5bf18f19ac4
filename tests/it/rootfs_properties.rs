//! What holds for every image: the listing of the stream is the listing of the tree, however the image is packed.

use std::collections::BTreeMap;

use migrate_verify::{
    image::{self, Image, ImageReference},
    progress::Silent,
    rootfs::{self, Budget, Listing, Profile},
};
use proptest::prelude::*;

use crate::env::{ImageBuilder, Packing, TarMember, tar};

fn open(reference: &str) -> Image {
    image::open(&ImageReference::parse(reference).unwrap()).unwrap()
}

fn streamed(layers: &[Vec<TarMember>], packing: Packing) -> Result<Listing, String> {
    let folder = tempfile::tempdir().unwrap();
    let builder = layers.iter().fold(ImageBuilder::new(), |builder, layer| {
        builder.raw_layer(tar(layer), packing)
    });
    let image = open(&builder.write(folder.path()));
    rootfs::stream(&image, &Budget::default())
        .map(|(listing, _)| listing)
        .map_err(|error| error.to_string())
}

/// Few names, so that layers meet each other often.
fn path() -> impl Strategy<Value = Vec<u8>> {
    let name = prop_oneof![
        Just(b"a".to_vec()),
        Just(b"b".to_vec()),
        Just(b"a0".to_vec()),
        Just(b"u\xe8ite\xbe".to_vec()),
    ];
    prop::collection::vec(name, 1..4).prop_map(|names| names.join(&b'/'))
}

fn member() -> impl Strategy<Value = TarMember> {
    let kind = prop::sample::select(b"0000555512346".as_slice());
    let content = prop::collection::vec(any::<u8>(), 0..700);
    let whiteout = prop_oneof![6 => Just(0), 2 => Just(1), 1 => Just(2)];
    let xattr = prop::option::of(prop::collection::vec(any::<u8>(), 0..9));
    (
        (path(), path(), kind, content, whiteout),
        (0_u32..0o10_000, 0_u64..5_000_000, 0_u64..5, xattr),
        (0_i64..2_000_000_000, 0_u32..1_000_000_000),
    )
        .prop_map(|((path, link, kind, content, whiteout), owner, mtime)| {
            let (mode, uid, gid, xattr) = owner;
            let is_plain = kind == b'0' || kind == b'5';
            let xattrs = match xattr {
                Some(value) if is_plain => BTreeMap::from([(b"user.x".to_vec(), value)]),
                Some(_) | None => BTreeMap::new(),
            };
            let member = TarMember {
                path: path.clone(),
                kind,
                mode,
                uid,
                gid,
                mtime,
                link,
                device: (1, 3),
                content: if kind == b'0' { content } else { Vec::new() },
                xattrs,
            };
            let (parent, name) = match path.iter().rposition(|&byte| byte == b'/') {
                Some(slash) => path.split_at(slash + 1),
                None => (&b""[..], path.as_slice()),
            };
            match whiteout {
                1 => TarMember::file([parent, b".wh.", name].concat(), ""),
                2 => TarMember::file([parent, b".wh..wh..opq"].concat(), ""),
                _ => member,
            }
        })
}

fn layers() -> impl Strategy<Value = Vec<Vec<TarMember>>> {
    prop::collection::vec(prop::collection::vec(member(), 0..12), 1..4)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn privileged_the_stream_lists_what_unpacking_puts_on_disk(layers in layers()) {
        assert!(rustix::process::geteuid().is_root(), "this test needs root: it makes devices and changes owners");
        let folder = tempfile::tempdir().unwrap();
        let builder = layers
            .iter()
            .fold(ImageBuilder::new(), |builder, layer| builder.layer(layer));
        let image = open(&builder.write(&folder.path().join("image")));
        let target = folder.path().join("tree");
        let streamed = rootfs::stream(&image, &Budget::default());
        let unpacked = rootfs::unpack(&image, &target, &Budget::default(), &Silent);
        match (streamed, unpacked) {
            (Ok((listing, findings)), Ok(unpacked)) => {
                prop_assert_eq!(&findings, &unpacked.findings);
                prop_assert_eq!(&listing, &unpacked.listing);
                prop_assert_eq!(&listing, &rootfs::walk(&target).unwrap());
            }
            (Err(first), Err(second)) => {
                prop_assert_eq!(first.to_string(), second.to_string());
                prop_assert!(!target.exists());
                prop_assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
            }
            (first, second) => prop_assert!(false, "{:?} {:?}", first, second),
        }
    }

    #[test]
    fn packing_changes_nothing(layers in layers()) {
        let plain = streamed(&layers, Packing::Tar);
        for packing in Packing::ALL {
            prop_assert_eq!(&plain, &streamed(&layers, packing));
        }
    }

    #[test]
    fn an_empty_layer_and_a_layer_split_in_two_change_nothing(members in prop::collection::vec(member(), 0..12), at in 0_usize..12) {
        // What one layer has twice, two layers have in order; whiteouts are apart, because they mean lower layers.
        let members: Vec<TarMember> = members
            .into_iter()
            .filter(|member| !member.path.windows(4).any(|part| part == b".wh."))
            .collect();
        let at = at.min(members.len());
        let whole = streamed(std::slice::from_ref(&members), Packing::Tar);
        if let Ok(whole) = whole {
            let split = [members[..at].to_vec(), Vec::new(), members[at..].to_vec()];
            match streamed(&split, Packing::Tar) {
                // A hard link may want what its own layer has removed; an earlier layer's removal is final.
                Err(error) if error.contains("a hard link to what is not there") => {}
                in_two => prop_assert_eq!(Ok(whole), in_two),
            }
        }
    }

    #[test]
    fn whiteouts_mean_lower_layers_wherever_they_stand(lower in prop::collection::vec(member(), 0..12), upper in prop::collection::vec(member(), 0..8)) {
        // A symlink that a whiteout hides is still followed by what stands before it.
        let lower: Vec<TarMember> = lower.into_iter().filter(|member| member.kind != b'2').collect();
        let (whiteouts, others): (Vec<TarMember>, Vec<TarMember>) = upper
            .into_iter()
            .filter(|member| member.kind != b'2' && member.kind != b'1')
            .partition(|member| member.path.windows(4).any(|part| part == b".wh."));
        let first = streamed(&[lower.clone(), [whiteouts.clone(), others.clone()].concat()], Packing::Tar);
        let last = streamed(&[lower, [others, whiteouts].concat()], Packing::Tar);
        if let (Ok(first), Ok(last)) = (first, last) {
            prop_assert_eq!(first.digest(Profile::Strict), last.digest(Profile::Strict));
        }
    }
}
