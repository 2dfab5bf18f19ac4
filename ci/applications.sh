#!/usr/bin/env bash
# Real PHP applications (DokuWiki, MediaWiki, phpMyAdmin, as Debian packages them) recorded and replayed against themselves.
#
#   ci/applications.sh check [APPLICATION…]   crawls 50 pages and a login of each, records them in two rounds and replays them
#                                             three times, the last time 20 hours later: any difference is one too many (exit 1)
#                                             (MediaWiki's pages say when they were put into its cache; should the moved clock make it
#                                             put one there anew, the third run shows that, and rightly)
#   ci/applications.sh serve PORT [OFFSET [LAYER]]   serves them on 127.0.0.1:PORT until it is ended; OFFSET moves their clock
#                                             (+20h), LAYER is a folder in which what they write is kept
#   ci/applications.sh crawl APPLICATION URL PROJECT   writes a project with scenarios of 50 pages
#
# Root is needed for the tree and its namespaces. The tree is built once per change of its inputs; what runs on it writes to an
# overlay in memory, so that every start begins with the same data, or to LAYER. The network is the loopback alone.
# MIGRATE_VERIFY_PROGRAM=FILE uses that program instead of building one; APPLICATIONS_WORK=DIR keeps projects and reports;
# APPLICATIONS_CODING=identity asks for pages that are not compressed.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$here")
# shellcheck source=ci/mirror.sh
. "$here/mirror.sh"
export LC_ALL=C.UTF-8
cache="${XDG_CACHE_HOME:-$HOME/.cache}/migrate-verify/applications"
packages=apache2,libapache2-mod-php,php-mysql,php-gd,php-intl,php-xml,php-mbstring,mariadb-server,dokuwiki,mediawiki,dbconfig-no-thanks,phpmyadmin,faketime,tzdata,perl

say() { printf 'applications: %s\n' "$*" >&2; }
die() { say "$@"; exit 2; }

# One digest over what the tree is made of.
tree_key() {
    {
        cat "$here/mirror.sh" "$here/applications/configure.sh" "$root/tests/legacy/dump.sql"
        printf '%s\n' "$packages"
        mirror_fingerprint
    } | sha256sum | cut -d' ' -f1
}

# Runs a command of the tree $1 with processes and mounts of its own, and no network but the loopback's where $2 says so.
inside() {
    local tree=$1 network=$2
    shift 2
    # shellcheck disable=SC2016 # expanded by the inner shell
    unshare --mount --pid --fork --kill-child --propagation private ${network:+--net} bash -euo pipefail -c '
        tree=$1; shift
        mount -t proc proc "$tree/proc"
        mount --rbind /dev "$tree/dev"
        mount -t tmpfs tmpfs "$tree/run"
        exec chroot "$tree" "$@"' bash "$tree" "$@"
}

build() {
    local tree=$1 source_lines apt_options
    readarray -t source_lines < <(mirror_sources)
    readarray -t apt_options < <(mirror_apt_options)
    say "building the tree (once per change of its inputs)"
    mmdebstrap --quiet --mode=root --variant=minbase --format=directory --include="$packages" \
        --aptopt='APT::Install-Recommends "false"' --dpkgopt=force-unsafe-io \
        "${apt_options[@]}" "$(mirror_suite)" "$tree" "${source_lines[@]}" >&2
    configure "$tree"
}

configure() {
    local tree=$1
    cp "$root/tests/legacy/dump.sql" "$tree/root/dump.sql"
    cp "$here/applications/configure.sh" "$tree/root/configure.sh"
    inside "$tree" own bash /root/configure.sh >&2
}

ensure_tree() {
    local key work
    key=$(tree_key)
    tree=$cache/$key
    [[ ! -d $tree ]] || return 0
    mkdir -p "$cache"
    work=$(mktemp -d "$cache/build.XXXXXX")
    # shellcheck disable=SC2064 # the directory of now, not of then
    trap "rm -rf --one-file-system '$work'" EXIT
    build "$work/tree"
    mv "$work/tree" "$tree"
    rm -rf "$work"
    trap - EXIT
}

