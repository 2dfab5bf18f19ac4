#!/usr/bin/env bash
# Builds the stand-in: an OCI image to test with where the real debian/eol:lenny cannot be pulled.
#
#   ci/stand-in.sh [OUTPUT_DIR]        (default: target/stand-in/image; the image is oci:OUTPUT_DIR:stand-in)
#
# It is a minimal Debian of the host's own suite, but with sysvinit and with everything in the way that is in the way in the real
# image: terminals that do not exist in a container, a Ctrl-Alt-Del entry that reboots, policy-rc.d, rc scripts for hardware, Docker's
# apt leftovers, a foreign host name. One gzip layer, over 250 MB and over 10,000 entries, so that speed and memory are tested too.
# It has no web server and no database: installing those is the work of the tool under test.
#
# The image lives in a cache keyed by everything that goes into it; OUTPUT_DIR becomes a link to it.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$here")
# shellcheck source=ci/mirror.sh
. "$here/mirror.sh"

# The lenny image's own epoch: no file in it is newer than that.
export SOURCE_DATE_EPOCH="${SOURCE_DATE_EPOCH:-1332979200}"
export LC_ALL=C.UTF-8

output=${1:-$root/target/stand-in/image}
cache="${XDG_CACHE_HOME:-$HOME/.cache}/migrate-verify/stand-in"

# sysvinit and its rc scripts, the network tools, and what a school's server had anyway. perl, vim, manual pages and locales also
# bring the layer to a realistic size; python3 stays out because its .pyc files record mtimes, which an image of one date breaks.
packages=(
    sysvinit-core sysv-rc initscripts orphan-sysvinit-scripts insserv startpar
    ifupdown iproute2 iputils-ping netbase procps psmisc
    kmod udev util-linux-extra e2fsprogs
    perl perl-doc vim less locales tzdata man-db manpages manpages-dev
    apt debian-archive-keyring ca-certificates
)

sources=$(mirror_sources)
suite=$(mirror_suite)
architecture=$(dpkg --print-architecture)
case $architecture in # OCI uses Go's names
    i386) oci_architecture=386 ;;
    armel | armhf) oci_architecture=arm ;;
    *) oci_architecture=$architecture ;;
esac
key=$(
    {
        cat "$here/stand-in.sh" "$here/mirror.sh"
        printf '%s\n' "$SOURCE_DATE_EPOCH" "$architecture" "$suite" "$sources" "$(mirror_fingerprint)"
    } | sha256sum | cut -d' ' -f1
)
image=$cache/$key

