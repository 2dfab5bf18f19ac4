//! Single files out of an image, without putting it on disk.

use std::collections::BTreeMap;

use super::{
    budget::Budget,
    entry::Entry,
    error::{TreeError, UnpackError},
    model::{LinkSource, Sink},
    path::RootfsPath,
    unpack::apply_all,
};
use crate::image::Image;

/// Larger files are left out.
const LARGEST_FILE: usize = 4 << 20;
/// So many bytes of files are kept.
const MOST_BYTES: usize = 32 << 20;

/// Returns the bytes of files of an image, as far as they are small enough to be kept in memory.
pub fn read_files(
    image: &Image,
    wanted: &dyn Fn(&RootfsPath) -> bool,
    budget: &Budget,
) -> Result<BTreeMap<RootfsPath, Vec<u8>>, UnpackError> {
    let mut collector = Collector {
        wanted,
        files: BTreeMap::new(),
        current: None,
        total: 0,
    };
    apply_all(image, &mut collector, budget, None)?;
    Ok(collector.files)
}

/// Keeps the bytes of some files.
struct Collector<'a> {
    wanted: &'a dyn Fn(&RootfsPath) -> bool,
    files: BTreeMap<RootfsPath, Vec<u8>>,
    current: Option<(RootfsPath, Vec<u8>)>,
    total: usize,
}

impl Collector<'_> {
    /// Appends to the current file, or gives it up when it gets too large.
    fn append(&mut self, length: usize, append: impl FnOnce(&mut Vec<u8>)) {
        if let Some((_, bytes)) = &mut self.current {
            if length > LARGEST_FILE - bytes.len() || length > MOST_BYTES - self.total {
                self.current = None;
                return;
            }
            self.total += length;
            append(bytes);
        }
    }
}

impl Sink for Collector<'_> {
    fn make_directory(&mut self, _path: &RootfsPath) -> Result<(), TreeError> {
        Ok(())
    }

    fn remove_directory(&mut self, _path: &RootfsPath) -> Result<(), TreeError> {
        Ok(())
    }

    fn bury(&mut self, path: &RootfsPath, _grave: u64) -> Result<(), TreeError> {
        self.files.remove(path);
        Ok(())
    }

    fn begin_file(&mut self, path: &RootfsPath) -> Result<(), TreeError> {
        let wanted = (self.wanted)(path);
        self.current = wanted.then(|| (path.clone(), Vec::new()));
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), TreeError> {
        self.append(bytes.len(), |file| file.extend_from_slice(bytes));
        Ok(())
    }

    fn hole(&mut self, length: u64) -> Result<(), TreeError> {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        self.append(length, |file| file.resize(file.len() + length, 0));
        Ok(())
    }

    fn end_file(&mut self, _entry: &Entry) -> Result<(), TreeError> {
        self.files.extend(self.current.take());
        Ok(())
    }

    fn make_special(&mut self, _path: &RootfsPath, _entry: &Entry) -> Result<(), TreeError> {
        Ok(())
    }

    fn link(&mut self, source: &LinkSource, path: &RootfsPath) -> Result<(), TreeError> {
        let target = match source {
            LinkSource::Path(target) => self.files.get(target).cloned(),
            LinkSource::Grave(_) => None,
        };
        if let Some(bytes) = target.filter(|_| (self.wanted)(path)) {
            self.current = Some((path.clone(), Vec::new()));
            self.append(bytes.len(), |file| *file = bytes);
            self.files.extend(self.current.take());
        }
        Ok(())
    }

    fn end_layer(&mut self) -> Result<(), TreeError> {
        Ok(())
    }

    fn finish_directory(&mut self, _path: &RootfsPath, _entry: &Entry) -> Result<(), TreeError> {
        Ok(())
    }
}
