//! What Linux tells of a process; other systems have no such folder, and tell nothing.

use std::fs;

/// A process at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct ProcStat {
    /// `R` running, `S` sleeping, `T` stopped, `Z` ended and not awaited; see proc(5).
    pub(crate) state: char,
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

    /// Reads `/proc/PID/stat`: the name in brackets may hold anything, so from the last bracket on.
    fn parse(text: &str, ticks_per_second: u64, page_bytes: u64) -> Option<Self> {
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
        let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
        let ticks = (11..=14).map(number).sum::<Option<u64>>()?;
        Some(Self {
            state: fields.first()?.chars().next()?,
            cpu_seconds: ticks as f64 / ticks_per_second as f64,
            rss_bytes: number(21)? * page_bytes,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_and_blanks_shifts_nothing() {
        let text = "7 (a) b) T 1 7 7 0 -1 4194304 10 0 0 0 150 50 20 30 20 0 4 0 99 1000 25 18446";
        let stat = ProcStat::parse(text, 100, 4096);
        let expected = ProcStat { state: 'T', cpu_seconds: 2.5, rss_bytes: 25 * 4096 };
        assert_eq!(stat, Some(expected));
    }

    #[test]
    fn our_own_process_runs_and_an_unused_id_tells_nothing() {
        if cfg!(target_os = "linux") {
            assert!(ProcStat::read(std::process::id()).unwrap().rss_bytes > 0);
        }
        assert_eq!(ProcStat::read(u32::MAX), None);
    }
}
