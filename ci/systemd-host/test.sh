#!/bin/bash
# Runs on the host in qemu, as its only service (ci/systemd-host.sh).
set -u
export HOME=/root
failed=0
tree=/srv/app/skola/rootfs

say() { printf 'test: %s\n' "$*"; }
# Runs a command, says how it ended: check WORDS COMMAND...
check() {
    local words=$1 output status=0
    shift
    output=$("$@" 2>&1) || status=$?
    if ((status == 0)); then say "good: $words"; else failed=1; say "BAD: $words (exit code $status)"; fi
    printf '%s\n' "$output" | tail -n "${LINES_SHOWN:-3}" | sed 's/^/test:   /'
}
leader() { machinectl show skola --property=Leader --value; }
inside() { nsenter --all --root --setuid 0 --setgid 0 --target "$(leader)" "$@"; }
address() {
    local leader
    leader=$(leader)
    nsenter --net --target "$leader" ip -4 -oneline address show dev host0 scope global | awk '{ split($4, range, "/"); print range[1] }'
}
answers() {
    local try
    for ((try = 0; try < 300; try++)); do
        curl --silent --fail --max-time 2 --output /dev/null "http://$(address)/index.php" && { echo "http://$(address)/index.php answers"; return; }
        sleep 0.2
    done
    return 1
}
# A message from the guest stands in the journal of its namespace.
logs() {
    local mark="mark $RANDOM$RANDOM"
    inside /usr/bin/logger -t test "$mark"
    sleep 1
    journalctl --namespace=skola --no-pager --output=short | grep "$mark"
}
# The guest asks for it itself; its init is another one afterwards.
reboots() {
    local before try
    before=$(leader)
    inside /sbin/shutdown -r now
    for ((try = 0; try < 120; try++)); do
        sleep 1
        [[ $(systemctl is-active app-nspawn@skola) != active || $(leader 2> /dev/null) == "$before" ]] || return 0
    done
    return 1
}
unshifted() { [[ $(stat -c %u "$tree/etc/passwd") == 0 ]]; }
harness_boots() {
    local pid try status=0
    migrate-verify boot --quiet --project /srv/project --rootfs "$tree" > /tmp/boot 2>&1 &
    pid=$!
    for ((try = 0; try < 6000; try++)); do
        if grep -q answers /tmp/boot || ! kill -0 $pid 2> /dev/null; then break; fi
        sleep 0.1
    done
    kill -INT $pid 2> /dev/null
    wait $pid || status=$?
    cat /tmp/boot
    return $status
}

say "systemd $(systemctl --version | head -n 1), kernel $(uname -r)"
LINES_SHOWN=40 check "doctor looks at the bare host" bash -c 'migrate-verify doctor --rootfs '$tree' > /tmp/doctor 2>&1; grep "^      [!?]" /tmp/doctor || true'
check "the files are installed" bash -c 'cp -r /srv/units/. / && sysctl --quiet --system && systemctl daemon-reload && systemctl restart systemd-networkd && app-nspawn-iptables add'
check "systemd verifies the service" systemd-analyze verify --man=no app-nspawn@skola.service
check "the service starts" systemctl start app-nspawn@skola
check "the guest answers" answers
check "its syslog arrives" logs
check "owners were mapped, not changed" unshifted
sleep 45
check "its syslog arrives when journald had time to end" logs
check "it stops" systemctl stop app-nspawn@skola
check "it stopped cleanly" bash -c 'systemctl show app-nspawn@skola --property=Result,ExecMainStatus,ActiveState | tee /tmp/state; grep -q "Result=success" /tmp/state && grep -q "ExecMainStatus=0" /tmp/state'
check "it starts again" bash -c 'systemctl start app-nspawn@skola'
check "and answers again" answers
check "a reboot from inside starts it again" reboots
check "and it answers" answers
check "it stops again" systemctl stop app-nspawn@skola
LINES_SHOWN=40 check "doctor finds nothing of the host to mend" bash -c 'migrate-verify doctor --project /srv/project --rootfs '$tree' > /tmp/doctor 2>&1; grep "^      [!?]" /tmp/doctor; grep -E "= preflight/(dhcp|forwarding|forward-rules|journald|networkd-files|dhcp-checksum):" /tmp/doctor | wc -l | grep -qx 6'
LINES_SHOWN=10 check "migrate-verify boot, addressed by systemd-networkd" harness_boots
((failed)) || say "all went well"
sync
