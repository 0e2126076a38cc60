//! The image whose Redis is run.

use super::place::Source;
use crate::environment::DEFAULT_IMAGE;
use crate::exit::unusable;
use anyhow::Result;
use redrill_history::EnvironmentPlan;
use toml::Spanned;

/// The backend that runs images.
const DOCKER: &str = "docker";
/// Docker's own bound on a name; tags and digests have theirs within it.
const LONGEST: usize = 255;

/// The image of a plan's backend; none where it runs no containers.
pub(super) fn image(
    written: Option<&Spanned<String>>,
    backend: &str,
    source: &Source<'_>,
) -> Result<Option<String>> {
    let Some(written) = written else {
        return Ok((backend == DOCKER).then(|| DEFAULT_IMAGE.to_owned()));
    };
    let refuse = |message: &str| Err(source.at(&written.span(), message));
    if backend != DOCKER {
        return refuse(&format!(
            "the backend '{backend}' runs no image; write backend = \"docker\", or leave the line \
             out"
        ));
    }
    match tagged(written.get_ref()) {
        Some(image) => Ok(Some(image)),
        None => refuse(&format!("image is what docker calls one, such as \"{DEFAULT_IMAGE}\"")),
    }
}

/// Lets an environment run in containers of the command line's image, if it names one.
///
/// # Errors
/// It is no name of an image.
pub(super) fn take(named: Option<&str>, environment: &mut EnvironmentPlan) -> Result<()> {
    let Some(named) = named else { return Ok(()) };
    let refuse =
        || format!("--image is what docker calls one, such as {DEFAULT_IMAGE}: not {named}");
    let image = tagged(named).ok_or_else(|| unusable(refuse()))?;
    environment.backend = DOCKER.to_owned();
    environment.image = Some(image);
    environment.external = None;
    Ok(())
}

/// The image with its tag or digest; without one, the daemon would fetch every tag that there is.
fn tagged(image: &str) -> Option<String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@".contains(c);
    let begins = image.starts_with(|c: char| c.is_ascii_alphanumeric());
    let ends = image.ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
    let is_good = begins && ends && image.len() <= LONGEST && image.chars().all(is_plain);
    // "..", "//" would lead elsewhere in the path of a call.
    if !is_good || ["..", "//", "/."].iter().any(|bad| image.contains(bad)) {
        return None;
    }
    // A colon before the last slash is of a registry's port.
    let last = image.rsplit('/').next().unwrap_or(image);
    Some(if last.contains([':', '@']) { image.to_owned() } else { format!("{image}:latest") })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Overrides, Plan};

    #[test]
    fn an_image_is_named_as_docker_names_it() {
        for (image, expected) in [
            ("redis:7.2", Some("redis:7.2")),
            ("redis", Some("redis:latest")),
            ("localhost:5000/team/redis", Some("localhost:5000/team/redis:latest")),
            ("valkey/valkey:8", Some("valkey/valkey:8")),
            ("redis@sha256:0123abcd", Some("redis@sha256:0123abcd")),
            ("", None),
            ("redis 7", None),
            ("-redis", None),
            ("redis:", None),
            ("../info?x=", None),
            ("a/../b", None),
            ("redis&tag=8", None),
        ] {
            assert_eq!(tagged(image).as_deref(), expected, "{image}");
        }
    }

    #[test]
    fn the_command_lines_image_takes_the_place_of_the_plans_backend() {
        let text = "[environment]\nreplicas = 1\n";
        let read = |image: &str| {
            let overrides = Overrides { image: Some(image.to_owned()), ..Overrides::default() };
            Plan::parse("my.toml", text, &overrides)
        };
        let environment = read("valkey/valkey:8").unwrap().resolved.environment;
        assert_eq!((environment.backend.as_str(), environment.main.replicas), (DOCKER, 1));
        assert_eq!(environment.image.as_deref(), Some("valkey/valkey:8"));
        assert!(read("a b").unwrap_err().to_string().contains("--image"));
    }
}
