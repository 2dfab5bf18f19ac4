//! The parts of the package that read images and answers, instrumented: the rest would take many minutes and is not fuzzed.

#[path = "../../../harness/digest.rs"]
pub mod digest;
#[path = "../../../harness/input.rs"]
pub mod input;
#[path = "../../../harness/outcome/mod.rs"]
pub mod outcome;
#[path = "../../../harness/progress.rs"]
pub mod progress;

#[path = "../../../harness/charset/mod.rs"]
pub mod charset;
#[path = "../../../harness/exchange/mod.rs"]
pub mod exchange;
#[path = "../../../harness/scenario/mod.rs"]
pub mod scenario;
#[path = "../../../harness/snapshot/mod.rs"]
pub mod snapshot;

#[path = "../../../harness/replay/mod.rs"]
pub mod replay;

#[path = "../../../harness/image/mod.rs"]
pub mod image;
#[path = "../../../harness/rootfs/mod.rs"]
pub mod rootfs;
