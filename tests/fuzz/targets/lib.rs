//! The part of the package that reads images, instrumented: the rest would take many minutes and is not fuzzed.

#[path = "../../../harness/digest.rs"]
pub mod digest;
#[path = "../../../harness/progress.rs"]
pub mod progress;

#[path = "../../../harness/image/mod.rs"]
pub mod image;
#[path = "../../../harness/rootfs/mod.rs"]
pub mod rootfs;
