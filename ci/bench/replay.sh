# The figures of `replay`: requests per second against hurl on one nginx, pages compared per second, memory for 10,000 pages.
# Sourced by ci/bench.sh, never run.
#
# Both ask the same 2,000 pages of 10 kB over at most 8 connections, in the same minutes. hurl asserts the sha256 of the body and one header;
# ours compares everything. Both keep their connections. hurl comes from Debian or from `cargo install hurl --version 8.0.1` (HURL=FILE names another).
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # what bench.sh reads and sets

pages=2000
connections=8
port=${BENCH_PORT:-18090}
memory_pages=10000

# Pages that differ in every line, of about 10 kB, in folders of one scenario each.
write_pages() {
    perl - "$1" "$2" "$connections" <<'PERL'
use strict;
use warnings;
my ($folder, $pages, $scenarios) = @ARGV;
for my $number (1 .. $pages) {
    my $directory = sprintf '%s/%d', $folder, $number % $scenarios;
    mkdir $directory;
    open my $file, '>', "$directory/$number.html" or die $!;
    print $file "<!DOCTYPE html>\n<html><head><meta charset=\"utf-8\"><title>Trieda $number</title></head>\n<body>\n";
    print $file "<p class=\"z\">Žiak $number/$_ má zo všetkých predmetov priemer ", $_ % 5, ",", $number % 100, ".</p>\n" for 1 .. 145;
    print $file "</body></html>\n";
}
PERL
}

# A project and hurl files that ask for the same pages.
write_requests() {
    local folder=$1 url=$2 scenario file name
    mkdir -p "$folder/project/scenarios" "$folder/hurl"
    printf '[legacy]\nurl = "%s"\ncharset = "utf-8"\ntimezone = "UTC"\nkeep_alive = true\n' "$url" > "$folder/project/migrate-verify.toml"
    for ((scenario = 0; scenario < connections; scenario++)); do
        printf 'title = "Pages"\n' > "$folder/project/scenarios/part-$scenario.toml"
        : > "$folder/hurl/part-$scenario.hurl"
        for file in "$folder/pages/$scenario"/*.html; do
            name=${file##*/}
            printf '[[step]]\nname = "p%s"\nrequest = "GET /%s/%s"\n' "${name%.html}" "$scenario" "$name" \
                >> "$folder/project/scenarios/part-$scenario.toml"
            printf 'GET %s/%s/%s\nHTTP 200\n[Asserts]\nheader "Content-Type" == "text/html"\nsha256 == hex,%s;\n\n' \
                "$url" "$scenario" "$name" "$(sha256sum < "$file" | cut -d' ' -f1)" >> "$folder/hurl/part-$scenario.hurl"
        done
    done
}

serve() {
    local folder=$1
    cat > "$folder/nginx.conf" <<CONF
worker_processes 1;
pid $folder/nginx.pid;
error_log $folder/error.log;
daemon off;
events { worker_connections 256; }
http {
    access_log off;
    keepalive_requests 100000;
    types { text/html html; }
    server { listen 127.0.0.1:$port; root $folder/pages; }
}
CONF
    chmod 755 "$work" "$folder"
    nginx -c "$folder/nginx.conf" &
    nginx=$!
    trap 'kill "$nginx" 2> /dev/null; rm -rf "$work"' EXIT
    until curl --silent --output /dev/null "http://127.0.0.1:$port/"; do sleep 0.1; done
}

# Prints the seconds that a command takes, and its peak memory in kB.
timed() {
    local status=0 began=${EPOCHREALTIME/./} took
    /usr/bin/time -q -o "$work/time" -f '%M' "$@" > "$work/output" 2>&1 || status=$?
    took=$((${EPOCHREALTIME/./} - began))
    if ((status)); then
        echo "$1 failed with $status:" >&2
        tail -n 5 "$work/output" >&2
        exit 3
    fi
    printf '%d.%06d %s\n' $((took / 1000000)) $((took % 1000000)) "$(cat "$work/time")"
}

