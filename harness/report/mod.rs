//! Reports: each a pure function of a [`RunReport`](crate::outcome::RunReport). The same run rendered twice is equal to the byte.
//!
//! `json` for machines and as the evidence from which all others can be rendered again, `junit` for CI systems, `html` for a
//! headmistress, `summary` for a terminal, in which `clusters` makes one finding of what many cases have in common.

mod carried;
pub mod clusters;
pub mod html;
pub mod json;
pub mod junit;
pub mod summary;
mod times;

#[cfg(test)]
mod example;
