//! A guest that runs.

use std::{
    fs,
    net::Ipv4Addr,
    os::unix::fs::PermissionsExt,
    path::Path,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use tokio::{net::UnixDatagram, task::JoinHandle, time::sleep};

use super::{
    call::{BootConfig, boot_call},
    error::MachineError,
    init::{rc_runs, runlevel},
    isolation::{keep_apart, keep_in},
    journal::Journal,
    network::{Addressing, INTERFACES, address_both_ends},
    notify,
    way_out::WayOut,
};
use crate::tool::{ToolCall, ToolExit, ToolOutput, ToolProcess, Toolbox};

/// How often the guest is looked at while something is awaited: often enough not to be seen in the figures.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// How many lines of the console an error message quotes.
const TAIL: usize = 15;

/// How long the last lines of console and log may take to arrive.
const DRAIN_LIMIT: Duration = Duration::from_secs(2);

/// systemd-nspawn's exit code where the guest asked for a reboot and is run with --keep-unit.
const REBOOT: i32 = 133;

/// A guest under systemd-nspawn; killed when it is dropped.
#[derive(Debug)]
pub struct Machine {
    /// How it was booted.
    pub config: BootConfig,
    /// The process number of its init on the host.
    pub leader: u32,
    /// Its address.
    pub address: Ipv4Addr,
    /// What it wrote.
    pub journal: Journal,
    process: ToolProcess,
    way_out: Option<WayOut>,
    toolbox: Toolbox,
    syslog: JoinHandle<()>,
    consoles: [JoinHandle<()>; 2],
    /// Who gave it its address.
    pub addressing: Addressing,
}

/// How a guest ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// It halted.
    Halted,
    /// It asked for a reboot: its inittab still says `-r`.
    Rebooted,
    /// Its init, or systemd-nspawn, was killed: nothing in it had time to stop.
    Killed(String),
    /// systemd-nspawn ended in another way.
    Ended(String),
    /// It did not halt in time and was killed.
    Hung,
}

/// Boots a guest: returns when it has an address, long before its services answer.
pub async fn boot(
    mut config: BootConfig,
    limit: Duration,
    toolbox: &Toolbox,
) -> Result<Machine, MachineError> {
    let addressing = Addressing::choose(&config.machine)?;
    prepare(&mut config, addressing)?;
    let bind = |path: &Path| {
        let socket = UnixDatagram::bind(path).map_err(MachineError::file("bind", path))?;
        // Any user of the guest writes to /dev/log, as with a real syslog daemon.
        fs::set_permissions(path, fs::Permissions::from_mode(0o666))
            .map_err(MachineError::file("open up", path))?;
        Ok::<_, MachineError>(socket)
    };
    let notify = bind(&config.notify_socket())?;
    let log = bind(&config.log_socket())?;
    let way_out = WayOut::open(&config, toolbox).await?;
    let journal = Journal::start();
    let syslog = tokio::spawn(journal.clone().keep_syslog(log));
    let mut process = toolbox
        .start(&boot_call(&config))
        .map_err(MachineError::tool("boot the guest"))?;
    let (stdout, stderr) = process.take_outputs().expect("they are taken only here");
    let consoles = [
        tokio::spawn(journal.clone().keep_console(stdout)),
        tokio::spawn(journal.clone().keep_console(stderr)),
    ];
    let leader = tokio::select! {
        leader = notify::leader(&notify) => leader.map_err(MachineError::file("listen on", &config.notify_socket()))?,
        exit = process.wait(limit) => {
            // The last lines may still be in the pipe.
            sleep(LOOK_EVERY).await;
            let console = journal.console_tail(TAIL);
            return Err(match exit.map_err(MachineError::tool("boot the guest"))? {
                Some(exit) => MachineError::EndedEarly { exit, console },
                None => MachineError::TimedOut { what: "start".to_owned(), limit, console },
            });
        }
    };
    let mut machine = Machine {
        config,
        leader,
        address: Ipv4Addr::UNSPECIFIED,
        journal,
        process,
        way_out,
        toolbox: toolbox.clone(),
        syslog,
        consoles,
        addressing,
    };
    match machine.connect(addressing, limit).await {
        Ok(()) => Ok(machine),
        Err(error) => Err(machine.ended_rather(error).await),
    }
}

