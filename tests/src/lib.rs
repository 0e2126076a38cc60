//! Helpers of the integration tests.

use std::path::{Path, PathBuf};

/// The root of the workspace.
///
/// # Panics
/// Never: the package lies in the workspace.
pub fn workspace_root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("it lies in the workspace").to_owned()
}
