//! The nodes of a group after its roles may have changed: what is written is written on the one
//! that all others follow, and has reached them. A master that was away still says that it is one
//! when it comes back, until a Sentinel demotes it and all that it holds is replaced.

use super::admin::{Admin, info_fields, is_refusal};
use super::door::Door;
use anyhow::{Context, Result, ensure};
use redis::cmd;
use redrill_history::clock::instant_now;
use std::time::Duration;
use tokio::time::sleep;

/// How long a node may take to answer. One that was paused answers when that is over.
const ANSWER_WITHIN: Duration = Duration::from_secs(15);
/// How long what is written may take to reach the others. Replicas tell once a second how far they
/// are.
const REACHES_WITHIN: Duration = Duration::from_secs(10);

/// How a node stands to the others, by its `INFO replication`.
#[derive(Clone, Debug, Default)]
struct Standing {
    is_master: bool,
    is_linked: bool,
    /// The history of writes that it holds.
    replid: String,
    /// How far.
    offset: u64,
}

impl Standing {
    fn of(info: &str) -> Self {
        let fields = info_fields(info);
        let field = |name| fields.get(name).copied().unwrap_or_default();
        let is_master = field("role") == "master";
        let offset = field(if is_master { "master_repl_offset" } else { "slave_repl_offset" });
        Self {
            is_master,
            is_linked: field("master_link_status") == "up",
            replid: field("master_replid").to_owned(),
            offset: offset.parse().unwrap_or(0),
        }
    }
}

/// Does something on the node that all the others follow, and waits until they have it, too. Of
/// those that do not answer, the few that the others can do without, nothing is asked: when they
/// come back, they follow.
///
/// # Errors
/// Too many do not answer, or there is no such node now, or no longer: what was done may be lost
/// and is to be done again.
pub(super) async fn on_master<T>(
    doors: &[Door],
    act: impl AsyncFnOnce(&mut Admin) -> Result<T>,
) -> Result<T> {
    let mut nodes: Vec<(Door, Admin)> =
        doors.iter().map(|door| (door.clone(), Admin::new(door.clone()))).collect();
    let all = nodes.len();
    let silent = drop_silent(&mut nodes).await;
    if let Some(error) = silent
        && nodes.len() * 2 <= all
    {
        return Err(error);
    }
    let (master, _) = look(&mut nodes).await?;
    let done = act(&mut nodes[master].1).await?;
    let (_, standings) = look(&mut nodes).await?;
    let written = standings[master].offset;
    let deadline = instant_now() + REACHES_WITHIN;
    loop {
        let (now, standings) = look(&mut nodes).await?;
        ensure!(now == master, "{} is no longer master", nodes[master].0);
        if standings.iter().all(|standing| standing.offset >= written) {
            return Ok(done);
        }
        ensure!(
            instant_now() < deadline,
            "what was written on {} has not reached the others",
            nodes[master].0
        );
        sleep(Duration::from_millis(50)).await;
    }
}

/// Leaves out those that do not answer; gives why the last of them does not.
async fn drop_silent(nodes: &mut Vec<(Door, Admin)>) -> Option<anyhow::Error> {
    let mut silent = None;
    let mut answering = Vec::new();
    for (door, mut admin) in nodes.drain(..) {
        match admin.ask::<String>(&cmd("ECHO").arg("redrill").to_owned(), ANSWER_WITHIN).await {
            Ok(_) => answering.push((door, admin)),
            Err(error) if is_refusal(&error) => return Some(error),
            Err(error) => silent = Some(error),
        }
    }
    *nodes = answering;
    silent
}

/// How all nodes stand, and which of them the others follow.
async fn look(nodes: &mut [(Door, Admin)]) -> Result<(usize, Vec<Standing>)> {
    let mut standings = Vec::new();
    for (_, admin) in nodes.iter_mut() {
        let info: String = admin.ask(cmd("INFO").arg("replication"), ANSWER_WITHIN).await?;
        standings.push(Standing::of(&info));
    }
    let names: Vec<String> = nodes.iter().map(|(door, _)| door.to_string()).collect();
    Ok((followed(&names, &standings)?, standings))
}

/// The node that all the others follow.
fn followed(names: &[String], standings: &[Standing]) -> Result<usize> {
    let pairs = || names.iter().zip(standings);
    let masters: Vec<&str> =
        pairs().filter(|(_, it)| it.is_master).map(|(name, _)| name.as_str()).collect();
    let many = masters.join(" and ");
    ensure!(
        masters.len() == 1,
        "not one of its nodes says that it is master, but {}",
        match many {
            none if none.is_empty() => "none".to_owned(),
            many => many,
        }
    );
    let master = standings.iter().position(|it| it.is_master).context("a group without nodes")?;
    let follows = |it: &Standing| it.is_linked && it.replid == standings[master].replid;
    let stray = pairs().find(|(_, it)| !(it.is_master || follows(it)));
    let stray = stray.map(|(name, _)| name.as_str());
    ensure!(stray.is_none(), "{} does not follow {many} yet", stray.unwrap_or_default());
    Ok(master)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn master(replid: &str) -> Standing {
        let info = format!("role:master\r\nmaster_replid:{replid}\r\nmaster_repl_offset:7\r\n");
        Standing::of(&info)
    }

    fn replica(link: &str, replid: &str) -> Standing {
        Standing::of(&format!(
            "role:slave\r\nmaster_link_status:{link}\r\nslave_repl_offset:5\r\n\
             master_replid:{replid}\r\nmaster_repl_offset:9\r\n"
        ))
    }

    #[test]
    fn a_master_is_one_that_all_others_follow() {
        let of = |standings: &[Standing]| {
            let names: Vec<String> = (0..standings.len()).map(|node| format!("n{node}")).collect();
            followed(&names, standings).map_err(|error| error.to_string())
        };
        assert_eq!(of(&[replica("up", "a"), master("a"), replica("up", "a")]), Ok(1));
        assert_eq!(of(&[master("a")]), Ok(0));
        let told = of(&[master("a"), master("b"), replica("up", "b")]).unwrap_err();
        assert!(told.contains("but n0 and n1"), "{told}");
        assert!(of(&[replica("up", "a"), replica("up", "a")]).unwrap_err().contains("but none"));
        for stray in [replica("down", "a"), replica("up", "b")] {
            let told = of(&[master("a"), stray]).unwrap_err();
            assert!(told.contains("n1 does not follow n0"), "{told}");
        }
        assert_eq!((replica("up", "a").offset, master("a").offset), (5, 7));
    }
}
