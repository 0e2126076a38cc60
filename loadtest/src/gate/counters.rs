//! What a side's processes and its Redis have spent so far.

use crate::environment::{Admin, Environment, Group, cpu_ns, info_fields};
use anyhow::Result;
use redis::cmd;
use std::collections::BTreeMap;
use std::time::Duration;

/// How long the Redis may take to tell.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// Reads the counters of a side.
pub(super) struct Counters {
    /// Each with the commands and bytes of this reader's own.
    masters: Vec<(Admin, (u64, u64))>,
    servers: Vec<u32>,
}

impl Counters {
    /// Those of an environment's Redis and of the instances that run in it.
    pub(super) fn of(environment: &Environment) -> Result<Self> {
        let masters = environment.groups().iter().flat_map(Group::first_masters);
        let masters = masters.map(|node| (Admin::new(node.direct), (0, 0))).collect();
        let servers = environment.servers().into_iter().map(|name| {
            let process = environment.process(&name)?;
            Ok(process.pid())
        });
        let servers = servers.collect::<Result<_>>()?;
        Ok(Self { masters, servers })
    }

    /// The counters now: names as the metrics and the commands' tale read them. What the reading
    /// itself costs is left out.
    pub(super) async fn read(&mut self) -> Result<BTreeMap<String, f64>> {
        let mut ask = cmd("INFO");
        ask.arg("stats").arg("commandstats");
        let mut values = BTreeMap::new();
        for (master, own) in &mut self.masters {
            let info: String = master.ask(&ask, ANSWER_WITHIN).await?;
            // The question counts already; the command and its answer only from the next reading.
            own.1 += ask.get_packed_command().len() as u64;
            for (name, value) in read(&info, *own) {
                *values.entry(name).or_insert(0.0) += value;
            }
            own.0 += 1;
            own.1 += format!("${}\r\n\r\n", info.len()).len() as u64 + info.len() as u64;
        }
        let cpu = self.servers.iter().map(|pid| cpu_ns(*pid)).sum::<Option<u64>>();
        values.extend(cpu.map(|cpu| ("server_cpu_ns".to_owned(), cpu as f64)));
        Ok(values)
    }
}

/// The numbers in the answer of `INFO`, less the reader's own commands and bytes.
fn read(info: &str, own: (u64, u64)) -> BTreeMap<String, f64> {
    let fields = info_fields(info);
    let number = |name: &str| fields.get(name)?.parse::<f64>().ok();
    let mut values = BTreeMap::new();
    let commands = number("total_commands_processed").map(|all| all - own.0 as f64);
    values.extend(commands.map(|commands| ("redis_commands".to_owned(), commands)));
    let bytes = number("total_net_input_bytes").zip(number("total_net_output_bytes"));
    let bytes = bytes.map(|(input, output)| input + output - own.1 as f64);
    values.extend(bytes.map(|bytes| ("redis_net_bytes".to_owned(), bytes)));
    for (name, field) in &fields {
        let Some(command) = name.strip_prefix("cmdstat_").filter(|name| *name != "info") else {
            continue;
        };
        let calls = field.split(',').find_map(|part| part.strip_prefix("calls="));
        if let Some(calls) = calls.and_then(|calls| calls.parse().ok()) {
            values.insert(format!("calls.{command}"), calls);
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_of_info_is_read_without_the_reader() {
        let info = "# Stats\r\ntotal_commands_processed:105\r\ntotal_net_input_bytes:4000\r\n\
                    total_net_output_bytes:6000\r\n\r\n# Commandstats\r\n\
                    cmdstat_get:calls=42,usec=99,usec_per_call=2.3,rejected_calls=0\r\n\
                    cmdstat_config|get:calls=1,usec=5\r\ncmdstat_info:calls=5,usec=9\r\n";
        let expected = [
            ("redis_commands", 100.0),
            ("redis_net_bytes", 9_000.0),
            ("calls.get", 42.0),
            ("calls.config|get", 1.0),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value));
        assert_eq!(read(info, (5, 1_000)), expected.into());
    }
}
