//! What is left to do when the work of a run went wrong.

use crate::environment::Left;
use crate::exit::Unusable;
use anyhow::{Error, anyhow};
use redrill_history::RunFolder;

/// The error with what to do next: where what was recorded is shown, and how to undo what is left.
/// What was refused says that itself.
pub(super) fn with_next(error: Error, folder: &RunFolder, has_report: bool) -> Error {
    if error.is::<Unusable>() {
        return error;
    }
    let shown = folder.path().display();
    let seen = match has_report {
        true => format!("{} shows what was recorded until then", folder.report().display()),
        false => format!("{shown} holds what was recorded until then"),
    };
    let heal = format!("'redrill heal {shown}'");
    let left = match Left::read(folder) {
        Ok(Some(left)) if !left.is_empty() => {
            format!("something of this run is left: {heal} undoes it")
        }
        Err(_) => format!("something of this run may be left: {heal} tells, and undoes it"),
        Ok(_) => format!("nothing of this run is left to undo; {heal} would tell"),
    };
    anyhow!("{error:#}\n  {seen}\n  {left}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::unusable;

    #[test]
    fn a_run_that_broke_names_its_folder_and_what_undoes_what_is_left() {
        let runs = tempfile::tempdir().unwrap();
        let folder = RunFolder::create(runs.path(), "a").unwrap();
        let told = |has_report| with_next(anyhow!("b"), &folder, has_report).to_string();
        let heal = format!("'redrill heal {}'", folder.path().display());
        assert!(told(true).starts_with("b\n") && told(true).contains("a/report.html shows"));
        assert!(!told(false).contains("report.html") && told(false).contains(&heal));
        assert!(told(true).contains("nothing of this run is left"));
        std::fs::create_dir_all(folder.logs()).unwrap();
        let toxic = r#"{"remove-toxic":{"api":"http://c","proxy":"d","toxic":"e"}}"#;
        let entry = format!("{{\"entry\":\"fault\",\"id\":1,\"remedy\":{toxic}}}\n");
        std::fs::write(folder.logs().join("journal.ndjson"), entry).unwrap();
        assert!(told(true).contains(&format!("is left: {heal} undoes it")), "{}", told(true));
    }

    #[test]
    fn what_was_refused_stays_as_it_was_said() {
        let runs = tempfile::tempdir().unwrap();
        let folder = RunFolder::create(runs.path(), "a").unwrap();
        let refusal = with_next(unusable("b"), &folder, true);
        assert!(refusal.is::<Unusable>() && refusal.to_string() == "b");
    }
}
