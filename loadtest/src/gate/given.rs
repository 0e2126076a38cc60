//! What was given for a side: a program, a target, or the address of a service that runs.

use crate::exit::unusable;
use crate::plan::{Plan, TARGETS, load_target};
use anyhow::Result;
use redrill_scenarios::target::TargetFile;
use std::net::ToSocketAddrs as _;
use std::path::{Path, PathBuf};

/// One side of a comparison.
#[derive(Clone, Debug)]
pub enum Given {
    /// A service that redrill starts, on a Redis of its own.
    Started {
        /// As it was given.
        text: String,
        /// How it is started and spoken to.
        target: Box<TargetFile>,
    },
    /// A service that runs, on a Redis that is its own affair.
    Running {
        /// As it was given.
        text: String,
        /// Where it listens.
        address: String,
        /// How it is spoken to.
        target: Box<TargetFile>,
    },
}

impl Given {
    /// Reads a side: an address, the name or file of a target, or a program that takes the place of
    /// `{redrill}` in the plan's target.
    ///
    /// # Errors
    /// [`crate::exit::Unusable`]: it is none of them, or does not do what the plan asks.
    pub fn read(text: &str, plan: &Plan) -> Result<Self> {
        let given = Self::find(text, plan)?;
        let target = given.target();
        for capability in plan.resolved.load.capabilities.keys() {
            let missing = target.missing(capability.name());
            if !missing.is_empty() {
                return Err(unusable(format!(
                    "the target '{}' does not say how to do {}; add it to the target file, or \
                     leave the capability '{}' out of the plan",
                    target.name,
                    missing.join(", "),
                    capability.name()
                )));
            }
        }
        Ok(given)
    }

    fn find(text: &str, plan: &Plan) -> Result<Self> {
        let is_target = TARGETS.iter().any(|(name, _)| *name == text);
        let path = Path::new(text);
        if is_target || path.extension().is_some_and(|extension| extension == "toml") {
            let target = Box::new(load_target(text)?);
            return Ok(Self::Started { text: text.to_owned(), target });
        }
        if path.is_file() && !is_executable(path) {
            return Err(unusable(format!(
                "'{text}' is a file that cannot be executed, and no side to compare; chmod +x it, \
                 or give the path of a program"
            )));
        }
        if path.is_file() {
            let mut target = Box::new(plan.target.clone());
            let program = absolute(path)?;
            for part in &mut target.start.command {
                *part = part.replace("{redrill}", &program);
            }
            return Ok(Self::Started { text: text.to_owned(), target });
        }
        if path.is_dir() {
            return Err(unusable(format!(
                "'{text}' is a directory, and no side to compare; give the path of a program in it"
            )));
        }
        let address = text.strip_prefix("http://").unwrap_or(text).trim_end_matches('/');
        if address.to_socket_addrs().is_ok() {
            let (text, address) = (text.to_owned(), address.to_owned());
            return Ok(Self::Running { text, address, target: Box::new(plan.target.clone()) });
        }
        Err(unusable(format!(
            "'{text}' is no side to compare: there is no such program, target or address; give \
             the path of a program (target/release/redrill), a target file (my.toml), the name of \
             a target (reference), or an address (127.0.0.1:3001)"
        )))
    }

    /// How the side is spoken to.
    pub(super) fn target(&self) -> &TargetFile {
        match self {
            Self::Started { target, .. } | Self::Running { target, .. } => target,
        }
    }

    /// As it was given.
    pub fn text(&self) -> &str {
        match self {
            Self::Started { text, .. } | Self::Running { text, .. } => text,
        }
    }

    /// Whether redrill starts it.
    pub fn is_started(&self) -> bool {
        matches!(self, Self::Started { .. })
    }
}

fn is_executable(path: &Path) -> bool {
    rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok()
}

fn absolute(path: &Path) -> Result<String> {
    let path: PathBuf = std::path::absolute(path)?;
    Ok(path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Overrides;

    fn read(text: &str) -> Result<Given> {
        let plan = Plan::load("gate", &Overrides::default()).unwrap();
        Given::read(text, &plan)
    }

    #[test]
    fn a_program_a_target_and_an_address_are_told_apart() {
        let program = std::env::current_exe().unwrap();
        let Given::Started { target, .. } = read(program.to_str().unwrap()).unwrap() else {
            panic!("a program is started")
        };
        assert_eq!(target.start.command[0], program.to_str().unwrap());
        let Given::Started { target, .. } = read("reference").unwrap() else {
            panic!("a target is started")
        };
        assert_eq!(target.start.command[0], "{redrill}");
        for text in ["127.0.0.1:3001", "http://127.0.0.1:3001/"] {
            let Given::Running { address, .. } = read(text).unwrap() else { panic!("it runs") };
            assert_eq!(address, "127.0.0.1:3001");
        }
    }

    #[test]
    fn what_is_none_of_them_is_refused_with_examples() {
        let told = read("target/nowhere").unwrap_err().to_string();
        assert!(told.contains("'target/nowhere'") && told.contains("127.0.0.1:3001"), "{told}");
        let file = tempfile::NamedTempFile::new().unwrap();
        let told = read(file.path().to_str().unwrap()).unwrap_err().to_string();
        assert!(told.contains("chmod +x"), "{told}");
        assert!(read(".").unwrap_err().to_string().contains("'.' is a directory"));
        assert!(read("nowhere.toml").unwrap_err().to_string().contains("nowhere.toml"));
    }
}
