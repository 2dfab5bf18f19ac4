#!/usr/bin/env bash
# Measures this program against the tools that people use today, and prints a table of medians and ratios.
#
#   ci/bench.sh SUBJECT [RUNS]        (SUBJECT: a file of ci/bench/; RUNS: 3 or more, default 3)
#   MIGRATE_VERIFY_PROGRAM=FILE        measures that program instead of building one
#
# Ours and the peers run in turn on the same machine in the same minutes, so that a busy machine slows both. Each row has its
# target; one that is missed is marked, and the exit code is 1. A peer that cannot be installed is named and its row left out.
# Needs root, because unpacking an image does, and network access to install the peers with apt.
# shellcheck disable=SC2317 # what is measured is called by its name
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$here")
export LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive

subject=${1:-}
runs=${2:-3}
[[ $subject =~ ^[a-z]+$ && -f $here/bench/$subject.sh ]] || {
    subjects=("$here"/bench/*.sh)
    subjects=("${subjects[@]##*/}")
    echo "usage: ci/bench.sh SUBJECT [RUNS], with one of: ${subjects[*]%.sh}" >&2
    exit 2
}
[[ $(id -u) == 0 ]] || { echo "bench.sh must be root, to unpack images with their owners" >&2; exit 2; }
((runs >= 3)) || { echo "a median needs three runs or more" >&2; exit 2; }

work=$(mktemp -d "${TMPDIR:-/var/tmp}/migrate-verify-bench.XXXXXX")
# ext4 looks at all inodes that were removed nearby in the last minutes before it takes one: each run gets a place of its own.
chattr +T "$work" 2> /dev/null || true
trap 'rm -rf "$work"' EXIT
missed=0

# Installs the Debian packages that are missing, one by one: what cannot be had is left out.
install_peers() {
    local package missing=()
    for package in "$@"; do
        dpkg-query -W -f '${Status}' "$package" 2> /dev/null | grep -q 'install ok installed' || missing+=("$package")
    done
    ((${#missing[@]} == 0)) && return
    apt-get update -qq >&2 || true
    for package in "${missing[@]}"; do
        apt-get install -qq -y --no-install-recommends "$package" > /dev/null 2> "$work/apt" ||
            echo "not available here: $package ($(tail -n 1 "$work/apt"))"
    done
}

has() { command -v "$1" > /dev/null; }

# Runs a function or program once and notes what it took: measure NAME COMMAND...
measure() {
    local name=$1 status=0
    shift
    # `time` starts programs; a function becomes one by a shell of its own.
    [[ $(type -t "$1") != function ]] || set -- bash -o pipefail -c '"$@"' bash "$@"
    /usr/bin/time -q -o "$work/time" -f '%e %M' "$@" > "$work/output" 2> "$work/errors" || status=$?
    # Peers say by 1 that trees differ; 124 is the end of a limited time.
    if ((status > 1 && status != 124)); then
        echo "$name failed with $status:" >&2
        tail -n 5 "$work/errors" >&2
        exit 3
    fi
    tail -n 1 "$work/time" >> "$work/results.$name"
    ((status != 124)) || touch "$work/limited.$name"
}

# Prints the median of a column of what was noted: median NAME COLUMN
median() {
    cut -d' ' -f"$2" "$work/results.$1" | sort -n | awk '{ value[NR] = $1 } END { print value[int((NR + 1) / 2)] }'
}

# Prints a row of ours against a peer: row WORK OURS PEER TARGET
row() {
    local ours peer limit='' verdict
    if [[ ! -e $work/results.$3 ]]; then
        printf '| %-58s | %7s | %7s | %6s | %6s | no peer |\n' "$1" "$(median "$2" 1)" - - "$4"
        return
    fi
    ours=$(median "$2" 1)
    peer=$(median "$3" 1)
    [[ ! -e $work/limited.$3 ]] || limit='>'
    verdict=$(awk -v ours="$ours" -v peer="$peer" -v target="$4" 'BEGIN { print (ours <= target * peer) ? "kept" : "MISSED" }')
    [[ $verdict == kept ]] || missed=1
    printf '| %-58s | %7s | %7s | %6.3f | %6s | %-7s |\n' "$1" "$ours" "$limit$peer" \
        "$(awk -v ours="$ours" -v peer="$peer" 'BEGIN { print ours / peer }')" "$4" "$verdict"
}

# Prints the peak memory of something of ours: memory_row WORK NAME TARGET
memory_row() {
    local peak verdict
    peak=$(($(cut -d' ' -f2 "$work/results.$2" | sort -n | tail -n 1) / 1024))
    verdict=kept
    ((peak <= $3)) || { verdict=MISSED missed=1; }
    printf '| %-58s | %4s MB | %4s MB | %-7s |\n' "$1" "$peak" "$3" "$verdict"
}

program=${MIGRATE_VERIFY_PROGRAM:-}
if [[ -z $program ]]; then
    (cd "$root" && cargo build --release --quiet)
    program=$root/target/release/migrate-verify
fi
export program
# shellcheck disable=SC1090 # one of those that were looked for above
. "$here/bench/$subject.sh"
"bench_$subject"
exit "$missed"