middle() { sort -n | awk '{ value[NR] = $1 } END { print value[int((NR + 1) / 2)] }'; }

# Prints a row: figure_row WORK FIGURE TARGET, where more is better; or less is, if a fourth argument is given.
figure_row() {
    local verdict
    verdict=$(awk -v figure="$2" -v target="$3" -v less="${4:-}" \
        'BEGIN { print (less == "" ? figure >= target : figure <= target) ? "kept" : "MISSED" }')
    [[ $verdict == kept ]] || missed=1
    printf '| %-66s | %9s | %9s | %-6s |\n' "$1" "$2" "$3" "$verdict"
}

against_hurl() {
    local folder=$work/replay url=http://127.0.0.1:$port hurl=${HURL:-$(command -v hurl || true)} run
    mkdir -p "$folder/pages"
    write_pages "$folder/pages" "$pages"
    write_requests "$folder" "$url"
    serve "$folder"
    "$program" record --project "$folder/project" --rate 1000 --rounds 1 > "$work/output" 2>&1 || { tail -n 3 "$work/output"; exit 3; }
    for ((run = 0; run < runs; run++)); do
        timed "$program" replay --project "$folder/project" --server "$url" --same-machine --jobs "$connections" >> "$work/ours"
        [[ -z $hurl ]] || timed "$hurl" --test --jobs "$connections" "$folder"/hurl/*.hurl >> "$work/hurl"
    done
    ours=$(cut -d' ' -f1 "$work/ours" | middle | awk -v pages="$pages" '{ printf "%.0f", pages / $1 }')
    theirs=
    if [[ -n $hurl ]]; then
        theirs=$(cut -d' ' -f1 "$work/hurl" | middle | awk -v pages="$pages" '{ printf "%.0f", pages / $1 }')
        # Of each pair that ran in turn: a machine that is slow for a while slows both.
        ratio=$(paste -d' ' "$work/ours" "$work/hurl" | awk '{ print $3 / $1 }' | middle)
    fi
    kill "$nginx"
    wait "$nginx" || true
    [[ -z $hurl ]] || hurl_version=$("$hurl" --version | head -n 1)
}

memory() {
    local folder=$work/memory url=http://127.0.0.1:$port
    mkdir -p "$folder/pages"
    write_pages "$folder/pages" "$memory_pages"
    write_requests "$folder" "$url"
    serve "$folder"
    "$program" record --project "$folder/project" --rate 1000 --rounds 1 > "$work/output" 2>&1 || { tail -n 3 "$work/output"; exit 3; }
    peak=$(timed "$program" replay --project "$folder/project" --server "$url" --same-machine --jobs "$connections" | cut -d' ' -f2)
    kill "$nginx"
    wait "$nginx" || true
}

bench_replay() {
    local offline
    install_peers nginx-light time perl
    against_hurl
    memory
    offline=$(cd "$root" && cargo bench --locked --quiet --bench comparison)
    echo
    printf '| %-66s | %9s | %9s | %-6s |\n' "work (median of $runs)" figure target verdict
    echo "| --- | --- | --- | --- |"
    if [[ -n $theirs ]]; then
        echo "| $pages pages of 10 kB: ours $ours, ${hurl_version%% (*} $theirs requests a second |||"
        figure_row "requests a second : hurl's, median of the pairs" "$(printf '%.2f' "$ratio")" 2.0
    else
        echo "| $pages pages of 10 kB: ours $ours requests a second; hurl is not there |||"
    fi
    figure_row "offline, equal pages of 20 kB a second and core" "$(awk '$1 == "equal" { print $2 }' <<< "$offline")" 20000
    figure_row "offline, equal pages with holes of 20 kB a second and core" "$(awk '$1 == "holes" { print $2 }' <<< "$offline")" 2000
    figure_row "offline, different pages of 20 kB with document diff a second and core" "$(awk '$1 == "different" { print $2 }' <<< "$offline")" 500
    figure_row "peak memory in MB for $memory_pages pages" $((peak / 1024)) 150 less
}
