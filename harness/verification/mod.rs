//! The whole run: the stages in order, and what each leaves for the next.
//!
//! ```text
//! preflight ─▶ build ×2 ─▶ compare ─▶ boot ─▶ restore ─▶ database ─▶ replay ─▶ logs ─▶ stop ─▶ RunReport
//!                            └▶ written: boot, restore, stop ─┬▶ fresh: boot, replay, stop ─▶┤
//!                                                             └▶ second boot ───────────────▶┘
//! ```
//!
//! Errors stop here: each becomes a case that is broken, and what needed its result becomes a case that was not run. Nothing
//! that a stage skips can be missed: a stage without cases is inconclusive.

mod boot;
mod build;
mod course;
mod database;
mod effects;
mod finish;
mod fresh;
mod logs;
mod old_server;
mod options;
mod part;
mod plan;
mod replaying;
mod reproducibility;
mod restore;
mod run;
mod second_boot;
mod stages;
mod times;
mod tolerances;
mod variations;
mod written;

pub use boot::{BootError, Guest, boot_guest};
pub use build::build_one;
pub use database::manners;
pub use effects::{effect_cases, effect_files, not_compared as effects_not_compared};
pub use old_server::OldServer;
pub use options::replay_options;
pub use plan::Plan;
pub use run::{verify, verify_rootfs};
pub use stages::Verified;
pub use times::{LegacyTimes, keep_times};
pub use tolerances::{misplaced_tolerance, tolerances};
pub use variations::Comparison;
