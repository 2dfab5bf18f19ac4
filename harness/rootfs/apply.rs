//! One member of a layer changes the tree: the rules of the OCI image-spec, and the policy where it leaves a choice.
//!
//! - A whiteout hides lower layers only, wherever in the layer it stands.
//! - A directory over a directory keeps what is in it and takes the new attributes; anything else replaces what is there.
//! - A parent that is a symlink is followed inside the tree; one that is a lower layer's file becomes a directory.
//! - A hard link takes its target as it is at that moment, also when the same layer has just removed it.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::{
    budget::{Budget, BudgetLimit},
    entry::{Entry, EntryKind, Timestamp},
    error::UnpackError,
    extended_attributes::is_foreign,
    finding::FindingKind,
    model::{Model, tree},
    path::{RootfsPath, escape},
};
use crate::{
    digest::Sha256Digest,
    image::tar::{Data, Member, MemberKind, Members, Source},
};

/// How whiteouts are named.
const WHITEOUT: &[u8] = b".wh.";
/// Hides everything below its directory.
const OPAQUE: &[u8] = b".wh..wh..opq";
/// What AUFS names its own files with.
const AUFS: &[u8] = b".wh..wh.";
/// Symlinks have no mode of their own on Linux.
const SYMLINK_MODE: u32 = 0o777;

/// What an image may still cost.
#[derive(Debug)]
pub(super) struct Costs {
    budget: Budget,
    entries: u64,
    bytes: u64,
    metadata: u64,
}

impl Costs {
    pub(super) fn new(budget: Budget) -> Self {
        Self {
            budget,
            entries: 0,
            bytes: 0,
            metadata: 0,
        }
    }

    /// Takes the costs of one member.
    fn take(&mut self, member: &Member) -> Result<(), UnpackError> {
        let xattrs: usize = member
            .xattrs
            .iter()
            .map(|(name, value)| name.len() + value.len())
            .sum();
        self.entries += 1;
        self.bytes = self.bytes.saturating_add(member.size);
        self.metadata += (member.path.len() + member.link.len() + xattrs) as u64;
        let budget = &self.budget;
        for (limit, used, allowed) in [
            (BudgetLimit::Entries, self.entries, budget.entries),
            (BudgetLimit::Bytes, self.bytes, budget.bytes),
            (
                BudgetLimit::MetadataBytes,
                self.metadata,
                budget.metadata_bytes,
            ),
            (BudgetLimit::XattrBytes, xattrs as u64, budget.xattr_bytes),
        ] {
            if used > allowed {
                return Err(UnpackError::Budget { limit, allowed });
            }
        }
        Ok(())
    }
}

/// Lays one layer over the tree.
pub(super) fn apply_layer<S: Source>(
    model: &mut Model<'_>,
    members: &mut Members<S>,
    costs: &mut Costs,
) -> Result<(), UnpackError> {
    let layer = model.layer;
    let tar = |source| UnpackError::Tar { layer, source };
    while let Some(member) = members.next_member().map_err(tar)? {
        costs.take(&member)?;
        apply(model, member, members, &costs.budget)?;
    }
    for &anomaly in members.anomalies() {
        let kind = FindingKind::Anomaly { layer, anomaly };
        model.findings.add(&RootfsPath::root(), kind);
    }
    model.end_layer()
}

