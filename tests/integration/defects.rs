//! Deliberate defects of the reference server: `steady` finds every one of them, with the guilty
//! operations, and nothing where none is planted.

use crate::environment::MACHINE;
use redrill_history::{Action, Finding, Report, RunFolder, RunView, Verdict, Witness};
use redrill_tests::{redrill_with_planted_defects, workspace_root};
use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

/// What differs from `steady`: it is shorter, and enough users leave, and are given up soon enough,
/// for ghosts to be asked about in this time.
const SHORTER: &str = r#"
[load]
duration = "12s"
drain = "6s"

[load.capabilities]
cache = {}
sessions = {}
limiter = {}
queue = {}
presence = { rate_per_s = 60.0 }

[target.promises]
presence_ttl = "2s"
"#;

/// A defect by its name in server/src/defects.rs, and what has to find it.
struct Planted {
    defect: &'static str,
    finding: &'static str,
    /// What the guilty operation did.
    guilty: Action,
    /// The defect acts on one operation, which alone is to be charged.
    one_each: bool,
}

const PLANTED: [Planted; 6] = [
    planted("job-dropped", "queue.lost", Action::Submit, true),
    planted("session-write-dropped", "sessions.lost-writes", Action::SessionWrite, true),
    planted("limiter-forgets", "limiter.over-admission", Action::Hit, false),
    planted("limiter-forgets", "limiter.backwards", Action::Hit, false),
    planted("lying-hit", "cache.lying-hits", Action::Generate, true),
    planted("ghost", "presence.ghosts", Action::Lookup, false),
];

const fn planted(
    defect: &'static str,
    finding: &'static str,
    guilty: Action,
    one_each: bool,
) -> Planted {
    Planted { defect, finding, guilty, one_each }
}

/// What a drill left.
struct Drilled {
    code: Option<i32>,
    report: Report,
    view: RunView,
    /// All that the instances logged.
    log: String,
}

impl Drilled {
    fn finding(&self, id: &str) -> &Finding {
        self.report.findings.iter().find(|finding| finding.id == id).expect(id)
    }

    /// The findings that failed, in words.
    fn failed(&self) -> Vec<String> {
        let failed = |finding: &&Finding| finding.verdict == Verdict::Fail;
        let words = |finding: &Finding| format!("{}: {}", finding.id, finding.summary);
        self.report.findings.iter().filter(failed).map(words).collect()
    }
}

fn plan() -> String {
    let path = workspace_root().join("scenarios/plans/steady.toml");
    let steady = fs::read_to_string(path).expect("the plan");
    let mut plan: toml::Table = steady.parse().expect("TOML");
    plan.extend(SHORTER.parse::<toml::Table>().expect("TOML"));
    plan.to_string()
}

fn drill(defects: &str) -> Drilled {
    let redrill = redrill_with_planted_defects();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (plan_file, runs) = (folder.path().join("steady.toml"), folder.path().join("runs"));
    fs::write(&plan_file, plan()).expect("a plan");
    let output = Command::new(redrill)
        .arg("drill")
        .arg(plan_file)
        .arg("--runs")
        .arg(&runs)
        .env("PLANTED_DEFECT", defects)
        .output()
        .expect("redrill runs");
    let said = String::from_utf8_lossy(&output.stderr);
    let run = RunFolder::open(&runs.join("latest")).unwrap_or_else(|e| panic!("{e}: {said}"));
    let findings = fs::read(run.findings()).unwrap_or_else(|error| panic!("{error}: {said}"));
    let logs = fs::read_dir(run.logs()).expect("logs").flatten();
    let log = logs.map(|log| fs::read(log.path()).expect("a log"));
    Drilled {
        code: output.status.code(),
        report: serde_json::from_slice(&findings).expect("findings"),
        view: RunView::load(&run).expect("a run"),
        log: log.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).collect(),
    }
}

/// Every number of the witness stands for an operation in the history or an effect, and the guilty
/// operation is among them.
fn proves(view: &RunView, witness: &Witness, guilty: Action) -> bool {
    let effects: BTreeSet<u64> = view.effects.iter().map(|effect| effect.seq).collect();
    let operations: Vec<_> = witness.operations.iter().map(|seq| view.operation(*seq)).collect();
    operations.iter().all(Option::is_some)
        && operations.iter().flatten().any(|operation| operation.action == guilty)
        && witness.effects.iter().all(|seq| effects.contains(seq))
}

#[test]
fn a_defect_planted_in_each_capability_is_found_and_nothing_where_there_is_none() {
    let _turn = MACHINE.blocking_read();
    let clean = drill("");
    assert_eq!(clean.failed(), Vec::<String>::new());
    assert!(matches!(clean.code, Some(0 | 3)), "{:?}: {}", clean.code, clean.report.headline);
    let defects: BTreeSet<&str> = PLANTED.iter().map(|planted| planted.defect).collect();
    let defects: Vec<&str> = defects.into_iter().collect();
    let broken = drill(&defects.join(","));
    assert_eq!(broken.code, Some(1), "{}", broken.report.headline);
    for Planted { defect, finding, guilty, one_each } in PLANTED {
        let unblemished = clean.finding(finding);
        assert_eq!(unblemished.verdict, Verdict::Pass, "{unblemished:?}");
        let found = broken.finding(finding);
        assert_eq!(found.verdict, Verdict::Fail, "{defect}: {found:?}");
        let strikes = broken.log.matches(&format!("planted {defect}")).count() as u64;
        let bound = if one_each { strikes } else { u64::MAX };
        assert!((1..=bound).contains(&found.definite), "{strikes} times {defect}: {found:?}");
        assert!(!found.witnesses.is_empty(), "{found:?}");
        for witness in &found.witnesses {
            assert!(proves(&broken.view, witness, guilty), "{finding}: {witness:?}");
        }
    }
}