# Edits the finished tree ($1) into the state the lenny image is in. Each of these has stopped a boot or a package installation.
make_obstacles() {
    local tree=$1

    # mmdebstrap has put copies of the host's own there, with the host's modes.
    rm -f "$tree/etc/hostname" "$tree/etc/resolv.conf"
    printf 'debuerreotype\n' > "$tree/etc/hostname"
    # An address of the documentation range: whoever asks it waits for ever, as behind a firewall with 1.1.1.1.
    printf 'nameserver 192.0.2.53\n' > "$tree/etc/resolv.conf"
    printf '%s\n' "$sources" > "$tree/etc/apt/sources.list"
    rm -f "$tree"/etc/apt/sources.list.d/* "$tree/etc/apt/apt.conf.d/99mmdebstrap"
    printf 'Apt::AutoRemove::SuggestsImportant "false";\n' > "$tree/etc/apt/apt.conf.d/docker-autoremove-suggests"
    cat > "$tree/etc/apt/apt.conf.d/docker-clean" <<'CLEAN'
DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/archives/partial/*.deb /var/cache/apt/*.bin || true"; };
APT::Update::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/archives/partial/*.deb /var/cache/apt/*.bin || true"; };
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
CLEAN
    printf 'Acquire::GzipIndexes "true";\n' > "$tree/etc/apt/apt.conf.d/docker-gzip-indexes"
    printf 'Acquire::Languages "none";\n' > "$tree/etc/apt/apt.conf.d/docker-no-languages"

    # A machine with a disk and a network card once stood behind these two files.
    printf '/dev/hda1\t/\text3\tdefaults,errors=remount-ro\t0\t1\n/dev/hda5\tnone\tswap\tsw\t0\t0\n' > "$tree/etc/fstab"
    printf 'auto lo\niface lo inet loopback\n\nauto eth0\niface eth0 inet static\n\taddress 192.0.2.10\n\tnetmask 255.255.255.0\n' \
        > "$tree/etc/network/interfaces"

    # Excludes and caches: dated to the build, or of no use in an image.
    rm -rf "$tree"/var/cache/man/* "$tree"/var/cache/apt/*.bin "$tree"/var/cache/debconf/*-old "$tree"/var/lib/dpkg/*-old
    rm -f "$tree"/etc/*- "$tree/etc/machine-id" "$tree/var/lib/dbus/machine-id" "$tree/var/lib/systemd/random-seed"
    find "$tree/var/log" -type f -delete

    # The obstacles that come from the packages themselves: if a newer suite drops one, the stand-in would test less, unseen.
    grep -Eq '^ca:12345:ctrlaltdel:/sbin/shutdown -t1 -a -r now' "$tree/etc/inittab"
    for terminal in 1 2 3 4 5 6; do
        grep -Eq "^$terminal:.*getty.* tty$terminal\$" "$tree/etc/inittab"
    done
    for script in hwclock.sh checkroot.sh mountall.sh udev kmod; do
        compgen -G "$tree/etc/rcS.d/S*$script" > /dev/null
    done
    [[ ! -e $tree/lib/systemd/systemd && ! -e $tree/usr/sbin/apache2 ]]
}

# Docker images forbid services to start on installation; left in place, the file also silences every later invoke-rc.d.
# Appended to the finished tar ($1/layer.tar), because mmdebstrap has such a file of its own and deletes it last.
forbid_services() {
    local work=$1
    mkdir -p "$work/late/usr/sbin"
    printf '#!/bin/sh\nexit 101\n' > "$work/late/usr/sbin/policy-rc.d"
    chmod 755 "$work/late/usr/sbin/policy-rc.d"
    tar --append --file="$work/layer.tar" --directory="$work/late" --format=pax --pax-option=delete=atime,delete=ctime \
        --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" ./usr/sbin/policy-rc.d
}

# Prints the digest of a file as OCI writes it.
digest_of() { printf 'sha256:%s' "$(sha256sum "$1" | cut -d' ' -f1)"; }

# Moves a file into the layout ($1) under its digest and prints a descriptor of media type $3.
add_blob() {
    local layout=$1 file=$2 media_type=$3 digest
    digest=$(digest_of "$file")
    printf '{"mediaType":"%s","digest":"%s","size":%d' "$media_type" "$digest" "$(stat -c %s "$file")"
    mv "$file" "$layout/blobs/sha256/${digest#sha256:}"
}

# Writes the layout by hand: skopeo and umoci put the time of the build into the configuration, and then no two images are equal.
write_layout() {
    local tar=$1 layout=$2 created layer config manifest
    created=$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y-%m-%dT%H:%M:%SZ)
    mkdir -p "$layout/blobs/sha256"

    local diff_id
    diff_id=$(digest_of "$tar")
    gzip -n -6 < "$tar" > "$layout/layer"
    layer="$(add_blob "$layout" "$layout/layer" application/vnd.oci.image.layer.v1.tar+gzip)}"

    cat > "$layout/config" <<CONFIG
{"created":"$created","architecture":"$oci_architecture","os":"linux","config":{"Env":["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],"Cmd":["bash"]},"rootfs":{"type":"layers","diff_ids":["$diff_id"]},"history":[{"created":"$created","created_by":"stand-in"}]}
CONFIG
    config="$(add_blob "$layout" "$layout/config" application/vnd.oci.image.config.v1+json)}"

    cat > "$layout/manifest" <<MANIFEST
{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":$config,"layers":[$layer]}
MANIFEST
    manifest="$(add_blob "$layout" "$layout/manifest" application/vnd.oci.image.manifest.v1+json),\"annotations\":{\"org.opencontainers.image.ref.name\":\"stand-in\"}}"

    cat > "$layout/index.json" <<INDEX
{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[$manifest]}
INDEX
    printf '{"imageLayoutVersion":"1.0.0"}\n' > "$layout/oci-layout"
}

build() {
    local work=$1 source_lines apt_options=()
    readarray -t source_lines <<< "$sources"
    readarray -t apt_options < <(mirror_apt_options)

    # mmdebstrap calls the hook as a program with the tree as its argument; it is this script again.
    mmdebstrap --quiet --mode=root --variant=minbase --architectures="$architecture" --format=tar --skip=output/dev \
        --include="$(IFS=,; printf '%s' "${packages[*]}")" "${apt_options[@]}" \
        --customize-hook="bash '$here/stand-in.sh' --obstacles \"\$1\"" \
        "$suite" "$work/layer.tar" "${source_lines[@]}" >&2
    forbid_services "$work"

    local bytes entries
    bytes=$(stat -c %s "$work/layer.tar")
    entries=$(tar -tf "$work/layer.tar" | wc -l)
    if ((bytes < 250000000 || entries < 10000)); then
        echo "the layer is too small to stand in for the real image: $bytes bytes, $entries entries" >&2
        return 1
    fi
    write_layout "$work/layer.tar" "$work/image"
    mv "$work/image" "$image"
    echo "built the stand-in: $bytes bytes, $entries entries, in $image" >&2
}

if [[ ${1:-} == --obstacles ]]; then
    make_obstacles "$2"
    exit
fi

[[ $(id -u) == 0 ]] || { echo "stand-in.sh must be root, to build a tree with its owners" >&2; exit 2; }
if [[ ! -d $image ]]; then
    mkdir -p "$cache"
    # Two parallel calls must not build twice: the second waits, then finds the image.
    exec {lock}> "$cache/lock"
    flock "$lock"
    if [[ ! -d $image ]]; then
        work=$(mktemp -d "$cache/build.XXXXXX")
        trap 'rm -rf "$work"' EXIT
        build "$work"
    fi
    flock -u "$lock"
fi

# A link, so that nothing is copied. What stood there from an earlier call is a link too, or the user's own and then not ours to delete.
if [[ -e $output && ! -L $output ]]; then
    echo "$output exists and is not a link: not overwritten" >&2
    exit 2
fi
mkdir -p "$(dirname "$output")"
ln -sfnT "$image" "$output"
printf '%s\n' "oci:$output:stand-in"
