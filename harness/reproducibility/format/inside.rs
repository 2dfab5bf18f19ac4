//! What a format passes on: the bytes of a member or a section, which the caller explains.

/// Explains two byte strings that were found in files.
pub(super) type Inside<'a> = &'a dyn Fn(&[u8], &[u8]) -> String;
