//! deploy/ci: the templates can be read, and run what the README tells people to run.

use redrill_tests::workspace_root;
use serde_json::Value;
use std::fs;

fn template(name: &str) -> Value {
    let path = workspace_root().join("deploy/ci").join(name);
    let text = fs::read_to_string(&path).expect("the template");
    serde_yaml_ng::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The commands of a job: `run` of its steps, or its `script`.
fn commands(job: &Value) -> Vec<String> {
    let steps = job["steps"].as_array().cloned().unwrap_or_default();
    let steps = steps.iter().filter_map(|step| step["run"].as_str().map(str::to_owned));
    let script = job["script"].as_array().cloned().unwrap_or_default();
    steps.chain(script.iter().filter_map(|line| line.as_str().map(str::to_owned))).collect()
}

fn assert_runs(job: &Value, command: &str) {
    let all = commands(job);
    let runs = |line: &String| line.split('\n').any(|line| line.trim().starts_with(command));
    assert!(all.iter().any(runs), "'{command}' is not among {all:?}");
}

#[test]
fn both_services_run_the_two_commands_and_a_gate() {
    for jobs in [template("github-actions.yml")["jobs"].clone(), template("gitlab-ci.yml")] {
        assert_runs(&jobs["test"], "make test");
        assert_runs(&jobs["drill"], "make drill");
        assert_runs(&jobs["gate"], "make setup");
        assert_runs(&jobs["gate"], "scripts/gate ");
    }
}

#[test]
fn verdicts_are_published() {
    let github = template("github-actions.yml");
    for name in ["drill", "gate"] {
        let job = &github["jobs"][name];
        assert_runs(job, "cat runs/latest/summary.md >> \"$GITHUB_STEP_SUMMARY\"");
        let steps = job["steps"].as_array().expect("steps");
        let kept = steps.iter().filter_map(|step| step["with"]["path"].as_str());
        assert!(kept.into_iter().any(|path| path.contains("runs/")), "{name} keeps no report");
    }
    let gitlab = template("gitlab-ci.yml");
    for name in ["drill", "gate"] {
        let artifacts = &gitlab[name]["artifacts"];
        assert_eq!(artifacts["reports"]["junit"].as_str(), Some("runs/2*/junit.xml"), "{name}");
    }
    // Neither a pass nor a failure.
    assert_eq!(gitlab["gate"]["allow_failure"]["exit_codes"].as_i64(), Some(3));
}

#[test]
fn actions_are_pinned_to_a_major_version() {
    let github = template("github-actions.yml");
    let jobs = github["jobs"].as_object().expect("jobs");
    let steps = jobs.values().flat_map(|job| job["steps"].as_array().expect("steps"));
    let used: Vec<&str> = steps.filter_map(|step| step["uses"].as_str()).collect();
    assert!(!used.is_empty());
    for action in used {
        let version = action.split_once("@v").and_then(|(_, version)| version.parse::<u32>().ok());
        assert!(version.is_some(), "{action}");
    }
}
