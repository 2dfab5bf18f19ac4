#!/usr/bin/env bash
# What only shows when it is done often: guests booted in a row, runs killed at random moments, power lost, two runs at the same time.
#
#   ci/endurance.sh boots [N]     N boots in a row (default 20): each must answer and halt cleanly
#   ci/endurance.sh kills [N]     N times SIGKILL at a random moment (default 50): a fifth of them in `run`, the others in `boot`;
#                                 after `clean` nothing of the killed run may be left
#   ci/endurance.sh power [N]     N times the power is lost at a random moment (default 10), for an ext4 that holds all that runs keep: by
#                                 turns in `run` and in `rootfs build`; then `clean` leaves nothing, and a tree under its name is whole
#   ci/endurance.sh pairs [N]     N times two whole runs at the same time (default 1): both must be verified
#
# Needs root, and what ci/demo.sh leaves: the stand-in image, target/demo/packages.txt, snapshots. Takes minutes (kills: about 10).
# MIGRATE_VERIFY_PROGRAM=FILE uses that program instead of building one, MIGRATE_VERIFY_PROJECT=DIR another project.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
what=${1:-}
case $what in
    boots) count=${2:-20} ;;
    kills) count=${2:-50} ;;
    power) count=${2:-10} ;;
    pairs) count=${2:-1} ;;
    *) sed -n '2,13s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac
[[ $(id -u) == 0 ]] || { echo "endurance.sh must be root, to boot guests" >&2; exit 2; }
project=${MIGRATE_VERIFY_PROJECT:-$root}
program=${MIGRATE_VERIFY_PROGRAM:-}
if [[ -z $program ]]; then
    (cd "$root" && cargo build --release --locked --quiet)
    program=$root/target/release/migrate-verify
fi
work=$(mktemp -d /var/tmp/migrate-verify-endurance.XXXXXX)
trap 'rm -rf "$work"' EXIT
failed=0

tree() {
    [[ -d $work/tree ]] || "$program" rootfs build --quiet --project "$project" --output "$work/tree" > /dev/null
}

