//! What is done to an image's tree until it is the rootfs: packages, overlay, scripts, the sysvinit edits, normalisation.
//!
//! ```text
//! image ─▶ unpack ─▶ packages ─▶ overlay ─▶ scripts ─▶ sysvinit edits ─▶ state ─▶ normalise ─▶ Listing
//! ```
//!
//! What is installed stands in `migrate-verify.lock` ([`Lock`]): the image's digest, every package with its digest, and the
//! order in which they are unpacked and configured, as the host's apt resolved it for the guest. A build reads the lock
//! alone and has no network, so that two builds can only differ in what the packages and scripts themselves do.
//!
//! What a build sees of its time and place is data, too ([`Surroundings`]): two builds that are compared differ in it.
//!
//! Edits are data ([`Edit`]): they are decided from what the tree holds and written down in the report.

mod build;
mod disk;
mod durable;
mod edit;
mod error;
mod fetch;
mod guest;
mod inittab;
mod installation_order;
mod lock;
mod locking;
mod normalise;
mod overlay;
mod packages;
mod probe;
mod state;
mod surroundings;
mod sysvinit;
mod touched;
mod turn;

pub use build::{BuildPlan, Built, Step, build};
pub use disk::Disk;
pub use durable::rename_durably;
pub use edit::Edit;
pub use error::RecipeError;
pub use lock::{LOCK_NAME, Lock, LockedAction, LockedImage, LockedPackage};
pub use locking::{Inputs, Store, lock, prepare};
pub use packages::{PackageCache, installed_packages};
pub use surroundings::{Ignored, Locale, ShiftedClock, Surroundings};
