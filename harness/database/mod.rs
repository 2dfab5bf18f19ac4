//! The database: schema and rows of the old MySQL and of its copy, compared byte by byte.
//!
//! [`record`] writes what the old server holds into `snapshots/database/`, [`compare()`] compares a server with
//! that, or any two sides, and [`fingerprint()`] with [`changed_tables`] tells cheaply which tables a request changed. Every connection only reads. Bytes are compared as bytes: no charset, no collation and no
//! trimming stands between the two tables. This module alone speaks MySQL.

mod address;
mod error;
mod source;

mod cell;
mod name;

mod manners;

mod connection;
mod rows;

mod collations;
mod create_table;
mod description;
mod grants;
mod objects;
mod privileges;
mod schema;
mod server;
mod table_facts;

mod ranges;
mod row_hash;
mod watch;

mod change;
mod chunk;
mod fingerprint;
mod recording;
mod table_file;
mod unfinished;

mod dump;
mod dump_definition;
mod dump_objects;
mod dump_scan;
mod dump_table;
mod dump_text;
mod dump_value;

mod cause;
mod finding;
mod keyed;
mod large;
mod multiset;
mod parts;
mod tolerance;

mod comparison;
mod contents;
mod row_comparison;
mod table_comparison;

pub use address::{DatabaseAddress, Password, Target};
pub use change::{ChangeKind, ChangedCell, DatabaseState, RowChange, database_state, row_changes};
pub use comparison::{
    Comparison, NOT_COMPARED, compare, compare_live, compare_with_snapshot, compare_within,
};
pub use dump_objects::not_in_dumps;
pub use error::DatabaseError;
pub use fingerprint::{Fingerprint, TableFingerprint, changed_tables, fingerprint};
pub use manners::{Lock, Manners};
pub use recording::{Recorded, record};
pub use source::Source;
pub use tolerance::Tolerance;
