#!/usr/bin/env bash
# The "old server" for tests: the school system of tests/legacy as it has run since 2004, on a guest of its own.
#
#   ci/old-server.sh start     builds the guest if need be, boots it, prints where it answers (VARIABLE=value lines for eval)
#   ci/old-server.sh stop      shuts it down cleanly
#   ci/old-server.sh status    exit 0 and the same lines if it runs, else exit 3
#
# It plays the machine that snapshots are recorded from, so it shares nothing with the candidate: its tree comes from mmdebstrap and
# is set up by the commands below, not from an image by the tool. Only the application is the same, as it is after a migration.
# Every start begins with the pristine data: whatever a session writes goes to an overlay in memory.
#
# OLD_SERVER_NET (default 10.99.77.0/30) moves it to another /30 network: the host gets the first address, the server the second.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$here")
legacy=$root/tests/legacy
# shellcheck source=ci/mirror.sh
. "$here/mirror.sh"

export LC_ALL=C.UTF-8
cache="${XDG_CACHE_HOME:-$HOME/.cache}/migrate-verify/old-server"
runtime="${XDG_RUNTIME_DIR:-/run}/migrate-verify-old-server"
# nspawn calls the host's end of the cable ve-NAME, and an interface name has at most 15 characters.
machine=old-server

network=${OLD_SERVER_NET:-10.99.77.0/30}
network=${network%/*}
host_address=${network%.*}.$((${network##*.} + 1))
address=${network%.*}.$((${network##*.} + 2))

packages=(
    sysvinit-core sysv-rc initscripts orphan-sysvinit-scripts insserv startpar ifupdown iproute2 netbase procps tzdata
    apache2 libapache2-mod-php8.2 php8.2-mysql php8.2-gd mariadb-server
)

say() { printf 'old-server: %s\n' "$*" >&2; }
die() { say "$@"; exit 1; }

running() {
    local pid
    pid=$(cat "$runtime/pid" 2> /dev/null) || return 1
    # The number may belong to another process by now.
    [[ $(cat "/proc/$pid/comm" 2> /dev/null) == systemd-nspawn ]]
}

# Shows the guest's files at $runtime/root, as a mount over sshfs shows those of a real old server.
show_files() {
    local child children
    read -ra children <<< "$(cat "/proc/$(cat "$runtime/pid")/task"/*/children)"
    for child in "${children[@]}"; do
        if [[ $(cat "/proc/$child/comm") == init ]]; then
            ln -sfn "/proc/$child/root" "$runtime/root"
            return
        fi
    done
    die "the guest has no init"
}

print_variables() {
    printf 'OLD_SERVER_URL=http://%s\n' "$address"
    printf 'OLD_SERVER_DATABASE=mysql://reader:reader@%s/skola\n' "$address"
    printf 'OLD_SERVER_PACKAGES=%s\n' "$runtime/packages.txt"
}

# One digest over everything the tree is made of.
tree_key() {
    {
        cat "$here/old-server.sh" "$here/mirror.sh" "$legacy/dump.sql" "$root/harness/effect/sendmail.sh"
        (cd "$legacy/overlay" && find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum)
        mirror_sources
        mirror_fingerprint
    } | sha256sum | cut -d' ' -f1
}

# Runs the shell commands on standard input inside the tree ($1), without network and without its init.
inside() {
    systemd-nspawn --quiet --directory="$1" --register=no --keep-unit --settings=no --private-network --resolv-conf=off \
        --timezone=off --link-journal=no --pipe bash -euo pipefail -s
}

# What keeps sysvinit from booting and halting in a container.
fit_into_a_container() {
    local tree=$1 script
    # There are no terminals 1-6; and Ctrl-Alt-Del, which is how nspawn asks this init to stop, must halt, not reboot.
    sed -i -e '/^[1-6]:.*getty/d' -e 's|^ca:.*|ca:12345:ctrlaltdel:/sbin/shutdown -t1 -h now|' "$tree/etc/inittab"
    # Clock, disks and kernel belong to the host; so does /run/host, which the clean-up of /run would like to empty. The scripts
    # lose their bodies, not their links: the others are ordered by them. Without umountroot in its chain, halt would run at once,
    # beside the script that stops the database.
    for script in hwclock.sh checkroot.sh checkfs.sh checkroot-bootclean.sh mountall.sh mountall-bootclean.sh mountnfs.sh \
        mountnfs-bootclean.sh mount-configfs brightness procps umountnfs.sh umountfs umountroot; do
        sed -i '/^### END INIT INFO/q' "$tree/etc/init.d/$script"
        printf 'exit 0\n' >> "$tree/etc/init.d/$script"
    done
    : > "$tree/etc/fstab"
    printf 'skola\n' > "$tree/etc/hostname"
    printf '127.0.0.1\tlocalhost skola\n' > "$tree/etc/hosts"
}

