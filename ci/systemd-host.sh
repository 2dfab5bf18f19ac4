#!/usr/bin/env bash
# The files of `units` on a host that really runs systemd: a Debian in qemu installs them as its administrator would, starts the
# demonstration's tree, asks it, stops it; and boots it by `migrate-verify boot`, addressed by systemd-networkd.
#
#   ci/systemd-host.sh          builds what it needs below target/systemd-host, prints what the host says; exit 0 if all went well
#
# Takes about ten minutes, under emulation. Needs root, and what ci/demo.sh leaves. Not part of ci/check.sh.
# MIGRATE_VERIFY_PROGRAM=FILE uses that program instead of building one.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=$PWD
# shellcheck source=ci/mirror.sh
. ci/mirror.sh
work=$root/target/systemd-host
program=${MIGRATE_VERIFY_PROGRAM:-}
if [[ -z $program ]]; then
    cargo build --release --locked --quiet
    program=$root/target/release/migrate-verify
fi
command -v qemu-system-x86_64 > /dev/null || apt-get install --quiet=2 --yes --no-install-recommends qemu-system-x86

# The demonstration with a DHCP client: on this host nobody but systemd-networkd gives the guest its address.
build_tree() {
    local project=$work/project
    mkdir -p "$project/target/demo" "$project/tests"
    cp -r scenarios migrate-verify.toml "$project/"
    cp -a tests/legacy "$project/tests/"
    ln -sfn "$root/target/stand-in" "$project/target/stand-in"
    : > "$project/target/demo/packages.txt"
    # Emulated, systemd-nspawn takes a minute for the owners in its throw-away layer alone.
    sed -i -e 's/"mariadb-server"\]/"mariadb-server", "isc-dhcp-client"]/' -e 's/^boot_timeout = .*/boot_timeout = "600s"/' "$project/migrate-verify.toml"
    "$program" lock --project "$project"
    "$program" rootfs build --quiet --project "$project" --output "$work/tree" > /dev/null
}

build_host() {
    local options sources
    readarray -t options < <(mirror_apt_options)
    readarray -t sources < <(mirror_sources)
    mmdebstrap --quiet --mode=root --variant=apt --format=directory \
        --include=linux-image-amd64,systemd-sysv,systemd-container,dbus,udev,iproute2,iptables,curl,util-linux,e2fsprogs,faketime,procps,apt \
        --aptopt='APT::Install-Recommends "false"' --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
        "${options[@]}" "$(mirror_suite)" "$work/host" "${sources[@]}" >&2
}

install_test() {
    local host=$work/host
    mkdir -p "$host/srv/app/skola" "$host/srv/project"
    cp -a "$work/tree" "$host/srv/app/skola/rootfs"
    cp -r "$work/project/." "$host/srv/project/"
    install -m 755 "$program" "$host/usr/local/bin/migrate-verify"
    rm -rf "$work/units"
    "$program" units --quiet --output "$work/units" 2> /dev/null > /dev/null
    cp -r "$work/units" "$host/srv/units"
    install -m 755 ci/systemd-host/test.sh "$host/usr/local/sbin/test-units"
    cat > "$host/etc/systemd/system/test-units.service" <<'UNIT'
[Unit]
Description=The test
After=systemd-networkd.service dbus.service
[Service]
Type=oneshot
ExecStart=/usr/local/sbin/test-units
StandardOutput=file:/dev/ttyS0
StandardError=inherit
ExecStopPost=/usr/bin/systemctl poweroff --no-block
[Install]
WantedBy=multi-user.target
UNIT
    printf 'host\n' > "$host/etc/hostname"
    chroot "$host" systemctl --quiet enable systemd-networkd test-units
    # A getty would hang up the terminal on which the test speaks.
    chroot "$host" systemctl --quiet mask serial-getty@ttyS0.service
}

rm -rf "$work"
mkdir -p "$work"
build_tree
build_host
install_test
mke2fs -q -t ext4 -d "$work/host" "$work/disk" 8G
# Emulated: /dev/kvm inside a virtual machine, as CI's, often does not work.
timeout 1500 qemu-system-x86_64 -accel tcg,thread=multi -cpu max -m 3072 -smp 2 -nographic -no-reboot -nic none \
    -kernel "$(compgen -G "$work/host/boot/vmlinuz-*")" -initrd "$(compgen -G "$work/host/boot/initrd.img-*")" \
    -append 'root=/dev/vda rw console=ttyS0 quiet systemd.show_status=0' \
    -drive "file=$work/disk,if=virtio,format=raw,cache=unsafe" < /dev/null | tee "$work/console" | grep --line-buffered -a '^test:' || true
grep -aq '^test: all went well' "$work/console"
