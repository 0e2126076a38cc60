//! Helpers of the integration tests.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The root of the workspace.
///
/// # Panics
/// Never: the package lies in the workspace.
pub fn workspace_root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("it lies in the workspace").to_owned()
}

/// The `redrill` executable, built from the sources as they are.
///
/// # Panics
/// When it cannot be built.
pub fn redrill() -> &'static Path {
    static REDRILL: OnceLock<PathBuf> = OnceLock::new();
    REDRILL.get_or_init(|| build(&["--bins", "--tests"], "redrill"))
}

/// `redrill` with a reference server that has those deliberate defects that `PLANTED_DEFECT` names.
///
/// # Panics
/// When it cannot be built.
pub fn redrill_with_planted_defects() -> &'static Path {
    static REDRILL: OnceLock<PathBuf> = OnceLock::new();
    let arguments = ["--example", "planted-defects", "--features", "redrill/planted-defects"];
    REDRILL.get_or_init(|| build(&arguments, "examples/planted-defects"))
}

/// Cargo builds no binary of another package for a test. With the whole workspace, and tests or
/// examples among what is built, the dependencies have the features that they have in the running
/// test, so that nothing is compiled a second time.
fn build(arguments: &[&str], made: &str) -> PathBuf {
    let test = env::current_exe().expect("a test has an executable");
    let folder = test.ancestors().nth(2).expect("it lies in the target folder's deps");
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--quiet", "--locked", "--workspace"]).args(arguments);
    cargo.args(folder.ends_with("release").then_some("--release"));
    let status = cargo.current_dir(workspace_root()).status().expect("cargo runs");
    assert!(status.success(), "{made} cannot be built: {status}");
    folder.join(made)
}
