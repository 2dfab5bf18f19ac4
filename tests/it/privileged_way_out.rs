//! A guest with a way out, because the project asks for it: on a host, in a network namespace, whose own way out leads to a web server of
//! the test. What a run changes on the host is put back, however it ends.

use std::{fs, process::Command};

use crate::privileged_faults::Guest;

/// The host: 203.0.113.5 is somewhere outside, 203.0.113.6 is the old server. Then functions for the tests.
const HOST: &str = r#"
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
ip link set lo up
mkdir -p "$work/web"
echo outside > "$work/web/index.html"
unshare --net sleep 300 &
outside=$!
trap 'kill $outside' EXIT
until [ "$(readlink /proc/$outside/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.05; done
ip link add up0 type veth peer name in0 netns $outside
ip address add 198.18.0.1/24 dev up0
ip link set up0 up
nsenter --net=/proc/$outside/ns/net sh -ec 'ip link set lo up; ip address add 198.18.0.2/24 dev in0; ip link set in0 up
    ip address add 203.0.113.5/32 dev lo; ip address add 203.0.113.6/32 dev lo; busybox httpd -p 80 -h "$1"' sh "$work/web"
ip route add default via 198.18.0.2
for web in $(pidof busybox); do
    [ "$(readlink /proc/$web/ns/net)" != "$(readlink /proc/$outside/ns/net)" ] || servers="${servers:-} $web"
done
trap 'kill $outside $servers' EXIT

# What the host says, as text.
host() {
    nft list ruleset
    iptables-save | grep -v '^#' || true
    for switch in /proc/sys/net/ipv4/conf/*/forwarding; do echo "$switch $(cat "$switch")"; done
}
# boots NAME: boots the guest of the project NAME in the background, and waits until it has told what it reaches.
boots() {
    # Here, not by the redirection, which happens later: what an earlier guest told is not this one's.
    : > "$work/$1.messages"
    "$program" boot --project "$work/$1" --rootfs "$tree" > "$work/$1.out" 2> "$work/$1.messages" &
    eval "$1=$!"
    for try in $(seq 600); do
        ! grep -q 'told all' "$work/$1.messages" || return 0
        sleep 0.05
    done
    cat "$work/$1.messages"
    return 1
}
# ends NAME: stops it with Ctrl-C.
ends() {
    eval "process=\$$1"
    kill -INT "$process"
    wait "$process"
}
reached() { grep -o 'reached [^;]*' "$work/$1.messages" | tail -n 1; }
forwards() { cat /proc/sys/net/ipv4/conf/up0/forwarding; }
"#;

/// What the guest does: it serves, and asks the address outside and the old server again and again.
const ASKS: &str = "httpd -f -p 80 -h /srv & \
    ask() { nc -w 1 $1 80 < /dev/null > /dev/null 2>&1 && echo a server || echo nothing; }; \
    (sleep 1; while true; do echo \"reached $(ask 203.0.113.5), old server $(ask 203.0.113.6); told all\"; sleep 0.2; done) &";

/// Runs a test on the host, with a project `asked` (and `too`, which asks as well) and one that does not ask; returns what it prints.
fn on_the_host(course: &str) -> String {
    let guest = Guest::new(ASKS, "poweroff -f");
    let work = guest.folder.path();
    for (name, forward) in [("asked", true), ("too", true), ("silent", false)] {
        let config = format!(
            "[rootfs]\nrecipe = \"none\"\n[container]\nready = \"/index.html\"\nboot_timeout = \"20s\"\nstop_timeout = \"5s\"\nforward = {forward}\n[legacy]\nurl = \"http://203.0.113.6\"\n"
        );
        fs::create_dir(work.join(name)).unwrap();
        fs::write(work.join(name).join("migrate-verify.toml"), config).unwrap();
    }
    let script = format!(
        "work={}\ntree={}\nprogram={}\n{HOST}\n{course}",
        work.display(),
        guest.tree().display(),
        env!("CARGO_BIN_EXE_migrate-verify")
    );
    #[expect(
        clippy::disallowed_methods,
        reason = "a network namespace that plays the host"
    )]
    let output = Command::new("unshare")
        .args(["--net", "sh", "-euc", &script])
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    let text: String = text.utf8_chunks().map(|chunk| chunk.valid()).collect();
    assert!(output.status.success(), "{text}");
    text
}

#[test]
fn privileged_a_guest_gets_out_only_when_asked_never_to_the_old_server_and_nothing_stays() {
    let text = on_the_host(
        r#"
host > "$work/before"
busybox nc -w 1 203.0.113.6 80 < /dev/null && echo 'the host reaches the old server'
boots silent
reached silent
host | grep -v /ve- | diff "$work/before" - && echo 'nothing was changed'
ends silent
boots asked
reached asked
nft list tables | grep -c 'table inet mv_'
forwards
ends asked
host | diff "$work/before" - && echo 'all is as before'
"#,
    );
    insta::assert_snapshot!(text, @r"
    the host reaches the old server
    reached nothing, old server nothing
    nothing was changed
    reached a server, old server nothing
    1
    1
    all is as before
    ");
}

#[test]
fn privileged_a_killed_run_with_a_way_out_is_undone_by_clean_and_a_living_one_keeps_it() {
    let text = on_the_host(
        r#"
host > "$work/before"
boots asked
boots too
nft list tables | grep -c 'table inet mv_'
kill -KILL $asked
{ wait $asked || true; } 2> /dev/null
for try in $(seq 100); do [ "$(nft list tables | grep -c mv_)" = 2 ] || break; sleep 0.05; done
nft list tables | grep -c 'table inet mv_'
"$program" clean > "$work/cleaned"
forwards
lines=$(grep -c 'told all' "$work/too.messages")
for try in $(seq 200); do [ "$(grep -c 'told all' "$work/too.messages")" -lt $((lines + 2)) ] || break; sleep 0.05; done
reached too
ends too
host | diff "$work/before" - && echo 'all is as before'
boots asked
kill -KILL $asked
{ wait $asked || true; } 2> /dev/null
forwards
"$program" clean | grep -o 'removed setting .*'
host | diff "$work/before" - && echo 'all is as before'
"#,
    );
    insta::assert_snapshot!(text, @r"
    2
    1
    1
    reached a server, old server nothing
    all is as before
    1
    removed setting /proc/sys/net/ipv4/conf/up0/forwarding 1
    all is as before
    ");
}