# Serves the tree on a throw-away layer until it is ended.
serve() {
    local port=$1 offset=${2:-} layer=${3:-} kept=kept
    ensure_tree
    if [[ -z $layer ]]; then
        layer=$(mktemp -d "${TMPDIR:-/tmp}/applications.XXXXXX") kept=''
    fi
    # shellcheck disable=SC2016
    exec unshare --mount --pid --fork --kill-child --propagation private bash -euo pipefail -c '
        tree=$1 layer=$2 port=$3 offset=$4 kept=$5
        [[ -n $kept ]] || mount -t tmpfs tmpfs "$layer"
        mkdir -p "$layer"/{upper,work,tree}
        mount -t overlay overlay -o "lowerdir=$tree,upperdir=$layer/upper,workdir=$layer/work" "$layer/tree"
        tree=$layer/tree
        mount -t proc proc "$tree/proc"
        mount --rbind /dev "$tree/dev"
        # Names in shared memory are made of process numbers, which are those of another namespace outside.
        mount -t tmpfs tmpfs "$tree/dev/shm"
        mount -t tmpfs tmpfs "$tree/run"
        printf "Listen 127.0.0.1:%s\n" "$port" > "$tree/etc/apache2/ports.conf"
        sed -i "s/<VirtualHost .*>/<VirtualHost *:$port>/" "$tree"/etc/apache2/sites-available/000-default.conf
        exec chroot "$tree" bash -euo pipefail -c "
            export LC_ALL=C.UTF-8
            install -d -o mysql -g mysql /run/mysqld
            install -d /run/apache2 /run/lock /var/lock
            clock() { if [[ -n \"$offset\" ]]; then NO_FAKE_STAT=1 faketime -f \"$offset\" \"\$@\"; else \"\$@\"; fi; }
            clock mariadbd --user=mysql --skip-networking > /run/mysqld/log 2>&1 &
            until mariadb-admin ping > /dev/null 2>&1; do sleep 0.1; done
            set +u
            . /etc/apache2/envvars
            mkdir -p \"\$APACHE_RUN_DIR\" \"\$APACHE_LOCK_DIR\" \"\$APACHE_LOG_DIR\"
            clock apache2 -DFOREGROUND
        "' bash "$tree" "$layer" "$port" "$offset" "$kept"
}

# Starts a server in the background and waits for it; its process is noted in `server`.
start() {
    local port=$1 tries
    shift
    mkdir -p "$work/layer"
    "$here/applications.sh" serve "$port" "${1:-}" "$work/layer" > "$work/server.log" 2>&1 &
    server=$!
    for ((tries = 0; tries < 600; tries++)); do
        if curl --silent --output /dev/null --max-time 5 "http://127.0.0.1:$port/"; then return 0; fi
        kill -0 "$server" 2> /dev/null || break
        sleep 0.1
    done
    cat "$work/server.log" >&2
    die "the applications do not answer on port $port"
}

stop() {
    [[ -n ${server:-} ]] || return 0
    # unshare waits for its child and heeds nothing else; the child and all of its namespace go with it.
    kill -KILL "$server" 2> /dev/null || true
    wait "$server" 2> /dev/null || true
    server=
}

crawl() { perl "$here/applications/crawl.pl" "$@"; }

# Replays one project; prints the differences where there are any.
replayed() {
    local project=$1 url=$2 report=$3
    shift 3
    if "$@" "$program" replay --project "$project" --server "$url" --same-machine > "$report" 2>&1; then
        say "$(basename "$project"): $(basename "$report" .txt): no difference"
        return 0
    fi
    say "$(basename "$project"): $(basename "$report" .txt): DIFFERENT or inconclusive, see $report"
    failed=1
}

check() {
    local application project port=${APPLICATIONS_PORT:-18083} url
    (($#)) || set -- dokuwiki mediawiki phpmyadmin
    program=${MIGRATE_VERIFY_PROGRAM:-}
    if [[ -z $program ]]; then
        (cd "$root" && cargo build --locked --release --quiet)
        program=$root/target/release/migrate-verify
    fi
    ensure_tree
    work=${APPLICATIONS_WORK:-$(mktemp -d "${TMPDIR:-/tmp}/applications-check.XXXXXX")}
    mkdir -p "$work"
    trap stop EXIT
    failed=0
    rm -rf "$work/layer"
    url=http://127.0.0.1:$port
    start "$port"
    for application in "$@"; do
        project=$work/$application
        rm -rf "$project"
        crawl "$application" "$url" "$project"
        # As browsers ask: what varies is learnt of compressed pages.
        printf 'accept_encoding = "%s"\n' "${APPLICATIONS_CODING:-gzip, deflate}" >> "$project/migrate-verify.toml"
        if "$program" record --project "$project" --rate 1000 > "$work/$application-record.txt" 2>&1; then
            say "$application: $(grep '^recorded' "$work/$application-record.txt")"
        else
            say "$application: NOT all recorded, see $work/$application-record.txt"
            failed=1
        fi
        rm -rf "$work/$application-first"
        cp -r "$project/snapshots" "$work/$application-first"
        "$program" record --project "$project" --rate 1000 > "$work/$application-again.txt" 2>&1 || true
        if ! diff -r "$work/$application-first" "$project/snapshots" > "$work/$application-changed.txt"; then
            say "$application: recording again changed files, see $work/$application-changed.txt"
            failed=1
        fi
        replayed "$project" "$url" "$work/$application-1.txt"
    done
    # Another minute, another session; then the same server most of a day later, which only its clocks may tell: after a whole day
    # MediaWiki makes its pages anew.
    sleep "${APPLICATIONS_PAUSE:-61}"
    for application in "$@"; do
        replayed "$work/$application" "$url" "$work/$application-2.txt"
    done
    stop
    start "$port" +20h
    for application in "$@"; do
        replayed "$work/$application" "$url" "$work/$application-3.txt" faketime -f +20h
    done
    stop
    ((failed == 0)) && say "no false difference"
    return "$failed"
}

[[ $(id -u) == 0 ]] || die "must be root"
case ${1:-} in
    check) shift; check "$@" ;;
    serve) serve "${2:?a port}" "${3:-}" "${4:-}" ;;
    crawl) crawl "${2:?an application}" "${3:?its address}" "${4:?a folder}" ;;
    tree) ensure_tree; echo "$tree" ;;
    *) die "usage: ci/applications.sh check [APPLICATION…] | serve PORT [OFFSET [LAYER]] | crawl APPLICATION URL PROJECT" ;;
esac