# Copies the application from its sources, as its administrator did, file by file.
install_application() {
    local tree=$1 overlay=$legacy/overlay
    mkdir -p "$tree/var/www" "$tree/usr/local/lib/skola"
    cp -r "$overlay/var/www/skola" "$tree/var/www/"
    install -m 644 "$overlay/usr/local/lib/skola/php4.php" "$tree/usr/local/lib/skola/"
    install -m 644 "$overlay/etc/apache2/sites-available/skola.conf" "$tree/etc/apache2/sites-available/"
    install -m 644 "$overlay/etc/php/8.2/apache2/conf.d/99-skola.ini" "$tree/etc/php/8.2/apache2/conf.d/"
    install -m 644 "$overlay/etc/mysql/mariadb.conf.d/99-skola.cnf" "$tree/etc/mysql/mariadb.conf.d/"
    rm "$tree/etc/apache2/sites-enabled/000-default.conf"
    ln -s ../sites-available/skola.conf "$tree/etc/apache2/sites-enabled/skola.conf"
    chmod -R u=rwX,go=rX "$tree/var/www/skola"
    chroot "$tree" chown -R www-data:www-data /var/www/skola/prilohy
    # The day the site was uploaded: Last-Modified and ETag of its static files are made of it.
    find "$tree/var/www/skola" -exec touch --no-dereference --date='2004-09-03 06:15:00 UTC' {} +

    # What it sends is kept, so that it can be compared: no test sends mail.
    install -m 755 "$root/harness/effect/sendmail.sh" "$tree/usr/sbin/sendmail"
    install -d -m 1777 "$tree/var/spool/migrate-verify-mail"

    printf 'Europe/Bratislava\n' > "$tree/etc/timezone"
    ln -sfn /usr/share/zoneinfo/Europe/Bratislava "$tree/etc/localtime"

    # The comparison reads the old database over the network.
    printf '[mysqld]\nbind-address = 0.0.0.0\n' > "$tree/etc/mysql/mariadb.conf.d/99-zz-network.cnf"
}