# Lists what a run has on this host: processes, folder, link, mounts, loop devices.
traces() {
    local run=$1 machine=mv-${1##*-} path
    for path in /proc/[0-9]*/environ; do
        if { tr '\0' '\n' < "$path"; } 2> /dev/null | grep -qx "MIGRATE_VERIFY_RUN=$run"; then echo "process ${path%/environ}"; fi
    done
    for path in "/sys/class/net/ve-$machine" "/var/lib/migrate-verify/work/$run" "/run/systemd/nspawn/propagate/$machine"; do
        [[ ! -e $path ]] || echo "$path"
    done
    grep -F "$run" /proc/self/mountinfo || true
    losetup --list --noheadings --output BACK-FILE 2> /dev/null | grep -F "$run" || true
}

boots() {
    local number pid status seconds
    tree
    for ((number = 1; number <= count; number++)); do
        : > "$work/output"
        "$program" boot --quiet --project "$project" --rootfs "$work/tree" > "$work/output" 2> "$work/messages" &
        pid=$!
        until grep -q answers "$work/output" || ! kill -0 "$pid" 2> /dev/null; do sleep 0.1; done
        seconds=$(grep -o '[0-9.]* s after' "$work/output" || echo 'no answer')
        kill -INT "$pid" 2> /dev/null || true
        status=0
        wait "$pid" || status=$?
        printf 'boot %d: %s, exit code %d\n' "$number" "$seconds" "$status"
        ((status == 0)) || { failed=1; cat "$work/messages" >&2; }
    done
}

kills() {
    local number command longest pid run left alive=0
    tree
    for ((number = 1; number <= count; number++)); do
        command=(boot --rootfs "$work/tree") longest=70
        if ((number % 5 == 0)); then command=(run) longest=500; fi
        "$program" "${command[0]}" -v --project "$project" "${command[@]:1}" > /dev/null 2> "$work/messages" &
        pid=$!
        sleep "$(awk -v most="$longest" -v random="$RANDOM" 'BEGIN { printf "%.2f", most / 10 * random / 32767 }')"
        ! kill -KILL "$pid" 2> /dev/null || alive=$((alive + 1))
        wait "$pid" 2> /dev/null || true
        "$program" clean > "$work/cleaned"
        run=$(sed -n 's/^progress: run //p' "$work/messages")
        left=$([[ -z $run ]] || traces "$run")
        printf '%d: %s killed after: %s\n' "$number" "${command[0]}" "$(tail -n 1 "$work/messages")"
        [[ -z $left ]] || { failed=1; printf 'left behind:\n%s\n' "$left" >&2; }
    done
    printf '%d of %d were killed alive; the others had ended\n' "$alive" "$count"
}

# On the disk: runs a command in namespaces of its own, which see the disk in the place of what runs keep.
on_disk() {
    # shellcheck disable=SC2016 # the inner shell's
    exec unshare --mount --pid --fork --kill-child=KILL --mount-proc sh -ec \
        'mount -o loop "$1" /var/lib/migrate-verify; shift; exec "$@"' sh "$work/disk" "$@"
}
power() {
    local number command pid inside whole left losses=0
    mkdir -p /var/lib/migrate-verify
    tree
    whole=$("$program" rootfs digest "$work/tree")
    truncate --size=8G "$work/disk"
    mke2fs -q -t ext4 "$work/disk"
    for ((number = 1; number <= count; number++)); do
        command=(run)
        ((number % 2)) || command=(rootfs build --output /var/lib/migrate-verify/built)
        (on_disk "$program" "${command[@]}" -v --project "$project") > /dev/null 2> "$work/messages" &
        pid=$!
        sleep "$(awk -v random="$RANDOM" 'BEGIN { printf "%.2f", 1 + 20 * random / 32767 }')"
        inside=$(pgrep --parent "$pid" || true)
        # What is not on the disk yet never gets there (EXT4_IOC_SHUTDOWN, without the journal); then nothing runs any more.
        if [[ -n $inside ]] && perl -e '$how = pack("L", 2); open(DISK, "<", $ARGV[0]) && ioctl(DISK, 0x8004587d, $how) or exit 1' \
            "/proc/$inside/root/var/lib/migrate-verify"; then losses=$((losses + 1)); fi
        kill -KILL "$pid" 2> /dev/null || true
        wait "$pid" 2> /dev/null || true
        # While the last process dies, the dead disk is what would be mounted again.
        while [[ -n $(losetup --associated "$work/disk") ]]; do sleep 0.1; done
        printf '%d: %s lost its power after: %s\n' "$number" "${command[0]}" "$(tail -n 1 "$work/messages")"
        (on_disk "$program" clean) > "$work/cleaned" || failed=1
        left=$( (on_disk ls -A /var/lib/migrate-verify/work) 2> /dev/null || true)
        [[ -z $left ]] || { failed=1; printf 'left behind:\n%s\n' "$left" >&2; }
        # shellcheck disable=SC2016 # the inner shell's
        (on_disk sh -c '[ ! -e /var/lib/migrate-verify/built ] || "$1" rootfs digest /var/lib/migrate-verify/built' sh "$program") > "$work/built"
        if [[ -s $work/built ]]; then
            if [[ $(< "$work/built") == "$whole" ]]; then echo 'the tree was finished'; else failed=1; echo 'a tree under its name is not whole' >&2; fi
        fi
        (on_disk rm -rf /var/lib/migrate-verify/built)
    done
    printf '%d of %d lost their power while they worked; the others had ended\n' "$losses" "$count"
}

pairs() {
    local number run status pids
    for ((number = 1; number <= count; number++)); do
        "$program" run --quiet --project "$project" > "$work/first" 2>&1 &
        pids=("$!")
        "$program" run --quiet --project "$project" > "$work/second" 2>&1 &
        pids+=("$!")
        for run in first second; do
            status=0
            wait "${pids[0]}" || status=$?
            pids=("${pids[@]:1}")
            printf 'pair %d, %s run: exit code %d\n' "$number" "$run" "$status"
            ((status == 0)) || { failed=1; tail -n 30 "$work/$run" >&2; }
        done
    done
}

case $what in
    boots) boots ;;
    kills) kills ;;
    power) power ;;
    pairs) pairs ;;
esac
exit "$failed"
