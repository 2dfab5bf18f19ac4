# How long a guest takes from its start to its first answered request: ours against a bare script that does the same.
# Sourced by ci/bench.sh, never run. It boots the demonstration's tree, built before anything is measured.
# shellcheck shell=bash
# shellcheck disable=SC2154 # what bench.sh sets

# The bare script: the arguments of the tested boot, an address at both ends, curl until the ready path answers.
bare_boot() {
    local tree=$1 folder=$2 machine=mvbare
    printf 'auto lo\niface lo inet loopback\n\nauto host0\niface host0 inet static\n\taddress 10.197.0.2\n\tnetmask 255.255.255.252\n' > "$folder/interfaces"
    SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 setsid systemd-nspawn --boot --quiet --machine=$machine --directory="$tree" \
        --volatile=overlay --private-users=pick --network-veth --kill-signal=SIGINT \
        --register=no --keep-unit --settings=no --resolv-conf=off --timezone=off --link-journal=no \
        --bind-ro="$folder/interfaces:/etc/network/interfaces" < /dev/null > "$folder/console" 2>&1 &
    booted=$!
    until ip address add 10.197.0.1/30 dev ve-$machine 2> /dev/null && ip link set ve-$machine up; do sleep 0.02; done
    until curl --silent --noproxy '*' --max-time 5 --output /dev/null http://10.197.0.2/index.php; do sleep 0.05; done
}

# Notes what the program says: it goes on to wait for the last rc script, which the bare script does not.
ours_boot() {
    local project=$1 tree=$2 folder=$3 line
    mkfifo "$folder/output"
    "$program" boot --quiet --format json --project "$project" --rootfs "$tree" > "$folder/output" 2> "$folder/messages" &
    booted=$!
    exec {answers}< "$folder/output"
    while read -r line <&"$answers"; do
        if [[ $line =~ \"ready_ms\":\ ([0-9]+) ]]; then seconds=$(awk -v ms="${BASH_REMATCH[1]}" 'BEGIN { print ms / 1000 }'); return; fi
    done
    cat "$folder/messages" >&2
    exit 3
}

# Notes what a function takes to come back, or what it says, then stops what it has booted: booted NAME FUNCTION...
booted() {
    local name=$1 start=$EPOCHREALTIME seconds=
    shift
    "$@"
    [[ -n $seconds ]] || seconds=$(awk -v start="$start" -v end="$EPOCHREALTIME" 'BEGIN { print end - start }')
    printf '%.3f 0\n' "$seconds" >> "$work/results.$name"
    kill -INT "$booted"
    wait "$booted"
    [[ -z ${answers:-} ]] || exec {answers}<&-
    answers=
}

bench_boot() {
    local run folder tree=$work/tree
    install_peers curl
    "$here/stand-in.sh" > /dev/null
    mkdir -p "$root/target/demo"
    "$program" lock --project "$root"
    "$program" rootfs build --quiet --project "$root" --output "$tree" > /dev/null
    for ((run = 0; run <= runs; run++)); do
        folder=$work/boot-$run
        mkdir "$folder" "$folder/bare" "$folder/ours"
        booted ours-boot ours_boot "$root" "$tree" "$folder/ours"
        booted bare-boot bare_boot "$tree" "$folder/bare"
        # The first of both is not counted: it finds the tree on the disk, the others in memory.
        ((run > 0)) || rm "$work/results.ours-boot" "$work/results.bare-boot"
    done
    echo
    printf '| %-58s | %7s | %7s | %6s | %6s | %-7s |\n' "work (seconds, median of $runs)" ours peer ratio target verdict
    echo "| --- | --- | --- | --- | --- | --- |"
    row "from start to the first answer : bare systemd-nspawn" ours-boot bare-boot 1.10
}
