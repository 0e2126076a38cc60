//! What is printed.

#![allow(clippy::print_stdout)]

use std::process::ExitCode;
use std::time::Duration;

use crate::routes::Case;
use crate::soak::{Sample, Soaked};

/// The most that a bounded route may cost, as a multiple of both limits together.
const BOUND: f64 = 1.7;
/// The most that idle sockets may take, in MB for ten thousand.
const MOST_MB: f64 = 200.0;

/// What was measured of a route, a value a round.
pub(crate) struct Row {
    case: &'static Case,
    pub(crate) rates: Vec<f64>,
    pub(crate) server: Vec<f64>,
    pub(crate) axum: Vec<f64>,
    pub(crate) redis: Vec<f64>,
}

impl Row {
    pub(crate) fn new(case: &'static Case) -> Self {
        let [rates, server, axum, redis] = [const { Vec::new() }; 4];
        Self { case, rates, server, axum, redis }
    }

    fn ratio(&self) -> f64 {
        median(&self.server) / (median(&self.axum) + median(&self.redis))
    }

    fn is_dear(&self) -> bool {
        self.case.bounded && self.ratio() > BOUND
    }
}

fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

pub(crate) fn head(connections: usize) {
    println!("server on one core, {connections} connections; µs of CPU a request, medians");
    println!(
        "{:<16}{:>10}{:>10}{:>12}{:>14}{:>8}",
        "route", "req/s", "server", "bare axum", "bare redis-rs", "ratio"
    );
}

pub(crate) fn row(row: &Row) {
    println!(
        "{:<16}{:>10.0}{:>10.1}{:>12.1}{:>14.1}{:>8.2}{}",
        row.case.name,
        median(&row.rates),
        median(&row.server),
        median(&row.axum),
        median(&row.redis),
        row.ratio(),
        if row.is_dear() { "  above 1.7" } else { "" },
    );
}

/// Fails when a bound is missed.
pub(crate) fn verdict(rows: &[Row], memory: Option<(usize, u64)>) -> ExitCode {
    let dear = rows.iter().filter(|row| row.is_dear()).count();
    let mut heavy = false;
    if let Some((count, bytes)) = memory {
        #[allow(clippy::cast_precision_loss)]
        let (mb, share) = (bytes as f64 / 1e6, count as f64 / 1e4);
        heavy = mb > MOST_MB * share.max(1.0);
        println!("{count} idle WebSockets: the server is {mb:.0} MB large");
    }
    if dear > 0 || heavy {
        println!("{dear} routes cost more than {BOUND} times the limits");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

pub(crate) fn soak_head(capacity: f64, rate: f64, length: Duration) {
    println!("capacity {capacity:.0} requests a second; {rate:.0} for {length:?}");
}

/// Compares what there was with what is left, and what was done with what was asked for.
pub(crate) fn soak(soaked: &Soaked) -> ExitCode {
    let Soaked { rate, length, answered, visitors, before, samples, after, kept } = soaked;
    #[allow(clippy::cast_precision_loss)]
    let mb = |part: &[Sample]| {
        median(&part.iter().map(|sample| sample.memory as f64 / 1e6).collect::<Vec<_>>())
    };
    let quarter = samples.len() / 4;
    let (early, late) = (mb(&samples[quarter..2 * quarter]), mb(&samples[3 * quarter..]));
    #[allow(clippy::cast_precision_loss)]
    let done = *answered as f64 / length.as_secs_f64();
    println!("{answered} requests ({done:.0} a second) and {visitors} sockets in {length:?}");
    println!("memory      {early:.1} MB in the second quarter, {late:.1} MB in the last");
    println!("connections {} before, {} after", before.connections, after.connections);
    println!("tasks       {} before, {} after", before.tasks, after.tasks);
    println!("keys        {} after", after.keys);
    let wrong = [
        (late > early * 1.05 + 2.0, "memory grows"),
        (after.connections > before.connections, "connections are left"),
        (after.tasks > before.tasks, "tasks are left"),
        (after.keys > *kept, "keys are left"),
        (done < rate * 0.95, "the load fell behind what was asked for"),
    ];
    let found: Vec<&str> =
        wrong.iter().filter(|(wrong, _)| *wrong).map(|(_, what)| *what).collect();
    if found.is_empty() {
        println!("nothing leaks");
        return ExitCode::SUCCESS;
    }
    println!("{}", found.join("; "));
    ExitCode::FAILURE
}
