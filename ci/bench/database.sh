# shellcheck shell=bash disable=SC2154,SC2317 # read by ci/bench.sh, whose functions and variables these are
# Two databases of a million rows, about 200 MB, on a MariaDB of its own: `database compare` against what an administrator does
# today, which is mysqldump of both and diff. Ten times the rows show whether cost is linear and memory bounded.

database_rows=1000000

sql() { mariadb --no-defaults --user=root --socket="$work/mariadb/socket" --default-character-set=binary "$@"; }

start_mariadb() {
    mkdir "$work/mariadb"
    mariadb-install-db --no-defaults --user=root --skip-test-db --auth-root-authentication-method=normal \
        --datadir="$work/mariadb/data" > "$work/mariadb/install" 2>&1
    mariadbd --no-defaults --user=root --datadir="$work/mariadb/data" --socket="$work/mariadb/socket" \
        --bind-address=127.0.0.1 --port="$database_port" --pid-file="$work/mariadb/pid" --skip-log-bin \
        --innodb-flush-log-at-trx-commit=0 --innodb-buffer-pool-size=2G \
        --character-set-server=cp1250 --collation-server=cp1250_czech_cs > "$work/mariadb/log" 2>&1 &
    mariadb_pid=$!
    trap 'kill "$mariadb_pid" 2> /dev/null; wait "$mariadb_pid" 2> /dev/null; rm -rf "$work"' EXIT
    local waited
    for ((waited = 0; waited < 300; waited++)); do
        ! sql -e 'SELECT 1' > /dev/null 2>&1 || return 0
        sleep 0.1
    done
    tail -n 5 "$work/mariadb/log" >&2
    exit 3
}

# Makes one database of $2 rows in two tables, one of each engine that an old server has: fill NAME ROWS
fill() {
    local engine
    sql -e "CREATE DATABASE $1"
    for engine in InnoDB MyISAM; do
        sql "$1" <<SQL
CREATE TABLE ziaci_$engine (
    id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, meno VARCHAR(30) NOT NULL, priezvisko VARCHAR(40) NOT NULL, trieda CHAR(4),
    narodeny DATE, zmena DATETIME, prospech DECIMAL(4,2), body INT, poznamka VARCHAR(255), adresa TEXT
) ENGINE=$engine;
INSERT INTO ziaci_$engine SELECT seq, CONCAT('Jan ', seq MOD 977), CONCAT('Novak-', seq), CONCAT(seq MOD 9, '.A'),
    DATE_ADD('1990-01-01', INTERVAL seq MOD 5000 DAY), DATE_ADD('2004-09-01', INTERVAL seq SECOND), (seq MOD 400) / 100,
    CRC32(seq) MOD 100000, CONCAT(x'706f7a6ee16d6b612061209e6c75bb20', MD5(seq), MD5(seq + 1)),
    CONCAT('Ulica ', seq MOD 300, ', ', MD5(seq * 7)) FROM seq_1_to_$(($2 / 2));
SQL
    done
}

database_url() { printf 'mysql://reader@127.0.0.1:%s/%s' "$database_port" "$1"; }

compare_databases() {
    "$program" database compare --project "$work/project" \
        --expected "mysql://reader@127.0.0.1:$database_port/$1" --server "mysql://reader@127.0.0.1:$database_port/$2"
}

dump_and_diff() {
    local name
    for name in "$1" "$2"; do
        mysqldump --no-defaults --user=root --socket="$work/mariadb/socket" --default-character-set=binary --skip-comments \
            "$name" > "$work/$name.sql"
    done
    diff "$work/$1.sql" "$work/$2.sql"
}

bench_database() {
    local run
    install_peers mariadb-server-core mariadb-client diffutils time
    export database_port=$((20000 + RANDOM % 10000)) work
    export -f compare_databases dump_and_diff
    start_mariadb
    mkdir "$work/project"
    : > "$work/project/migrate-verify.toml"
    sql -e "CREATE USER reader@'127.0.0.1'; GRANT SELECT, SHOW VIEW, TRIGGER, EVENT ON *.* TO reader@'127.0.0.1'"
    fill one "$database_rows"
    fill two "$database_rows"
    fill changed "$database_rows"
    sql changed -e 'UPDATE ziaci_InnoDB SET poznamka = CONCAT(poznamka, CHAR(32)) WHERE id = 333333'
    for ((run = 1; run <= runs; run++)); do
        measure equal compare_databases one two
        measure equal-peer dump_and_diff one two
        measure changed compare_databases one changed
        measure changed-peer dump_and_diff one changed
        grep -q 'id=333333' "$work/results.seen" 2> /dev/null || compare_databases one changed > "$work/results.seen" || true
    done
    grep -q 'ziaci_InnoDB\[id=333333\].poznamka' "$work/results.seen" || { echo "the changed cell was not found" >&2; exit 3; }
    sql -e 'DROP DATABASE changed; DROP DATABASE one; DROP DATABASE two'
    fill one $((database_rows * 10))
    fill two $((database_rows * 10))
    for ((run = 1; run <= runs; run++)); do
        measure equal-10 compare_databases one two
    done
    print_database
}

print_database() {
    echo
    printf '| %-58s | %7s | %7s | %6s | %6s | %-7s |\n' "work (seconds, median of $runs)" ours peer ratio target verdict
    echo "| --- | --- | --- | --- | --- | --- |"
    row "compare two equal databases of 1M rows : mysqldump, diff" equal equal-peer 0.20
    row "find and show one changed cell : mysqldump, diff" changed changed-peer 0.30
    echo
    printf '| %-58s | %7s | %7s | %-7s |\n' "peak memory" most target verdict
    echo "| --- | --- | --- | --- |"
    memory_row "compare 1M rows" equal 100
    memory_row "compare 10M rows" equal-10 100
    echo
    awk -v one="$(median equal 1)" -v ten="$(median equal-10 1)" \
        'BEGIN { printf "1M rows %.2f s, 10M rows %.2f s: %.1f times as long\n", one, ten, ten / one }'
}
