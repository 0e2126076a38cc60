//! All that is wrong, each thing once: what is so of several is told of all of them together.

/// Who it is that something is wrong with, and what it is.
#[derive(Default)]
pub(super) struct Complaints(Vec<(Vec<String>, String)>);

impl Complaints {
    /// Notes what is wrong with somebody.
    pub(super) fn add(&mut self, who: impl Into<String>, what: impl Into<String>) {
        let (who, what) = (who.into(), what.into());
        match self.0.iter_mut().find(|(_, known)| *known == what) {
            Some((all, _)) if all.contains(&who) => {}
            Some((all, _)) => all.push(who),
            None => self.0.push((vec![who], what)),
        }
    }

    /// Whether nothing is wrong.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A sentence each.
    pub(super) fn told(&self) -> Vec<String> {
        self.0.iter().map(|(who, what)| format!("{}: {what}", listed(who))).collect()
    }
}

/// `a, b and c`.
pub(super) fn listed(all: &[String]) -> String {
    match all {
        [before @ .., last] if !before.is_empty() => format!("{} and {last}", before.join(", ")),
        all => all.concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_so_of_several_is_told_once() {
        let mut complaints = Complaints::default();
        for who in ["node[0]", "node[1]", "node[2]", "node[1]"] {
            complaints.add(who, "asks for a password");
        }
        complaints.add("node[1]", "does not answer");
        let told = complaints.told();
        assert_eq!(
            told,
            ["node[0], node[1] and node[2]: asks for a password", "node[1]: does not answer"]
        );
    }
}
