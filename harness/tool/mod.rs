//! External programs: the only place that starts any.
//!
//! A [`ToolCall`] is data: program, arguments, limit. A [`Toolbox`] knows where programs are and starts them with a
//! cleared environment, `LC_ALL=C.UTF-8`, a session of their own (setsid(1): Ctrl-C reaches us, not them, and they have no terminal) and the mark
//! [`RUN_MARK`] in their environment, by which `clean` finds what a killed run left behind.

mod call;
mod error;
mod nspawn;
mod process;
mod toolbox;

pub use call::ToolCall;
pub use error::ToolError;
pub use nspawn::{NSPAWN_ARGUMENTS, NSPAWN_ENVIRONMENT, nspawn};
pub use process::{ToolExit, ToolProcess};
pub use toolbox::{RUN_MARK, ToolOutput, Toolbox};
