//! Row: what role each node played, as a direct observer saw it.

use super::{Row, Scene};
use crate::chart::{Align, Canvas, Painted, bold_words, fill, outline, words};
use crate::theme::{DOWN, Ink, MASTER, ON_MASTER, OUTLINE, REPLICA, TEXT};
use redrill_history::{EventKind, NodeRole, RunView};
use std::collections::BTreeMap;

const LANE: i32 = 42;

pub(super) struct Roles;

impl Row for Roles {
    fn height(&self, scene: &Scene<'_>) -> i32 {
        changes(scene.run).len() as i32 * LANE
    }

    fn paint(&self, canvas: &Canvas<'_>, scene: &Scene<'_>, top: i32) -> Painted {
        for (lane, (node, changes)) in changes(scene.run).into_iter().enumerate() {
            let top = top + lane as i32 * LANE;
            bold_words(canvas, node, (0, top + LANE / 2), &TEXT)?;
            let ends = changes.iter().skip(1).map(|(at_ns, _)| *at_ns);
            for ((from, role), to) in changes.iter().zip(ends.chain([scene.run.load_end_ns])) {
                let (left, right) = (scene.x(canvas, *from), scene.x(canvas, to));
                if left < right {
                    span(canvas, [(left, top + 4), (right, top + LANE - 4)], *role)?;
                }
            }
        }
        Ok(())
    }
}

/// The role changes of each node, in order of time.
fn changes(run: &RunView) -> BTreeMap<&str, Vec<(u64, NodeRole)>> {
    let mut nodes: BTreeMap<&str, Vec<(u64, NodeRole)>> = BTreeMap::new();
    for event in &run.events {
        if let EventKind::Role { node, role, .. } = &event.kind {
            nodes.entry(node).or_default().push((event.at_ns, *role));
        }
    }
    nodes
}

fn span(canvas: &Canvas<'_>, corners: [(i32, i32); 2], role: NodeRole) -> Painted {
    let (name, ink): (&str, &Ink) = match role {
        NodeRole::Master => ("master", &ON_MASTER),
        NodeRole::Replica => ("replica", &TEXT),
        NodeRole::Down => ("no answer", &DOWN),
    };
    match role {
        NodeRole::Master => fill(canvas, corners, &MASTER, 1.0)?,
        NodeRole::Replica => {
            fill(canvas, corners, &REPLICA, 1.0)?;
            outline(canvas, corners, &OUTLINE)?;
        }
        NodeRole::Down => outline(canvas, corners, &DOWN)?,
    }
    let [(left, top), (right, bottom)] = corners;
    let fits = right - left > name.len() as i32 * 14 + 16;
    if !fits {
        return Ok(());
    }
    words(canvas, name, (left + 14, (top + bottom) / 2), Align::Left, ink)
}
