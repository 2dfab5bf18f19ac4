//! `/etc/inittab` (inittab(5), sysvinit) for a guest under systemd-nspawn: lines `id:runlevels:action:process`.

/// The getty on the console: what a person who runs `boot` logs in on.
const CONSOLE: &str = "co:2345:respawn:/sbin/getty -L console 38400 linux";

/// SIGINT must end in a halt. Without `-a`, which refuses where /etc/shutdown.allow names nobody who is logged in.
const CTRL_ALT_DEL: &str = "ca:12345:ctrlaltdel:/sbin/shutdown -t1 -h now";

/// SIGPWR, by which other container managers stop a guest.
const POWER_WAIT: &str = "pf::powerwait:/sbin/shutdown -t1 -h now";

/// Returns the inittab for the guest: gettys of terminals that don't exist go, keys and power fail lines halt, all else stays.
pub(super) fn for_guest(inittab: &str) -> String {
    let mut lines: Vec<&str> = inittab.lines().filter(|line| !is_replaced(line)).collect();
    lines.extend([CTRL_ALT_DEL, POWER_WAIT, CONSOLE]);
    lines.join("\n") + "\n"
}

fn is_replaced(line: &str) -> bool {
    if line.trim_start().starts_with('#') {
        return false;
    }
    let mut fields = line.splitn(4, ':');
    let (id, action, process) = (fields.next(), fields.nth(1), fields.next());
    let Some((action, process)) = action.zip(process) else {
        return false;
    };
    let terminal = process.contains("getty") && process.split_whitespace().any(is_missing_terminal);
    let keys = [
        "ctrlaltdel",
        "kbrequest",
        "powerwait",
        "powerfail",
        "powerokwait",
        "powerfailnow",
    ]
    .contains(&action);
    terminal || keys || id == Some("co")
}

fn is_missing_terminal(word: &str) -> bool {
    word.strip_prefix("/dev/")
        .unwrap_or(word)
        .starts_with("tty")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gettys_without_terminal_go_and_the_keys_halt_instead_of_reboot() {
        let stock = "id:2:initdefault:\nsi::sysinit:/etc/init.d/rcS\nl2:2:wait:/etc/init.d/rc 2\n\
            z6:6:respawn:/sbin/sulogin\nca:12345:ctrlaltdel:/sbin/shutdown -t1 -a -r now\n\
            pf::powerwait:/etc/init.d/powerfail start\n1:2345:respawn:/sbin/getty 38400 tty1\n\
            #T0:23:respawn:/sbin/getty -L ttyS0 9600 vt100\n2:23:respawn:/sbin/getty 38400 tty2\n";
        insta::assert_snapshot!(for_guest(stock), @r"
        id:2:initdefault:
        si::sysinit:/etc/init.d/rcS
        l2:2:wait:/etc/init.d/rc 2
        z6:6:respawn:/sbin/sulogin
        #T0:23:respawn:/sbin/getty -L ttyS0 9600 vt100
        ca:12345:ctrlaltdel:/sbin/shutdown -t1 -h now
        pf::powerwait:/sbin/shutdown -t1 -h now
        co:2345:respawn:/sbin/getty -L console 38400 linux
        ");
    }

    #[test]
    fn doing_it_twice_changes_nothing() {
        let once = for_guest("id:2:initdefault:\nca::ctrlaltdel:/sbin/reboot\n");
        assert_eq!(for_guest(&once), once);
    }
}
