//! Who owns which slot, by what the nodes of a cluster say.

use std::collections::HashMap;

use super::slot::SLOTS;
use crate::redis::address::Address;

/// What one node says of its cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Report {
    /// Every node that it knows, replicas too.
    pub(super) nodes: Vec<Address>,
    claims: Vec<Claim>,
}

/// A master, the epoch of its configuration, and the slots it has by that.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Claim {
    master: Address,
    epoch: u64,
    ranges: Vec<(u16, u16)>,
}

impl Report {
    /// Reads an answer to `CLUSTER NODES` that came from `asked`. Lines that do not make sense are
    /// left out, and so are nodes without an address and slots on their way to another node.
    pub(super) fn read(text: &str, asked: &Address) -> Self {
        let mut report = Self::default();
        for line in text.lines() {
            let words: Vec<&str> = line.split(' ').collect();
            let [_, endpoint, flags, _, _, _, epoch, _, slots @ ..] = &words[..] else { continue };
            let is = |flag| flags.split(',').any(|each| each == flag);
            if is("noaddr") || is("handshake") {
                continue;
            }
            let Some(address) = address(endpoint, asked) else { continue };
            report.nodes.push(address.clone());
            let ranges: Vec<(u16, u16)> = slots.iter().filter_map(|text| range(text)).collect();
            if let (true, false, Ok(epoch)) = (is("master"), ranges.is_empty(), epoch.parse()) {
                report.claims.push(Claim { master: address, epoch, ranges });
            }
        }
        report
    }
}

/// Reads `host:port@busport[,hostname]`. A node that has not learnt its own address leaves the host
/// out; it is where it was asked. One that announces a name wants to be called by it.
fn address(endpoint: &str, asked: &Address) -> Option<Address> {
    let (endpoint, name) = endpoint.split_once(',').unwrap_or((endpoint, ""));
    let name = name.split(',').next().unwrap_or_default();
    let (host, port) = endpoint.split('@').next()?.rsplit_once(':')?;
    let port = port.parse().ok().filter(|port| *port > 0)?;
    let host = [name, host, &asked.host].into_iter().find(|host| !host.is_empty())?;
    Some(Address { host: host.to_owned(), port })
}

fn range(text: &str) -> Option<(u16, u16)> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last): (u16, u16) = (first.parse().ok()?, last.parse().ok()?);
    (first <= last && usize::from(last) < SLOTS).then_some((first, last))
}

/// The owner of every slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SlotMap {
    pub(super) masters: Vec<Address>,
    /// Place in `masters`, or [`NOBODY`].
    owners: Vec<u16>,
}

const NOBODY: u16 = u16::MAX;

impl Default for SlotMap {
    fn default() -> Self {
        Self { masters: Vec::new(), owners: vec![NOBODY; SLOTS] }
    }
}

