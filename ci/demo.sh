#!/usr/bin/env bash
# The main job, for real, on the stand-in: an old server is recorded, its copy is built twice, booted, asked and compared.
#
#   ci/demo.sh                       ends with 0: the copy is right
#   ci/demo.sh --break charset       ends with 1: Apache adds a charset to every page
#   ci/demo.sh --break package       ends with 1: one package has another version than on the old server
#   ci/demo.sh --break data          ends with 1: one cell of one table differs
#   ci/demo.sh --break clock         ends with 1: the copy lives in another time zone
#
# Needs a Debian host with Rust, as root, and nothing else. What --break changes is a copy of the project below target/demo/.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

broken=none
case ${1:-} in
    '') ;;
    --break)
        broken=${2:-}
        [[ $broken =~ ^(charset|package|data|clock)$ ]] || { echo "--break takes charset, package, data or clock" >&2; exit 2; }
        ;;
    *) sed -n '2,11s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac

say() { printf '\n== %s\n' "$*" >&2; }

# Makes the project ($1) that differs from the repository's in one thing.
break_project() {
    local project=$1
    rm -rf "$project"
    mkdir -p "$project/target" "$project/tests"
    cp -a migrate-verify.toml scenarios snapshots "$project/"
    cp -a tests/legacy "$project/tests/legacy"
    ln -s "$PWD/target/stand-in" "$project/target/stand-in"
    ln -s "$PWD/target/demo" "$project/target/demo"
    case $broken in
        charset)
            mkdir -p "$project/tests/legacy/overlay/etc/apache2/conf-enabled"
            echo 'AddDefaultCharset UTF-8' > "$project/tests/legacy/overlay/etc/apache2/conf-enabled/zz-default-charset.conf"
            sed -i '/AddDefaultCharset/d' "$project"/tests/legacy/overlay/etc/apache2/sites-available/*
            ;;
        package) newer_package "$project" ;;
        data)
            # One cell: the town of the first pupil from Kremnica, in the dump that is restored into the copy.
            local dump=$project/tests/legacy/dump.sql
            # shellcheck disable=SC2016 # the backquotes are MySQL's
            LC_ALL=C sed -i '/^INSERT INTO `ziaci`/{s/Kremnica/Kremnice/;:rest;n;b rest}' "$dump"
            if cmp --quiet "$dump" tests/legacy/dump.sql; then echo "the dump has no cell to change" >&2; exit 3; fi
            ;;
        clock)
            sed -i 's#Europe/Bratislava#Atlantic/Azores#g' "$project/tests/legacy/prepare.sh"
            ;;
    esac
}

# Offers the copy a newer version of one of its packages: the same files under another version, from a repository of our own.
newer_package() {
    local project=$1 work=$1/newer deb
    mkdir -p "$work/repository"
    (cd "$work" && apt-get download --quiet=2 -o APT::Sandbox::User=root php8.2-mysql)
    deb=$(compgen -G "$work/php8.2-mysql_*.deb")
    dpkg-deb --raw-extract "$deb" "$work/tree"
    sed -i 's/^Version: .*/&+other1/' "$work/tree/DEBIAN/control"
    dpkg-deb --build --root-owner-group "$work/tree" "$work/repository" > /dev/null
    rm -r "$deb" "$work/tree"
    (
        cd "$work/repository"
        for deb in *.deb; do
            dpkg-deb --field "$deb"
            printf 'Filename: ./%s\nSize: %s\nSHA256: %s\n\n' "$deb" "$(stat -c %s "$deb")" "$(sha256sum "$deb" | cut -d' ' -f1)"
        done > Packages
    )
    # shellcheck source=ci/mirror.sh
    . ci/mirror.sh
    {
        printf 'sources = [\n'
        mirror_sources | sed 's/.*/    "&",/'
        printf '    "deb [trusted=yes] file:%s ./",\n]\n' "$PWD/$work/repository"
    } > "$work/sources"
    sed -i "/^recipe = /r $work/sources" "$project/migrate-verify.toml"
}

say "installing what is needed"
ci/install.sh
say "building migrate-verify"
cargo build --release --locked --quiet
program=$PWD/target/release/migrate-verify

say "the stand-in image"
ci/stand-in.sh
say "the old server"
trap 'ci/old-server.sh stop || true' EXIT
ci/old-server.sh start
mkdir -p target/demo
# What the school's system runs on must have the same version in the copy.
grep -E '^(apache2|libapache2-mod|php|mariadb|libmariadb|libc6 )' /run/migrate-verify-old-server/packages.txt > target/demo/packages.txt

say "recording the old server"
"$program" database record
"$program" record --allow-writes

project=$PWD
if [[ $broken != none ]]; then
    say "breaking the copy: $broken"
    project=target/demo/break-$broken
    break_project "$project"
fi

say "the whole run"
"$program" lock --project "$project"
status=0
"$program" run --project "$project" || status=$?
say "ended with exit code $status; the report: $project/runs/latest/report.html"
exit "$status"
