//! What differs inside files of known formats, in one sentence each.
//!
//! A format is known by its bytes, never by a file's name. Each explainer takes both files and says nothing where they are
//! not of its format, or where it can't read them: the next one, and in the end lines or bytes, are looked at then. What is
//! packed in a file is explained by the caller, whose [`Inside`] is passed on.

mod bytes;

mod key;

mod inside;

mod dpkg;
mod elf;
mod gettext;
mod mysql;
mod png;
mod python;
mod zip;

pub(super) use dpkg::{differ_in_order, explain_dpkg};
pub(super) use elf::explain_elf;
pub(super) use gettext::explain_gettext;
use inside::Inside;
pub(super) use key::explain_key;
pub(super) use mysql::explain_mysql;
pub(super) use png::explain_png;
pub(super) use python::{explain_python, python_times};
pub(super) use zip::explain_zip;
