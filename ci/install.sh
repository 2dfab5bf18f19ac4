#!/usr/bin/env bash
# Installs what a Debian host needs to run migrate-verify, its demonstration and its tests. Run as root; calling it again costs a second.
#
#   ci/install.sh          what `migrate-verify run` and ci/demo.sh start
#   ci/install.sh tests    also what only ci/check.sh needs
set -euo pipefail

packages=(
    # what the product starts
    systemd-container util-linux iproute2 skopeo
    # what builds are varied with: another file system, another clock
    e2fsprogs faketime
    # what makes the stand-in and the old server
    mmdebstrap debian-archive-keyring curl
    # what Rust links with, and its C parts are built with
    build-essential pkg-config ca-certificates
)
if [[ ${1:-} == tests ]]; then
    # MariaDB as a server to compare; who else builds images; what rules are checked by; how an old server's files are mounted;
    # what scripts are checked with
    packages+=(mariadb-server-core mariadb-client-core umoci buildah podman iptables nftables busybox-static sshfs openssh-sftp-server
        shellcheck git)
fi

missing=()
for package in "${packages[@]}"; do
    state=$(dpkg-query --show --showformat='${db:Status-Abbrev}' "$package" 2> /dev/null || true)
    [[ $state == ii* ]] || missing+=("$package")
done
((${#missing[@]})) || exit 0
[[ $(id -u) == 0 ]] || { echo "not installed: ${missing[*]}; run ci/install.sh as root" >&2; exit 2; }
export DEBIAN_FRONTEND=noninteractive
apt-get update --quiet=2
apt-get install --quiet=2 --yes --no-install-recommends "${missing[@]}"