# Loads the school's data into the server's own data directory, once, at build time.
load_data() {
    local tree=$1
    cp "$legacy/dump.sql" "$tree/root/dump.sql"
    inside "$tree" <<'COMMANDS'
install -d -o mysql -g mysql /run/mysqld
rm -rf /var/lib/mysql/*
mariadb-install-db --user=mysql --datadir=/var/lib/mysql --skip-test-db --auth-root-authentication-method=socket > /dev/null
mariadbd --user=mysql --skip-networking --log-error=/run/mysqld/build.log &
trap 'cat /run/mysqld/build.log >&2' ERR
for _ in $(seq 300); do
    if mariadb-admin ping > /dev/null 2>&1; then break; fi
    sleep 0.1
done
mariadb <<'SQL'
CREATE DATABASE skola DEFAULT CHARACTER SET cp1250 COLLATE cp1250_czech_cs;
CREATE USER skola@localhost IDENTIFIED BY 'tajne';
GRANT SELECT, INSERT, UPDATE, DELETE, LOCK TABLES ON skola.* TO skola@localhost;
CREATE USER reader@'%' IDENTIFIED BY 'reader';
GRANT SELECT, SHOW VIEW, TRIGGER, EVENT ON skola.* TO reader@'%';
GRANT SELECT ON mysql.proc TO reader@'%';
SQL
mariadb skola < /root/dump.sql
mariadb-admin shutdown
wait
rm /root/dump.sql
COMMANDS
}

build() {
    local tree=$1 source_lines apt_options
    readarray -t source_lines < <(mirror_sources)
    readarray -t apt_options < <(mirror_apt_options)
    say "building the tree (once per change of its inputs)"
    # Manual pages and translations are of no use to a test server; without them and without syncs the build is a third faster.
    mmdebstrap --quiet --mode=root --variant=minbase --format=directory \
        --include="$(IFS=,; printf '%s' "${packages[*]}")" \
        --aptopt='APT::Install-Recommends "false"' --dpkgopt=force-unsafe-io \
        --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
        --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
        "${apt_options[@]}" "$(mirror_suite)" "$tree" "${source_lines[@]}" >&2
    fit_into_a_container "$tree"
    install_application "$tree"
    load_data "$tree" >&2
}

ensure_tree() {
    local key work
    key=$(tree_key)
    tree=$cache/$key
    [[ ! -d $tree ]] || return 0
    mkdir -p "$cache"
    work=$(mktemp -d "$cache/build.XXXXXX")
    # shellcheck disable=SC2064 # the directory of now, not of then
    trap "rm -rf '$work'" EXIT
    build "$work/tree"
    mv "$work/tree" "$tree"
    rm -rf "$work"
    trap - EXIT
}

boot() {
    local tree=$1
    printf 'auto lo\niface lo inet loopback\n\nauto host0\niface host0 inet static\n\taddress %s\n\tnetmask 255.255.255.252\n\tgateway %s\n' \
        "$address" "$host_address" > "$runtime/interfaces"
    # shellcheck disable=SC2016 # dpkg-query's own placeholders
    chroot "$tree" dpkg-query -W -f '${Package} ${Version}\n' > "$runtime/packages.txt"

    # --kill-signal=SIGINT is Ctrl-Alt-Del for sysvinit, which ignores systemd's own signals. The lock is not for the guest to hold.
    SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 setsid systemd-nspawn --boot --quiet --machine="$machine" --directory="$tree" \
        --volatile=overlay --private-users=pick --network-veth --kill-signal=SIGINT \
        --register=no --keep-unit --settings=no --resolv-conf=off --timezone=off --link-journal=no \
        --bind-ro="$runtime/interfaces:/etc/network/interfaces" \
        < /dev/null > "$runtime/console.log" 2>&1 {lock}>&- &
    printf '%s\n' $! > "$runtime/pid"
}

# The greeting of a MySQL server contains its version in clear.
database_answers() {
    timeout 2 bash -c "exec 3<> '/dev/tcp/$address/3306' && head -c 40 <&3" 2> /dev/null | grep -aq MariaDB
}

# Ends the guest without its consent. Told twice, systemd-nspawn takes it along; killed, it would leave it behind.
terminate() {
    local pid waited
    pid=$(cat "$runtime/pid")
    for ((waited = 0; waited < 100; waited++)); do
        running || return 0
        kill -TERM "$pid" || return 0
        sleep 0.1
    done
    kill -KILL "$pid"
}

wait_until_it_answers() {
    local deadline=$((SECONDS + 90))
    while ((SECONDS < deadline)); do
        # Not `running`: on a busy machine it has not become systemd-nspawn yet.
        kill -0 "$(cat "$runtime/pid")" 2> /dev/null || { tail -n 30 "$runtime/console.log" >&2; die "the guest ended while booting"; }
        # In the loop, because a networkd on the host takes foreign addresses away when it first sees the interface.
        if ip address replace "$host_address/30" dev "ve-$machine" 2> /dev/null; then ip link set "ve-$machine" up; fi
        if curl --silent --fail --noproxy '*' --max-time 5 --output /dev/null "http://$address/" && database_answers; then
            return 0
        fi
        sleep 0.2
    done
    tail -n 30 "$runtime/console.log" >&2
    # Half booted, it would not hear a request to halt; its data is in memory anyway.
    terminate
    rm -f "$runtime/pid"
    die "it does not answer at $address"
}

start() {
    [[ $(id -u) == 0 ]] || die "must be root, to boot a guest"
    mkdir -p "$runtime"
    exec {lock}> "$runtime/lock"
    flock "$lock"
    if ! running; then
        ensure_tree
        boot "$tree"
    fi
    wait_until_it_answers
    show_files
    print_variables
}

stop() {
    local pid waited
    [[ -d $runtime ]] || return 0
    exec {lock}> "$runtime/lock"
    flock "$lock"
    if running; then
        pid=$(cat "$runtime/pid")
        kill -TERM "$pid"
        for ((waited = 0; waited < 600; waited++)); do
            running || break
            sleep 0.1
        done
        if running; then
            terminate
            die "did not halt within a minute and was terminated; see $runtime/console.log"
        fi
    fi
    rm -f "$runtime/pid" "$runtime/interfaces" "$runtime/packages.txt" "$runtime/root"
    # The last words of the halt script, which runs after the services have stopped.
    if [[ -n ${pid:-} ]] && ! grep -aq 'Will now halt' "$runtime/console.log"; then
        die "ended without halting; see $runtime/console.log"
    fi
}

case ${1:-} in
    start) start ;;
    stop) stop ;;
    status) if running; then print_variables; else say "not running"; exit 3; fi ;;
    *) say "usage: old-server.sh start|stop|status"; exit 2 ;;
esac
