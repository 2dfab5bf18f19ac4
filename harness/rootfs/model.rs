//! The tree of an image in memory, while its layers are laid over one another.
//!
//! Every key is canonical: no part of it is a symbolic link. What happens here happens to the tree on disk in the same
//! order, through a [`Sink`]; which names exist, and what they are, is decided here and never asked of the disk.

use std::{collections::BTreeMap, ops::Bound};

use super::{
    budget::BudgetLimit,
    entry::{Entry, EntryKind, Timestamp},
    error::{TreeError, UnpackError},
    extended_attributes::ExtendedAttributes,
    finding::{FindingKind, Findings},
    listing::Listing,
    path::RootfsPath,
};

/// As many links as Linux follows in one path.
const MOST_LINKS: usize = 40;

/// What an entry is, under all its names.
#[derive(Clone, Debug)]
pub(super) struct Inode {
    pub(super) kind: EntryKind,
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) mtime: Timestamp,
    pub(super) xattrs: ExtendedAttributes,
}

impl Inode {
    /// A directory that no layer has an entry for.
    pub(super) fn invented() -> Self {
        Self {
            kind: EntryKind::Directory,
            mode: 0o755,
            uid: 0,
            gid: 0,
            mtime: Timestamp::default(),
            xattrs: BTreeMap::new(),
        }
    }
}

/// A name in the tree.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node {
    pub(super) inode: usize,
    /// The layer that put it there.
    pub(super) layer: usize,
    /// No layer has an entry for it.
    pub(super) invented: bool,
}

/// Where a hard link's target is.
#[derive(Clone, Debug)]
pub(super) enum LinkSource {
    /// In the tree.
    Path(RootfsPath),
    /// Removed by the current layer, and kept until its end.
    Grave(u64),
}

/// Does to a tree on disk what is done to the model, or does nothing.
pub(super) trait Sink {
    fn make_directory(&mut self, path: &RootfsPath) -> Result<(), TreeError>;
    fn remove_directory(&mut self, path: &RootfsPath) -> Result<(), TreeError>;
    /// Moves an entry that is no directory out of the tree.
    fn bury(&mut self, path: &RootfsPath, grave: u64) -> Result<(), TreeError>;
    fn begin_file(&mut self, path: &RootfsPath) -> Result<(), TreeError>;
    fn write(&mut self, bytes: &[u8]) -> Result<(), TreeError>;
    fn hole(&mut self, length: u64) -> Result<(), TreeError>;
    fn end_file(&mut self, inode: &Inode) -> Result<(), TreeError>;
    /// Makes a symlink, a device, a pipe.
    fn make_special(&mut self, path: &RootfsPath, inode: &Inode) -> Result<(), TreeError>;
    fn link(&mut self, source: &LinkSource, path: &RootfsPath) -> Result<(), TreeError>;
    fn end_layer(&mut self) -> Result<(), TreeError>;
    /// Sets attributes of a directory, when nothing changes it any more.
    fn finish_directory(&mut self, path: &RootfsPath, inode: &Inode) -> Result<(), TreeError>;
}

/// The tree so far.
pub(super) struct Model<'a> {
    pub(super) nodes: BTreeMap<RootfsPath, Node>,
    pub(super) inodes: Vec<Inode>,
    pub(super) findings: Findings,
    pub(super) layer: usize,
    pub(super) sink: &'a mut dyn Sink,
    graves: BTreeMap<RootfsPath, (usize, u64)>,
    grave_count: u64,
    invented: Vec<RootfsPath>,
    depth: u64,
}

impl<'a> Model<'a> {
    pub(super) fn new(sink: &'a mut dyn Sink, depth: u64) -> Self {
        let root = Node {
            inode: 0,
            layer: 0,
            invented: true,
        };
        Self {
            nodes: BTreeMap::from([(RootfsPath::root(), root)]),
            inodes: vec![Inode::invented()],
            findings: Findings::default(),
            layer: 0,
            sink,
            graves: BTreeMap::new(),
            grave_count: 0,
            invented: Vec::new(),
            depth,
        }
    }

    pub(super) fn kind(&self, path: &RootfsPath) -> Option<&EntryKind> {
        self.nodes
            .get(path)
            .map(|node| &self.inodes[node.inode].kind)
    }

    pub(super) fn member_error(&self, path: &RootfsPath, problem: &'static str) -> UnpackError {
        UnpackError::Member {
            layer: self.layer,
            path: path.to_string(),
            problem,
        }
    }