fn apply<S: Source>(
    model: &mut Model<'_>,
    member: Member,
    members: &mut Members<S>,
    budget: &Budget,
) -> Result<(), UnpackError> {
    let path = parse(model, &member.path)?;
    if path.depth() as u64 > budget.depth {
        return Err(UnpackError::Budget {
            limit: BudgetLimit::Depth,
            allowed: budget.depth,
        });
    }
    if member.path.starts_with(b"/") {
        model.findings.add(&path, FindingKind::AbsoluteName);
    }
    let Some((parent, name)) = path.split() else {
        if member.kind != MemberKind::Directory {
            return Err(model.member_error(&path, "which is no directory"));
        }
        return place_directory(model, path, member);
    };
    if parent.names().any(|name| name.starts_with(WHITEOUT)) {
        return Err(model.member_error(&path, "below a whiteout"));
    }
    if name.starts_with(WHITEOUT) {
        return apply_whiteout(model, &path, &parent, name);
    }
    let parent = model
        .directory(&parent, true)?
        .expect("a missing directory is made");
    let path = parent.join(name);
    if path.as_bytes().len() > 4095 {
        return Err(model.member_error(&path, "whose resolved path is too long"));
    }
    match member.kind {
        MemberKind::Directory => place_directory(model, path, member),
        MemberKind::HardLink => place_hard_link(model, path, &member),
        MemberKind::File => place_file(model, path, member, members),
        MemberKind::Symlink => {
            if member.link.is_empty() || member.link.contains(&0) || member.link.len() > 4095 {
                return Err(model.member_error(&path, "a symlink without a usable target"));
            }
            let target = member.link.clone();
            place_special(model, path, member, EntryKind::Symlink { target })
        }
        MemberKind::CharDevice => {
            let (major, minor) = member.device;
            place_special(model, path, member, EntryKind::CharDevice { major, minor })
        }
        MemberKind::BlockDevice => {
            let (major, minor) = member.device;
            place_special(model, path, member, EntryKind::BlockDevice { major, minor })
        }
        MemberKind::Fifo => place_special(model, path, member, EntryKind::Fifo),
    }
}

fn parse(model: &Model<'_>, name: &[u8]) -> Result<RootfsPath, UnpackError> {
    RootfsPath::parse(name).map_err(|source| UnpackError::Name {
        layer: model.layer,
        name: escape(name),
        source,
    })
}

fn apply_whiteout(
    model: &mut Model<'_>,
    path: &RootfsPath,
    parent: &RootfsPath,
    name: &[u8],
) -> Result<(), UnpackError> {
    let hidden = &name[WHITEOUT.len()..];
    if name != OPAQUE && name.starts_with(AUFS) {
        model.findings.add(path, FindingKind::AufsMetadata);
        return Ok(());
    }
    if matches!(hidden, b"" | b"." | b"..") {
        return Err(model.member_error(path, "a whiteout of nothing"));
    }
    let Some(parent) = model.directory(parent, false)? else {
        model.findings.add(path, FindingKind::HidesNothing);
        return Ok(());
    };
    if name == OPAQUE {
        let layer = model.layer;
        model.hide_below(&parent, layer)?;
        return Ok(());
    }
    let hidden = parent.join(hidden);
    // What the same layer has put there stays, and may be all that there is: whiteouts also say "replaced".
    if !model.hide(&hidden)? && !model.nodes.contains_key(&hidden) {
        model.findings.add(&hidden, FindingKind::HidesNothing);
    }
    Ok(())
}

/// Makes an entry of a member's header.
fn entry(model: &mut Model<'_>, path: &RootfsPath, member: Member, kind: EntryKind) -> Entry {
    let mut xattrs = member.xattrs;
    xattrs.retain(|name, _| {
        let foreign = is_foreign(name);
        if foreign {
            let name = name.clone();
            model.findings.add(path, FindingKind::ForeignXattr { name });
        }
        !foreign
    });
    let (seconds, nanoseconds) = member.mtime;
    Entry {
        mode: match kind {
            EntryKind::Symlink { .. } => SYMLINK_MODE,
            EntryKind::Directory
            | EntryKind::File { .. }
            | EntryKind::CharDevice { .. }
            | EntryKind::BlockDevice { .. }
            | EntryKind::Fifo
            | EntryKind::Socket => member.mode,
        },
        kind,
        uid: member.uid,
        gid: member.gid,
        mtime: Timestamp {
            seconds,
            nanoseconds,
        },
        hard_link: None,
        xattrs,
    }
}