impl SlotMap {
    /// Of two claims to a slot the one with the higher epoch holds: a promotion and the end of a
    /// migration raise it (Redis' `cluster.c`, `clusterUpdateSlotsConfigWith`).
    pub(super) fn merge<'a>(reports: impl Iterator<Item = &'a Report>) -> Self {
        let mut map = Self::default();
        let mut epochs = vec![0; SLOTS];
        let mut places = HashMap::new();
        for claim in reports.flat_map(|report| &report.claims) {
            let place = *places.entry(&claim.master).or_insert_with(|| {
                map.masters.push(claim.master.clone());
                u16::try_from(map.masters.len() - 1).unwrap_or(NOBODY)
            });
            for (first, last) in &claim.ranges {
                let slots = usize::from(*first)..=usize::from(*last);
                let held = map.owners[slots.clone()].iter_mut().zip(&mut epochs[slots]);
                for (owner, epoch) in held {
                    if *owner == NOBODY || *epoch < claim.epoch {
                        (*owner, *epoch) = (place, claim.epoch);
                    }
                }
            }
        }
        map.tidy();
        map
    }

    /// Takes masters out that own nothing and orders the others, so that equal maps are equal.
    fn tidy(&mut self) {
        let mut owns = vec![false; self.masters.len()];
        for owner in self.owners.iter().filter(|owner| **owner != NOBODY) {
            owns[usize::from(*owner)] = true;
        }
        let mut order: Vec<usize> = (0..owns.len()).filter(|place| owns[*place]).collect();
        order.sort_by_key(|place| (self.masters[*place].port, self.masters[*place].host.clone()));
        let mut moved = vec![NOBODY; owns.len()];
        for (new, old) in order.iter().enumerate() {
            moved[*old] = u16::try_from(new).unwrap_or(NOBODY);
        }
        self.masters = order.iter().map(|old| self.masters[*old].clone()).collect();
        for owner in self.owners.iter_mut().filter(|owner| **owner != NOBODY) {
            *owner = moved[usize::from(*owner)];
        }
    }

    /// Gives one slot to a node that a redirection named.
    pub(super) fn give(&mut self, slot: u16, master: &Address) {
        let place = self.masters.iter().position(|known| known == master).unwrap_or_else(|| {
            self.masters.push(master.clone());
            self.masters.len() - 1
        });
        if let Some(owner) = self.owners.get_mut(usize::from(slot)) {
            *owner = u16::try_from(place).unwrap_or(NOBODY);
        }
        self.tidy();
    }

    /// The place of a slot's owner in `masters`.
    pub(super) fn place(&self, slot: u16) -> Option<usize> {
        let owner = *self.owners.get(usize::from(slot))?;
        (owner != NOBODY).then_some(usize::from(owner))
    }

    pub(super) fn owner(&self, slot: u16) -> Option<&Address> {
        self.masters.get(self.place(slot)?)
    }

    /// Does every slot have an owner?
    pub(super) fn is_complete(&self) -> bool {
        !self.owners.contains(&NOBODY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(port: u16) -> Address {
        Address { host: "127.0.0.1".to_owned(), port }
    }

    fn report(text: &str) -> Report {
        Report::read(text, &at(7000))
    }

    #[test]
    fn an_answer_is_read() {
        let read = report(
            "aa :7000@17000 myself,master - 0 0 3 connected 0-8191 10000 [77->-bb]\n\
             bb 127.0.0.1:7001@17001,one.redis master - 0 0 2 connected 8192-9999 10001-16383\n\
             cc ::1:7002@17002 slave aa 0 0 3 connected\n\
             dd 127.0.0.1:0@0 master,noaddr - 0 0 1 disconnected\n\
             nonsense\n",
        );
        let name = Address { host: "one.redis".to_owned(), port: 7001 };
        let six = Address { host: "::1".to_owned(), port: 7002 };
        assert_eq!(read.nodes, [at(7000), name.clone(), six]);
        let map = SlotMap::merge([read].iter());
        assert_eq!((map.owner(8191), map.owner(10_000)), (Some(&at(7000)), Some(&at(7000))));
        assert_eq!((map.owner(8192), map.owner(16_383)), (Some(&name), Some(&name)));
        assert!(map.is_complete());
    }

    #[test]
    fn the_highest_epoch_wins_whoever_speaks_last() {
        let stale = report("aa 127.0.0.1:7000@1 myself,master - 0 0 1 connected 0-16383\n");
        let news = report(
            "aa 127.0.0.1:7000@1 master,fail - 0 0 1 connected\n\
             bb 127.0.0.1:7001@1 myself,master - 0 0 2 connected 0-16383\n",
        );
        let map = SlotMap::merge([&news, &stale].into_iter());
        assert_eq!(map, SlotMap::merge([&stale, &news].into_iter()));
        assert_eq!((map.owner(5), map.masters.len()), (Some(&at(7001)), 1));
    }

    #[test]
    fn a_redirection_moves_one_slot() {
        let all = report("aa 127.0.0.1:7000@1 myself,master - 0 0 1 connected 0-16382\n");
        let mut map = SlotMap::merge([&all].into_iter());
        assert!(!map.is_complete());
        map.give(16_383, &at(7009));
        assert_eq!((map.owner(16_383), map.owner(16_382)), (Some(&at(7009)), Some(&at(7000))));
        assert!(map.is_complete());
        map.give(16_383, &at(7000));
        assert_eq!(map.masters, [at(7000)], "whoever owns nothing is gone");
    }
}
