//! The findings as JUnit XML, for the test pages of CI services.

use crate::text;
use redrill_history::{Finding, Report, RunView, Verdict};
use std::fmt::Write;

/// One test case a finding. A finding that failed is a failure; an inconclusive one is skipped:
/// JUnit knows no third verdict, and a test that could not tell has not passed.
pub fn junit_xml(run: &RunView, report: &Report) -> String {
    let of = |verdict| report.findings.iter().filter(|finding| finding.verdict == verdict).count();
    let seconds = run.load_end_ns.saturating_sub(run.load_start_ns) as f64 / 1e9;
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    // Writing into a string cannot fail.
    let _ = writeln!(
        out,
        "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"0\" skipped=\"{}\" \
         time=\"{seconds:.3}\">",
        escaped(&run.plan.name),
        report.findings.len(),
        of(Verdict::Fail),
        of(Verdict::Inconclusive)
    );
    out += "    <properties>\n";
    for (name, value) in [
        ("verdict", report.verdict.name()),
        ("headline", &report.headline),
        ("complete", if run.is_complete() { "yes" } else { "no: the run was cut off" }),
        ("repeat", &text::replay(run)),
    ] {
        let value = escaped(value);
        let _ = writeln!(out, "      <property name=\"{name}\" value=\"{value}\"/>");
    }
    out += "    </properties>\n";
    for finding in &report.findings {
        out += &case(finding);
    }
    out += "  </testsuite>\n</testsuites>\n";
    out
}

fn case(finding: &Finding) -> String {
    let (group, _) = finding.id.split_once('.').unwrap_or((&finding.id, ""));
    let open = format!(
        "    <testcase classname=\"redrill.{}\" name=\"{}: {}\" time=\"0\"",
        escaped(group),
        escaped(&finding.id),
        escaped(&finding.statement)
    );
    let message = escaped(&finding.summary);
    match finding.verdict {
        Verdict::Pass => format!("{open}/>\n"),
        Verdict::Inconclusive => {
            format!("{open}>\n      <skipped message=\"{message}\"/>\n    </testcase>\n")
        }
        Verdict::Fail => format!(
            "{open}>\n      <failure type=\"definite\" message=\"{message}\">{}</failure>\n    \
             </testcase>\n",
            escaped(&details(finding))
        ),
    }
}

/// The counts, and the first proof.
fn details(finding: &Finding) -> String {
    let Finding { definite, possible, examined, objective, .. } = finding;
    let mut text = format!(
        "{definite} definite and {possible} possible violations in {examined} operations; \
         objective: {objective}"
    );
    if let Some(witness) = finding.witnesses.first() {
        text += &format!("\n{} Operations: {:?}", witness.explanation, first(&witness.operations));
    }
    text
}

fn first(operations: &[u64]) -> &[u64] {
    &operations[..operations.len().min(20)]
}

/// The text as content or value; what XML cannot hold becomes a question mark.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            '\t' => out.push_str("&#9;"),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('?'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::synthetic;

    #[test]
    fn a_failure_is_a_failure_and_an_inconclusive_finding_is_no_pass() {
        let (run, report) = synthetic::failover();
        let xml = junit_xml(&run, &report);
        assert!(xml.contains("tests=\"6\" failures=\"2\" errors=\"0\" skipped=\"2\""), "{xml}");
        assert_eq!(xml.matches("<testcase").count(), 6);
        assert_eq!(xml.matches("<failure").count(), 2);
        assert_eq!(xml.matches("<skipped").count(), 2);
        assert!(xml.contains("28 definite and 31 possible violations in 3280 operations"));
    }

    #[test]
    fn hostile_words_stay_words() {
        let (mut run, mut report) = synthetic::failover();
        "\"><a>\u{0}".clone_into(&mut run.plan.name);
        "]]></failure>".clone_into(&mut report.findings[1].summary);
        let xml = junit_xml(&run, &report);
        assert!(xml.contains("name=\"&quot;&gt;&lt;a&gt;?\""), "{xml}");
        assert_eq!(xml.matches("</failure>").count(), 2);
    }
}