    /// Puts a new inode at a path where nothing is.
    pub(super) fn insert(&mut self, path: RootfsPath, inode: Inode, invented: bool) {
        self.inodes.push(inode);
        let node = Node {
            inode: self.inodes.len() - 1,
            layer: self.layer,
            invented,
        };
        self.nodes.insert(path, node);
    }

    /// Makes a directory that no layer has an entry for, yet.
    fn invent(&mut self, path: &RootfsPath) -> Result<(), UnpackError> {
        // Symlinks can make a path deeper than it is written.
        if path.depth() as u64 >= self.depth {
            return Err(UnpackError::Budget {
                limit: BudgetLimit::Depth,
                allowed: self.depth,
            });
        }
        self.sink.make_directory(path).map_err(tree)?;
        self.insert(path.clone(), Inode::invented(), true);
        self.invented.push(path.clone());
        Ok(())
    }

    /// Returns the canonical path of a directory; what is missing is made if `create`, and `None` otherwise.
    pub(super) fn directory(
        &mut self,
        path: &RootfsPath,
        create: bool,
    ) -> Result<Option<RootfsPath>, UnpackError> {
        if self.kind(path) == Some(&EntryKind::Directory) {
            return Ok(Some(path.clone()));
        }
        let mut todo: Vec<Vec<u8>> = path.names().rev().map(<[u8]>::to_vec).collect();
        let mut here = RootfsPath::root();
        let mut links = 0;
        while let Some(name) = todo.pop() {
            match name.as_slice() {
                b"" | b"." => continue,
                b".." => {
                    here = here.parent();
                    continue;
                }
                _ => {}
            }
            let next = here.join(&name);
            match self.kind(&next) {
                Some(EntryKind::Directory) => here = next,
                Some(EntryKind::Symlink { target }) => {
                    links += 1;
                    if links > MOST_LINKS {
                        return Err(self.member_error(path, "below too many symlinks"));
                    }
                    if target.starts_with(b"/") {
                        here = RootfsPath::root();
                    }
                    todo.extend(target.split(|&byte| byte == b'/').rev().map(<[u8]>::to_vec));
                }
                Some(
                    EntryKind::File { .. }
                    | EntryKind::CharDevice { .. }
                    | EntryKind::BlockDevice { .. }
                    | EntryKind::Fifo
                    | EntryKind::Socket,
                ) => {
                    if !create {
                        return Ok(None);
                    }
                    if self.nodes[&next].layer == self.layer {
                        return Err(self.member_error(path, "below a file of the same layer"));
                    }
                    self.findings.add(&next, FindingKind::ReplacedParent);
                    self.remove(&next)?;
                    self.invent(&next)?;
                    here = next;
                }
                None if create => {
                    if RootfsPath::parse(next.as_bytes()).is_err() {
                        return Err(self.member_error(path, "whose resolved path is too long"));
                    }
                    self.invent(&next)?;
                    here = next;
                }
                None => return Ok(None),
            }
        }
        if links > 0 && create {
            self.findings.add(path, FindingKind::ThroughSymlink);
        }
        Ok(Some(here))
    }

    /// Removes a path with all below it.
    pub(super) fn remove(&mut self, path: &RootfsPath) -> Result<(), UnpackError> {
        let layers = self.layer + 1;
        self.hide_below(path, layers)?;
        self.remove_one(path)
    }

    /// Removes what layers below the current one have at a path and below it; returns whether there was anything.
    pub(super) fn hide(&mut self, path: &RootfsPath) -> Result<bool, UnpackError> {
        let mut hidden = self.hide_below(path, self.layer)?;
        if self
            .nodes
            .get(path)
            .is_some_and(|node| node.layer < self.layer)
        {
            self.hide_one(path)?;
            hidden = true;
        }
        Ok(hidden)
    }

    /// Removes what layers below `layer` have below a path; returns whether there was anything.
    pub(super) fn hide_below(
        &mut self,
        path: &RootfsPath,
        layer: usize,
    ) -> Result<bool, UnpackError> {
        let below: Vec<RootfsPath> = self
            .below(path)
            .filter(|(_, node)| node.layer < layer)
            .map(|(path, _)| path.clone())
            .collect();
        for path in below.iter().rev() {
            self.hide_one(path)?;
        }
        Ok(!below.is_empty())
    }

