//! What must hold of every page.

use super::{search, synthetic};
use crate::html;
use redrill_history::{Report, RunView};
use std::collections::BTreeSet;

/// Runs of every kind, by name.
fn runs() -> Vec<(&'static str, (RunView, Report))> {
    vec![
        ("failover", synthetic::failover()),
        ("thrice", synthetic::thrice()),
        ("steady", synthetic::steady()),
        ("cut-off-early", synthetic::cut_off(5)),
        ("cut-off-in-the-fault", synthetic::cut_off(13)),
        ("outage", synthetic::outage()),
        ("empty", synthetic::empty()),
        ("search", search::whole()),
        ("search-cut-off", search::begun()),
    ]
}

/// The values of an attribute in the page.
fn values<'a>(page: &'a str, attribute: &str) -> Vec<&'a str> {
    let start = format!(" {attribute}=\"");
    let after = page.split(start.as_str()).skip(1);
    after.map(|rest| rest.split('"').next().unwrap_or_default()).collect()
}

#[test]
fn the_same_run_gives_the_same_bytes_below_a_megabyte() {
    for (name, (run, report)) in runs() {
        let page = html(&run, &report);
        assert_eq!(page, html(&run.clone(), &report.clone()), "{name}");
        assert!(page.len() < 1_000_000, "{name} has {} bytes", page.len());
    }
}

#[test]
fn the_page_asks_nothing_of_the_network_and_runs_nothing() {
    for (name, (run, report)) in runs() {
        let page =
            html(&run, &report).replace("http://www.w3.org/2000/svg", "").replace("http-equiv", "");
        for forbidden in ["http", "<script", "<link", "<img", "@import", " src=", " onload"] {
            assert!(!page.contains(forbidden), "{name} has {forbidden}");
        }
        assert!(page.contains("default-src 'none'"), "{name}");
    }
}

#[test]
fn every_address_is_unique_and_every_link_leads_somewhere() {
    for (name, (run, report)) in runs() {
        let page = html(&run, &report);
        let ids = values(&page, "id");
        let unique: BTreeSet<_> = ids.iter().copied().collect();
        assert_eq!(unique.len(), ids.len(), "{name} has an address twice");
        for link in values(&page, "href") {
            let target = link.strip_prefix('#').unwrap_or(link);
            assert!(unique.contains(target), "{name}: {link} leads nowhere");
        }
        for labels in values(&page, "aria-labelledby") {
            for label in labels.split(' ') {
                assert!(unique.contains(label), "{name}: {label} labels nothing");
            }
        }
    }
}

#[test]
fn every_element_is_closed_in_its_turn() {
    const VOID: [&str; 3] = ["meta", "br", "!DOCTYPE"];
    for (name, (run, report)) in runs() {
        let page = html(&run, &report);
        let mut open: Vec<&str> = Vec::new();
        for tag in page.split('<').skip(1) {
            let Some((tag, _)) = tag.split_once('>') else { panic!("{name}: <{tag} has no end") };
            let word = tag.split([' ', '\n']).next().unwrap_or_default();
            if let Some(closed) = word.strip_prefix('/') {
                assert_eq!(open.pop(), Some(closed), "{name}");
            } else if !tag.ends_with('/') && !VOID.contains(&word) {
                open.push(word);
            }
        }
        assert!(open.is_empty(), "{name}: {open:?}");
    }
}

#[test]
fn every_picture_has_a_name_a_description_and_its_numbers() {
    let (run, report) = synthetic::failover();
    let page = html(&run, &report);
    let pictures = page.matches("class=\"chart\"").count();
    assert!(pictures >= 7, "only {pictures} pictures");
    for part in ["<title id=", "<desc id=", "<figcaption>", "The same as numbers"] {
        assert_eq!(page.matches(part).count(), pictures, "{part}");
    }
    assert!(!page.contains("could not be drawn"));
}

#[test]
fn head_cells_say_what_they_head() {
    let (run, report) = synthetic::failover();
    let page = html(&run, &report);
    let heads: Vec<_> =
        page.match_indices("<th").filter(|(at, _)| !page[*at..].starts_with("<thead")).collect();
    for (at, _) in heads {
        let tag = page[at..].split('>').next().unwrap_or_default();
        assert!(tag.contains("scope="), "{tag}");
    }
}

#[test]
fn bad_news_is_told_at_the_top() {
    for (run, report, words) in [
        (synthetic::cut_off(13), "Cut off."),
        (synthetic::empty(), "Empty."),
        (synthetic::outage(), "Total outage."),
    ]
    .map(|((run, report), words)| (run, report, words))
    {
        let page = html(&run, &report);
        let told = page.find(words).unwrap_or_else(|| panic!("nothing says {words}"));
        assert!(told < page.find("id=\"run\"").unwrap_or(0), "{words} stands too low");
    }
    let (run, report) = synthetic::steady();
    let page = html(&run, &report);
    assert!(!page.contains("class=\"notice\"") && page.contains("no fault was injected"));
}

#[test]
fn every_promotion_is_drawn() {
    let (run, report) = synthetic::thrice();
    let page = html(&run, &report);
    let drawn = |words: &str| page.matches(words).count();
    assert!(drawn("node[1] promoted at") > 0 && drawn("node[2] promoted at") > 0);
    assert!(drawn("node[2] promoted") > drawn("node[2] promoted at"), "in its witness");
}

#[test]
fn hostile_names_stay_text() {
    let hostile = "</title><script>alert('&\"')</script>";
    let (mut run, mut report) = synthetic::failover();
    hostile.clone_into(&mut run.plan.name);
    hostile.clone_into(&mut run.plan.question);
    hostile.clone_into(&mut run.plan.faults[0].kind);
    hostile.clone_into(&mut run.environment.redis);
    hostile.clone_into(&mut report.headline);
    for finding in &mut report.findings {
        finding.id = format!("{}\" onclick=\"{hostile}", finding.id);
        hostile.clone_into(&mut finding.summary);
        for witness in &mut finding.witnesses {
            hostile.clone_into(&mut witness.explanation);
        }
    }
    let page = html(&run, &report);
    assert!(!page.contains("<script"), "a script got through");
    assert!(page.matches("&lt;script&gt;").count() > 10);
    assert!(values(&page, "onclick").is_empty(), "an attribute got through");
}

#[test]
fn thousands_of_witnesses_are_cut_with_a_count() {
    let (run, mut report) = synthetic::failover();
    for finding in &mut report.findings {
        let Some(witness) = finding.witnesses.first().cloned() else { continue };
        finding.witnesses = vec![witness; 2_000];
        let every = run.operations.iter().map(|op| op.seq);
        finding.witnesses.iter_mut().take(3).for_each(|w| w.operations = every.clone().collect());
    }
    let page = html(&run, &report);
    assert!(page.len() < 1_000_000, "{} bytes", page.len());
    assert!(page.contains("Witnesses not shown: 1,997."));
    assert!(page.contains("of this witness, not shown: "));
    for finding in &mut report.findings {
        finding.witnesses.truncate(3);
    }
    let one = report.findings.iter().find(|finding| !finding.witnesses.is_empty()).cloned();
    report.findings = one.into_iter().cycle().take(40).collect();
    for (index, finding) in report.findings.iter_mut().enumerate() {
        finding.id = format!("queue.law-{index}");
    }
    let page = html(&run, &report);
    assert!(page.len() < 1_000_000, "{} bytes", page.len());
}
