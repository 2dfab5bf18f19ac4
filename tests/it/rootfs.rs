//! rootfs commands.