    /// Returns the entries below a path, sorted.
    fn below(&self, path: &RootfsPath) -> impl Iterator<Item = (&RootfsPath, &Node)> {
        // All paths below `a` lie between `a/` and `a0`, the byte after `/`.
        let range = if path.is_root() {
            (Bound::Excluded(path.clone()), Bound::Unbounded)
        } else {
            (
                Bound::Included(path.with_suffix(b'/')),
                Bound::Excluded(path.with_suffix(b'0')),
            )
        };
        self.nodes.range(range)
    }

    /// Removes one entry; a directory that still holds something of the current layer stays as an invented one.
    fn hide_one(&mut self, path: &RootfsPath) -> Result<(), UnpackError> {
        if self.below(path).next().is_none() {
            return self.remove_one(path);
        }
        self.inodes.push(Inode::invented());
        let inode = self.inodes.len() - 1;
        let node = Node {
            inode,
            layer: self.layer,
            invented: true,
        };
        self.nodes.insert(path.clone(), node);
        self.invented.push(path.clone());
        Ok(())
    }

    fn remove_one(&mut self, path: &RootfsPath) -> Result<(), UnpackError> {
        let Some(node) = self.nodes.remove(path) else {
            return Ok(());
        };
        if self.inodes[node.inode].kind == EntryKind::Directory {
            return self.sink.remove_directory(path).map_err(tree);
        }
        self.grave_count += 1;
        self.graves
            .insert(path.clone(), (node.inode, self.grave_count));
        self.sink.bury(path, self.grave_count).map_err(tree)
    }

    /// Finds a hard link's target: in the tree, or among what the current layer has removed.
    pub(super) fn link_target(
        &mut self,
        target: &RootfsPath,
    ) -> Result<Option<(RootfsPath, usize, LinkSource)>, UnpackError> {
        let Some((parent, name)) = target.split() else {
            return Ok(None);
        };
        let parent = self.directory(&parent, false)?.unwrap_or(parent);
        let path = parent.join(name);
        if let Some(node) = self.nodes.get(&path) {
            let inode = node.inode;
            return Ok(Some((path.clone(), inode, LinkSource::Path(path))));
        }
        let grave = self.graves.get(&path).copied();
        Ok(grave.map(|(inode, grave)| (path, inode, LinkSource::Grave(grave))))
    }

    /// Ends the current layer.
    pub(super) fn end_layer(&mut self) -> Result<(), UnpackError> {
        self.graves.clear();
        self.sink.end_layer().map_err(tree)?;
        for path in std::mem::take(&mut self.invented) {
            if self.nodes.get(&path).is_some_and(|node| node.invented) {
                self.findings.add(&path, FindingKind::MissingParent);
            }
        }
        Ok(())
    }

    /// Sets the directories' attributes, the deepest first, and returns the tree as a listing.
    pub(super) fn finish(self) -> Result<(Listing, Findings), UnpackError> {
        for (path, node) in self.nodes.iter().rev() {
            let inode = &self.inodes[node.inode];
            if inode.kind == EntryKind::Directory {
                self.sink.finish_directory(path, inode).map_err(tree)?;
            }
        }
        let listing = listing(self.nodes, self.inodes);
        Ok((listing, self.findings))
    }
}

/// Makes a listing of names and inodes. Both are used up on the way, because there can be hundreds of thousands of them.
fn listing(nodes: BTreeMap<RootfsPath, Node>, mut inodes: Vec<Inode>) -> Listing {
    let mut names = vec![0_u32; inodes.len()];
    for node in nodes.values() {
        names[node.inode] += 1;
    }
    let mut firsts: BTreeMap<usize, RootfsPath> = BTreeMap::new();
    let entry = |(path, node): (RootfsPath, Node)| {
        let linked = names[node.inode] > 1;
        let inode = if linked {
            inodes[node.inode].clone()
        } else {
            std::mem::replace(&mut inodes[node.inode], Inode::invented())
        };
        let hard_link = linked.then(|| {
            let first = firsts.entry(node.inode);
            first.or_insert_with(|| path.clone()).clone()
        });
        let entry = Entry {
            kind: inode.kind,
            mode: inode.mode,
            uid: inode.uid,
            gid: inode.gid,
            mtime: inode.mtime,
            hard_link,
            xattrs: inode.xattrs,
        };
        (path, entry)
    };
    Listing {
        entries: nodes.into_iter().map(entry).collect(),
    }
}

/// Gives a tree's error to the unpacking.
pub(super) fn tree(source: TreeError) -> UnpackError {
    UnpackError::Tree { source }
}