/// Removes what is at a path that gets something else.
fn clear(model: &mut Model<'_>, path: &RootfsPath) -> Result<(), UnpackError> {
    let Some(node) = model.nodes.get(path) else {
        return Ok(());
    };
    if node.layer == model.layer {
        model.findings.add(path, FindingKind::Duplicate);
    }
    model.remove(path)
}

fn place_directory(
    model: &mut Model<'_>,
    path: RootfsPath,
    member: Member,
) -> Result<(), UnpackError> {
    let entry = entry(model, &path, member, EntryKind::Directory);
    let layer = model.layer;
    if model.kind(&path) == Some(&EntryKind::Directory) {
        let node = model
            .nodes
            .get_mut(&path)
            .expect("what has a kind has a node");
        let duplicate = node.layer == layer && !node.invented;
        node.layer = layer;
        node.invented = false;
        node.entry = Arc::new(entry);
        if duplicate {
            model.findings.add(&path, FindingKind::Duplicate);
        }
        return Ok(());
    }
    clear(model, &path)?;
    model.sink.make_directory(&path).map_err(tree)?;
    model.insert(path, entry, false);
    Ok(())
}

fn place_special(
    model: &mut Model<'_>,
    path: RootfsPath,
    member: Member,
    kind: EntryKind,
) -> Result<(), UnpackError> {
    clear(model, &path)?;
    let entry = entry(model, &path, member, kind);
    model.sink.make_special(&path, &entry).map_err(tree)?;
    model.insert(path, entry, false);
    Ok(())
}

fn place_file<S: Source>(
    model: &mut Model<'_>,
    path: RootfsPath,
    member: Member,
    members: &mut Members<S>,
) -> Result<(), UnpackError> {
    clear(model, &path)?;
    let layer = model.layer;
    let size = member.size;
    model.sink.begin_file(&path).map_err(tree)?;
    let mut hasher = Sha256::new();
    while let Some(data) = members
        .next_data()
        .map_err(|source| UnpackError::Tar { layer, source })?
    {
        match data {
            Data::Bytes(bytes) => {
                hasher.update(bytes);
                model.sink.write(bytes).map_err(tree)?;
            }
            Data::Hole(length) => {
                hash_zeros(&mut hasher, length);
                model.sink.hole(length).map_err(tree)?;
            }
        }
    }
    let content = Sha256Digest::from_hasher(hasher);
    let entry = entry(model, &path, member, EntryKind::File { size, content });
    model.sink.end_file(&entry).map_err(tree)?;
    model.insert(path, entry, false);
    Ok(())
}

fn hash_zeros(hasher: &mut Sha256, mut length: u64) {
    static ZEROS: [u8; 65_536] = [0; 65_536];
    while length > 0 {
        let part = usize::try_from(length).map_or(ZEROS.len(), |length| length.min(ZEROS.len()));
        hasher.update(&ZEROS[..part]);
        length -= part as u64;
    }
}

fn place_hard_link(
    model: &mut Model<'_>,
    path: RootfsPath,
    member: &Member,
) -> Result<(), UnpackError> {
    let target = parse(model, &member.link)?;
    if let Some((found, _, _)) = model.link_target(&target)?
        && found == path
        && model.nodes.contains_key(&path)
    {
        model.findings.add(&path, FindingKind::LinkToItself);
        return Ok(());
    }
    clear(model, &path)?;
    let Some((_, known, source)) = model.link_target(&target)? else {
        return Err(model.member_error(&path, "a hard link to what is not there"));
    };
    if known.kind == EntryKind::Directory {
        return Err(model.member_error(&path, "a hard link to a directory"));
    }
    let differs = (known.uid, known.gid, known.mtime.seconds)
        != (member.uid, member.gid, member.mtime.0)
        || (known.mode != member.mode && !matches!(known.kind, EntryKind::Symlink { .. }));
    if differs {
        model.findings.add(&path, FindingKind::HardLinkAttributes);
    }
    model.sink.link(&source, &path).map_err(tree)?;
    let node = super::model::Node {
        entry: known,
        layer: model.layer,
        invented: false,
    };
    model.nodes.insert(path, node);
    Ok(())
}
