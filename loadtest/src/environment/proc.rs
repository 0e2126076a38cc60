//! What Linux tells of a process; other systems have no such folder, and tell nothing.

use std::fs;

/// A process at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct ProcStat {
    /// `R` running, `S` sleeping, `T` stopped, `Z` ended and not awaited; see proc(5).
    pub(crate) state: char,
    /// Its process group.
    pub(crate) group: i32,
    /// Processor time of the process and of its children that have ended, in seconds.
    pub(crate) cpu_seconds: f64,
    /// Resident memory, in bytes.
    pub(crate) rss_bytes: u64,
}

impl ProcStat {
    /// The process with this id; none where it has ended or the system does not tell.
    pub(crate) fn read(pid: u32) -> Option<Self> {
        let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let ticks = rustix::param::clock_ticks_per_second();
        Self::parse(&text, ticks, rustix::param::page_size() as u64)
    }

    /// Processor time of a process's main thread, in seconds: in Redis the thread that executes
    /// commands, in Node.js the one that runs JavaScript.
    pub(crate) fn main_thread_cpu_seconds(pid: u32) -> Option<f64> {
        let text = fs::read_to_string(format!("/proc/{pid}/task/{pid}/stat")).ok()?;
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
        let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
        let ticks = number(11)? + number(12)?;
        Some(ticks as f64 / rustix::param::clock_ticks_per_second() as f64)
    }

    /// Time that all processors together did not idle since the machine started, in seconds; what
    /// a hypervisor took counts.
    pub(crate) fn machine_busy_seconds() -> Option<f64> {
        let text = fs::read_to_string("/proc/stat").ok()?;
        let fields: Vec<&str> = text.lines().next()?.split_whitespace().skip(1).collect();
        let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
        // user, nice, system, irq, softirq, steal; 3 and 4 are idle and waiting for the disk.
        let ticks = [0, 1, 2, 5, 6, 7].into_iter().map(number).sum::<Option<u64>>()?;
        Some(ticks as f64 / rustix::param::clock_ticks_per_second() as f64)
    }

    /// Reads `/proc/PID/stat`: the name in brackets may hold anything, so from the last bracket on.
    fn parse(text: &str, ticks_per_second: u64, page_bytes: u64) -> Option<Self> {
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
        let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
        let ticks = (11..=14).map(number).sum::<Option<u64>>()?;
        Some(Self {
            state: fields.first()?.chars().next()?,
            group: fields.get(2)?.parse().ok()?,
            cpu_seconds: ticks as f64 / ticks_per_second as f64,
            rss_bytes: number(21)? * page_bytes,
        })
    }
}

/// Processor time of a process so far, to the nanosecond where the system has a clock for it, else
/// in ticks; none where it has ended.
pub(crate) fn cpu_ns(pid: u32) -> Option<u64> {
    exact_cpu_ns(pid).or_else(|| Some((ProcStat::read(pid)?.cpu_seconds * 1e9) as u64))
}

/// By the process's own clock: `/proc/PID/stat` counts in hundredths of a second, which is a
/// twentieth of what a server spends in a few seconds of moderate load.
#[cfg(target_os = "linux")]
fn exact_cpu_ns(pid: u32) -> Option<u64> {
    use nix::time::ClockId;
    use nix::unistd::Pid;
    let clock = ClockId::pid_cpu_clock_id(Pid::from_raw(i32::try_from(pid).ok()?)).ok()?;
    let time = std::time::Duration::from(clock.now().ok()?);
    u64::try_from(time.as_nanos()).ok()
}

#[cfg(not(target_os = "linux"))]
fn exact_cpu_ns(_: u32) -> Option<u64> {
    None
}

/// What tells a process from every other that has had its id, or will: the system's start and its
/// own. None where it has ended.
#[cfg(target_os = "linux")]
pub(crate) fn birth(pid: u32) -> Option<String> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = text.rsplit_once(')')?.1.split_whitespace();
    let is_alive = !fields.next()?.contains(['Z', 'X']);
    // In ticks since the system's start; ids are counted anew in each namespace.
    let ticks = fields.nth(18)?;
    let system = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let namespace = fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    is_alive.then(|| format!("{} {} {ticks}", system.trim(), namespace.display()))
}

/// What tells a process from every other that has had its id, or will: its start, to the second.
/// None where it has ended.
#[cfg(not(target_os = "linux"))]
pub(crate) fn birth(pid: u32) -> Option<String> {
    let asked = ["-o", "lstart=", "-p", &pid.to_string()];
    let said = std::process::Command::new("ps").args(asked).env("LC_ALL", "C").output().ok()?;
    let said = String::from_utf8_lossy(&said.stdout).trim().to_owned();
    (!said.is_empty()).then_some(said)
}

/// Whether a process was started with this in its environment, and has not written over it; no
/// where the system does not tell.
pub(crate) fn was_given(pid: u32, name: &str, value: &str) -> bool {
    let given = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    let sought = format!("{name}={value}");
    given.split(|byte| *byte == 0).any(|variable| variable == sought.as_bytes())
}

/// The processes of a group that have not ended; none where the system does not tell. A killed
/// process's children may stay listed as ended until the first process of the system awaits them.
pub(crate) fn alive_in(group: i32) -> Option<Vec<u32>> {
    let entries = fs::read_dir("/proc").ok()?;
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let is_member = |pid: &u32| {
        ProcStat::read(*pid).is_some_and(|stat| stat.group == group && !"ZX".contains(stat.state))
    };
    let mut pids = pids.peekable();
    // A folder without processes is that of another system.
    pids.peek()?;
    Some(pids.filter(is_member).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_and_blanks_shifts_nothing() {
        let text = "7 (a) b) T 1 7 7 0 -1 4194304 10 0 0 0 150 50 20 30 20 0 4 0 99 1000 25 18446";
        let stat = ProcStat::parse(text, 100, 4096);
        let expected = ProcStat { state: 'T', group: 7, cpu_seconds: 2.5, rss_bytes: 25 * 4096 };
        assert_eq!(stat, Some(expected));
    }

    #[test]
    fn our_own_process_runs_and_an_unused_id_tells_nothing() {
        if cfg!(target_os = "linux") {
            let group = rustix::process::getpgrp().as_raw_nonzero().get();
            assert!(alive_in(group).unwrap().contains(&std::process::id()));
            let pid = std::process::id();
            let all = ProcStat::read(pid).unwrap();
            assert!(all.rss_bytes > 0);
            assert!(ProcStat::machine_busy_seconds().unwrap() >= all.cpu_seconds);
            assert!(ProcStat::main_thread_cpu_seconds(pid).unwrap() <= all.cpu_seconds + 0.1);
        }
        assert_eq!(ProcStat::read(u32::MAX), None);
    }
}