/// Makes what the call binds.
fn prepare(config: &mut BootConfig, addressing: Addressing) -> Result<(), MachineError> {
    let bound = config.bound_tree();
    fs::create_dir_all(&bound).map_err(MachineError::file("create", &bound))?;
    for socket in [config.notify_socket(), config.log_socket()] {
        if socket.exists() {
            fs::remove_file(&socket).map_err(MachineError::file("remove", &socket))?;
        }
    }
    if matches!(addressing, Addressing::Harness(_))
        && config.tree.join("etc/network/interfaces").is_file()
    {
        let path = config.folder.join("interfaces");
        fs::write(&path, INTERFACES).map_err(MachineError::file("write", &path))?;
        config.interfaces = Some(path);
    }
    Ok(())
}

impl Machine {
    async fn connect(
        &mut self,
        addressing: Addressing,
        limit: Duration,
    ) -> Result<(), MachineError> {
        keep_apart(self.leader, &self.config.apart, &self.toolbox).await?;
        if self.way_out.is_none() {
            keep_in(self.leader, &self.toolbox).await?;
        }
        self.address = match addressing {
            Addressing::Harness(subnet) => {
                let link = self.config.link();
                address_both_ends(&link, self.leader, subnet, &self.toolbox).await?;
                subnet.guest
            }
            Addressing::Networkd => self.await_address(limit).await?,
        };
        if self.way_out.is_some() {
            let link = self.config.link();
            WayOut::lead(&link, self.leader, addressing, &self.toolbox).await?;
        }
        self.is_reached_by_its_link().await
    }

    /// Returns why something failed: that the guest has ended, if it has, else the error.
    async fn ended_rather(&mut self, error: MachineError) -> MachineError {
        match self.process.wait(DRAIN_LIMIT).await {
            Ok(Some(exit)) => {
                self.drain().await;
                let console = self.journal.console_tail(TAIL);
                MachineError::EndedEarly { exit, console }
            }
            Ok(None) | Err(_) => error,
        }
    }

    /// Makes sure that the guest's address leads to the guest: a copied configuration may hold the old server's address, and
    /// then every question would be answered by the old server itself.
    async fn is_reached_by_its_link(&self) -> Result<(), MachineError> {
        let address = self.address.to_string();
        let call = ToolCall::new("ip").args(["-oneline", "route", "get", &address]);
        let output = self.toolbox.run(&call).await;
        let text = output
            .map_err(MachineError::tool("ask for the way to the guest"))?
            .text();
        let device = text
            .split_whitespace()
            .skip_while(|word| *word != "dev")
            .nth(1);
        if device == Some(self.config.link().as_str()) {
            return Ok(());
        }
        Err(MachineError::NotTheGuest {
            address: self.address,
            device: device.unwrap_or("no device").to_owned(),
        })
    }

    /// Waits until the guest's DHCP client has an address from the host's systemd-networkd.
    async fn await_address(&mut self, limit: Duration) -> Result<Ipv4Addr, MachineError> {
        let call = ToolCall::new("nsenter")
            .arg(format!("--net=/proc/{}/ns/net", self.leader))
            .args([
                "ip", "-4", "-oneline", "address", "show", "dev", "host0", "scope", "global",
            ]);
        let deadline = Instant::now() + limit;
        loop {
            let text = self
                .toolbox
                .run(&call)
                .await
                .map_err(MachineError::tool("look for the guest's address"))?
                .text();
            let address = text
                .split_whitespace()
                .skip_while(|word| *word != "inet")
                .nth(1);
            if let Some(address) = address.and_then(|range| range.split('/').next()?.parse().ok()) {
                return Ok(address);
            }
            self.still_runs("get an address", deadline, limit).await?;
        }
    }

    /// Returns the runlevel, once init has reached it and its rc scripts have ended.
    pub fn runlevel(&self) -> Option<String> {
        runlevel(self.leader).filter(|_| !rc_runs(self.leader))
    }

    /// Waits a moment; an error if the guest ended or the deadline passed.
    pub async fn still_runs(
        &mut self,
        what: &str,
        deadline: Instant,
        limit: Duration,
    ) -> Result<(), MachineError> {
        let exit = self
            .process
            .wait(LOOK_EVERY)
            .await
            .map_err(MachineError::tool("watch the guest"))?;
        if let Some(exit) = exit {
            return Err(MachineError::EndedEarly {
                exit,
                console: self.journal.console_tail(TAIL),
            });
        }
        if Instant::now() > deadline {
            return Err(MachineError::TimedOut {
                what: what.to_owned(),
                limit,
                console: self.journal.console_tail(TAIL),
            });
        }
        Ok(())
    }

