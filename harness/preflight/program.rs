//! Programs of a few bytes for x86-64, made by code: what they do in a process of their own can't harm this one, and they need
//! no library, so that they run in an empty tree.

use std::{fs, io, os::unix::fs::PermissionsExt, path::Path};

/// Where the program is loaded (the usual place of a static program).
const BASE: u64 = 0x40_0000;

/// Sizes of the ELF header and of one program header (ELF-64 object file format).
const HEADER: u16 = 64;
const PROGRAM_HEADER: u16 = 56;

/// Ends with [`RAN`]: `mov edi, 42; mov eax, 60 (exit); syscall`.
const RUNS: &[u8] = b"\xbf\x2a\0\0\0\xb8\x3c\0\0\0\x0f\x05";

/// How [`Program::Runs`] ends, which nothing that fails on the way does.
pub(super) const RAN: i32 = 42;

/// Calls `time(NULL)` at 0xffffffffff600400 and ends with 0 if the answer is later than 2001, else with 1:
/// `xor edi, edi; mov rax, 0xffffffffff600400; call rax; xor edi, edi; cmp rax, 1000000000; setl dil; mov eax, 60; syscall`.
const CALLS_VSYSCALL: &[u8] = b"\x31\xff\x48\xc7\xc0\0\x04\x60\xff\xff\xd0\x31\xff\x48\x3d\0\xca\x9a\x3b\x40\x0f\x9c\xc7\xb8\x3c\0\0\0\x0f\x05";

/// A program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Program {
    /// It shows that programs run at all.
    Runs,
    /// It does what a libc older than 2.14 does.
    CallsVsyscall,
}

impl Program {
    /// Writes the program to a file that can be run.
    pub(super) fn write(self, path: &Path) -> io::Result<()> {
        let code = match self {
            Self::Runs => RUNS,
            Self::CallsVsyscall => CALLS_VSYSCALL,
        };
        fs::write(path, elf(code))?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o755))
    }
}

/// Returns an executable of one segment that holds the code.
fn elf(code: &[u8]) -> Vec<u8> {
    let start = u64::from(HEADER + PROGRAM_HEADER);
    let size = start + code.len() as u64;
    let mut bytes = b"\x7fELF\x02\x01\x01".to_vec();
    bytes.resize(16, 0);
    // An executable, for x86-64, version 1.
    bytes.extend([2, 0, 62, 0, 1, 0, 0, 0]);
    // Entry, program headers, no section headers.
    for word in [BASE + start, u64::from(HEADER), 0] {
        bytes.extend(word.to_le_bytes());
    }
    bytes.extend([0; 4]);
    for half in [HEADER, PROGRAM_HEADER, 1, 64, 0, 0] {
        bytes.extend(half.to_le_bytes());
    }
    // Loaded, readable and executable.
    bytes.extend([1, 0, 0, 0, 5, 0, 0, 0]);
    for word in [0, BASE, BASE, size, size, 0x1000] {
        bytes.extend(word.to_le_bytes());
    }
    bytes.extend(code);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_have_the_sizes_that_they_name() {
        let bytes = elf(RUNS);
        assert_eq!(bytes.len(), 120 + RUNS.len());
        assert_eq!(&bytes[120..], RUNS);
        assert_eq!(bytes[18], 62);
    }
}
