//! How often the cache answered, beside what an ideal one would have reached.

use super::calls::{is_hit, prompts};
use crate::checker::{Checker, Objective, Tally, plus};
use redrill_history::{Finding, Phase, RunView, Unit};
use std::collections::BTreeMap;

pub(super) struct HitRatio;

/// Answers, hits among them, and hits of the ideal cache among all requests.
#[derive(Clone, Copy, Default)]
struct Ratio {
    requests: u64,
    answers: u64,
    hits: u64,
    ideal: u64,
}

impl Ratio {
    fn real(self) -> Option<f64> {
        (self.answers > 0).then(|| self.hits as f64 / self.answers as f64)
    }

    fn ideal(self) -> Option<f64> {
        (self.requests > 0).then(|| self.ideal as f64 / self.requests as f64)
    }
}

impl Checker for HitRatio {
    fn id(&self) -> &'static str {
        "cache.hit-ratio"
    }

    fn statement(&self) -> &'static str {
        "The cache answers what it can. An objective of the plan says how large a share must be; \
         beside it stands the share of an ideal cache with the same time to live on the same \
         requests."
    }

    fn objective(&self) -> Objective {
        Objective::Share
    }

    fn check(&self, run: &RunView) -> Finding {
        let mut tally = Tally::new(run, self);
        let ttl = run.plan.target.promises.cache_ttl;
        let mut all = Ratio::default();
        let mut phases: BTreeMap<Phase, Ratio> = BTreeMap::new();
        for prompt in prompts(run).values() {
            // The ideal cache stores at once and forgets when the time is over.
            let mut stored_ns: Option<u64> = None;
            for op in prompt.requests.iter().filter(|op| op.is_load()) {
                let ideal = stored_ns.is_some_and(|stored| op.started_ns < plus(stored, ttl));
                if !ideal {
                    stored_ns = Some(op.started_ns);
                }
                let phase = run.phase_of(op).map(|phase| phases.entry(phase).or_default());
                for ratio in [Some(&mut all), phase].into_iter().flatten() {
                    ratio.requests += 1;
                    ratio.ideal += u64::from(ideal);
                    ratio.answers += u64::from(op.is_ok());
                    ratio.hits += u64::from(is_hit(op));
                }
                if op.is_ok() {
                    tally.examine(op);
                }
            }
        }
        tally.measure("hit ratio", all.real(), Unit::Ratio);
        tally.measure("hit ratio of an ideal cache", all.ideal(), Unit::Ratio);
        for (phase, ratio) in phases {
            let name = phase.name();
            tally.measure(&format!("hit ratio, {name}"), ratio.real(), Unit::Ratio);
            let ideal = format!("hit ratio of an ideal cache, {name}");
            tally.measure(&ideal, ratio.ideal(), Unit::Ratio);
        }
        let percent = |share: Option<f64>| share.unwrap_or_default() * 100.0;
        let summary = format!(
            "{:.1} % of the answers came from the cache; an ideal one would have answered {:.1} %.",
            percent(all.real()),
            percent(all.ideal())
        );
        tally.reported(summary, "no response came")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::literal::Literal;
    use redrill_history::{Action, Bound, Flags, Verdict};

    /// Requests at these seconds; those in `hits` are hits; responses live 5 s.
    fn found(seconds: &[u64], hits: &[u64], least: Option<f64>) -> Finding {
        let mut run = Literal::new().fault("kill", "node[0]", 10_000, Some(20_000));
        for second in seconds {
            let op = run.op(Action::Generate, 4, 4, (second * 1000, second * 1000 + 5));
            if hits.contains(second) {
                op.flags = Flags::HIT;
            }
        }
        let bound = least.map(|least| ("cache.hit-ratio".to_owned(), Bound::Share(least)));
        run.parts.plan.objectives.extend(bound);
        HitRatio.check(&run.view())
    }

    #[test]
    fn no_response_is_inconclusive() {
        assert_eq!(found(&[], &[], None).verdict, Verdict::Inconclusive);
    }

    #[test]
    fn the_ratio_stands_beside_the_ideal_one_by_phase() {
        let finding = found(&[1, 2, 3, 7, 12, 13], &[2, 3], None);
        assert_eq!(finding.verdict, Verdict::Pass);
        let values: Vec<_> = finding.measures.iter().map(|it| it.value).collect();
        let expected = [2.0 / 6.0, 3.0 / 6.0, 0.5, 0.5, 0.0, 0.5].map(Some);
        assert_eq!(values, expected, "{finding:#?}");
    }

    #[test]
    fn an_objective_is_held_against_the_real_ratio() {
        assert_eq!(found(&[1, 2], &[2], Some(0.5)).verdict, Verdict::Pass);
        assert_eq!(found(&[1, 2], &[2], Some(0.6)).verdict, Verdict::Fail);
    }
}