    /// Returns the call that runs a program inside the guest as its root.
    pub fn command(&self, program: &[&str]) -> ToolCall {
        ToolCall::new("nsenter")
            .arg(format!("--target={}", self.leader))
            .args([
                "--user", "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--root",
                "--wd",
            ])
            .args(["--setuid=0", "--setgid=0", "--"])
            .args(program)
            .env(
                "PATH",
                "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            )
    }

    /// Runs a program inside the guest to its end.
    pub async fn run(&self, call: &ToolCall) -> Result<ToolOutput, MachineError> {
        self.toolbox
            .run(call)
            .await
            .map_err(MachineError::tool("run a program in the guest"))
    }

    /// Stops the guest: SIGINT to its init, which must end in a halt.
    pub async fn stop(mut self, limit: Duration) -> Result<(Stop, Journal), MachineError> {
        let failed = || MachineError::tool("stop the guest");
        if let Some(exit) = self.process.try_exit().map_err(failed())? {
            self.drain().await;
            let how = format!("{exit}, before it was asked to");
            return Ok((Stop::Ended(how), self.journal.clone()));
        }
        self.process.signal(Signal::INT).map_err(failed())?;
        let stop = match self.process.wait(limit).await.map_err(failed())? {
            Some(ToolExit::Code(0)) => Stop::Halted,
            Some(ToolExit::Code(REBOOT)) => Stop::Rebooted,
            Some(exit) => {
                self.drain().await;
                ended(exit, &self.journal.console_tail(TAIL))
            }
            None => {
                self.kill(limit).await?;
                Stop::Hung
            }
        };
        self.drain().await;
        if let Some(way_out) = self.way_out.take() {
            way_out.close().await?;
        }
        Ok((stop, self.journal.clone()))
    }

    /// Kills the guest's init, with which the kernel ends all its processes, then systemd-nspawn: killed alone, it would
    /// leave the guest behind.
    async fn kill(&mut self, limit: Duration) -> Result<(), MachineError> {
        let failed = || MachineError::tool("stop the guest");
        if let Some(init) = Pid::from_raw(self.leader.cast_signed()) {
            // It may have ended in this moment.
            let _killed = kill_process(init, Signal::KILL);
        }
        if self.process.wait(limit).await.map_err(failed())?.is_none() {
            self.process.signal(Signal::KILL).map_err(failed())?;
            self.process.wait(limit).await.map_err(failed())?;
        }
        Ok(())
    }

    /// Waits for what the guest wrote last: it is still on its way through pipe and socket.
    async fn drain(&mut self) {
        for console in &mut self.consoles {
            if !console.is_finished() {
                let _ended = tokio::time::timeout(DRAIN_LIMIT, console).await;
            }
        }
        self.journal.settle(DRAIN_LIMIT).await;
    }
}

/// Tells how systemd-nspawn ended that was neither halted nor asked to boot again.
fn ended(exit: ToolExit, console: &str) -> Stop {
    // Its words for an init that did not end by itself.
    let by_signal = console
        .lines()
        .rev()
        .find_map(|line| line.split_once(" terminated by signal "));
    match (exit, by_signal) {
        (_, Some((_, signal))) => Stop::Killed(format!(
            "init was killed by {}",
            signal.trim_end_matches('.')
        )),
        (ToolExit::Signal(signal), None) => {
            Stop::Killed(format!("systemd-nspawn was killed by signal {signal}"))
        }
        (ToolExit::Code(_), None) => Stop::Ended(exit.to_string()),
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.syslog.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_was_killed_is_told_apart_from_who_ended() {
        let killed = |words: &str| Stop::Killed(words.to_owned());
        let console = "INIT: version 2.86\nContainer mv-a terminated by signal KILL.";
        let table = [
            (
                ToolExit::Code(1),
                console,
                killed("init was killed by KILL"),
            ),
            (
                ToolExit::Signal(9),
                "INIT: x",
                killed("systemd-nspawn was killed by signal 9"),
            ),
            (
                ToolExit::Code(1),
                "INIT: x",
                Stop::Ended("exit code 1".to_owned()),
            ),
        ];
        for (exit, console, expected) in table {
            assert_eq!(ended(exit, console), expected);
        }
    }
}
