#!/usr/bin/env bash
# All that CI runs, in order; stops at the first failure. On a fresh Debian 12 with Rust, as root.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

step() { printf '\n== %s (%s s)\n' "$*" "$SECONDS"; }

step "installing"
ci/install.sh tests
command -v cargo-nextest > /dev/null || cargo install --locked --quiet cargo-nextest

step "shell scripts"
shellcheck --external-sources ci/*.sh ci/applications/*.sh ci/bench/*.sh ci/systemd-host/*.sh tests/legacy/prepare.sh
step "format"
cargo xfmt --check
step "lints"
cargo clippy --locked --all-targets --quiet -- -D warnings
step "fuzz targets"
# In the target folder of the lints, which have checked most of the dependencies.
cargo check --locked --quiet --bins --examples --manifest-path tests/fuzz/Cargo.toml --target-dir target
step "documentation"
RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --document-private-items --quiet

step "the stand-in image and the old server"
ci/stand-in.sh
trap 'ci/old-server.sh stop || true' EXIT
ci/old-server.sh start

step "tests"
CI=${CI:-true} cargo nextest run --locked --profile ci --no-fail-fast
step "done"
