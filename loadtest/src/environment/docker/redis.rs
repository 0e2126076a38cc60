//! The Redis in an image, and all that can keep a drill from running it.

use super::api::{ApiError, Docker, Info};
use super::container::{LABEL, remove_named};
use crate::environment::journal::{Guardian, temporary};
use crate::environment::redis_binary::{NAMES, RedisBinary};
use crate::exit::unusable;
use crate::output;
use anyhow::{Context as _, Result};
use serde_json::json;
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;
use tokio::time::timeout;

/// How long a program may take to say its version.
const SAYS_WITHIN: Duration = Duration::from_secs(30);

/// Makes sure that containers of an image can be started here, fetches it where it is not, and says
/// which Redis it has. Nothing is left of that.
///
/// # Errors
/// What is missing, with what to do: exit code 2.
pub(in crate::environment) async fn redis_in(image: &str) -> Result<RedisBinary> {
    if !cfg!(target_os = "linux") {
        return Err(unusable(
            "the backend \"docker\" needs Linux: elsewhere containers run in a virtual machine, \
             whose network is another; use the backend \"processes\"",
        ));
    }
    let docker = Docker::connect().await.map_err(|error| unusable(away(&error)))?;
    let info = docker.info().await?;
    if let Some(reason) = misfit(&info) {
        return Err(unusable(reason));
    }
    if !docker.has_image(image).await? {
        output::note(&format!("the image {image} is not here; pulling it"));
        docker.pull(image).await.map_err(|error| {
            unusable(format!(
                "the image {image} is not here and cannot be pulled ({error}); check its name, \
                 pull it by hand (docker pull {image}), or name another as environment.image"
            ))
        })?;
    }
    // Whatever becomes of us meanwhile, neither a container is left nor the folder of the guardian.
    let redrill = std::env::current_exe().context("where is redrill?")?;
    let folder = temporary()?;
    let guardian = Guardian::start(&redrill, folder.path()).await?;
    guardian.owns(folder).await?;
    let found = version(&docker, &guardian, image).await;
    guardian.end(Duration::ZERO).await?;
    found
}

async fn version(docker: &Docker, guardian: &Guardian, image: &str) -> Result<RedisBinary> {
    let name = format!("redrill-version-{}", guardian.mark());
    for program in NAMES {
        guardian.journal().container(&name).await?;
        let said = says(docker, &name, image, program).await;
        remove_named(docker, &name).await?;
        guardian.journal().removed(&name).await?;
        match said {
            Ok(said) => {
                let found = RedisBinary::said(Path::new(program), &said)
                    .map_err(|error| unusable(format!("the image {image}: {error}")))?;
                return Ok(RedisBinary { image: Some(image.to_owned()), ..found });
            }
            Err(ApiError::Refused { message, .. }) if is_no_program(&message) => {}
            Err(error) => {
                return Err(anyhow::Error::new(error).context(format!("the image {image}")));
            }
        }
    }
    Err(unusable(format!(
        "the image {image} has none of {} on its PATH; name an image of Redis or Valkey as \
         environment.image",
        NAMES.join(" and ")
    )))
}

/// What the program says of its version.
async fn says(docker: &Docker, name: &str, image: &str, program: &str) -> Result<String, ApiError> {
    let container = json!({
        "Image": image,
        "Entrypoint": [program],
        "Cmd": ["--version"],
        "Labels": { LABEL: name },
        "HostConfig": {
            "NetworkMode": "host",
            "UsernsMode": "host",
            "LogConfig": { "Type": "json-file" },
        },
    });
    docker.create(name, &container).await?;
    docker.start(name).await?;
    timeout(SAYS_WITHIN, docker.wait(name)).await.map_err(|_| ApiError::Late)??;
    let mut said = Vec::new();
    docker.follow(name, |written| said.extend_from_slice(written)).await?;
    Ok(String::from_utf8_lossy(&said).trim().to_owned())
}

/// Whether a container could not be started for want of its program.
fn is_no_program(message: &str) -> bool {
    ["executable file not found", "no such file"].iter().any(|words| message.contains(words))
}

/// Why there is no daemon, and what to do.
fn away(error: &ApiError) -> String {
    let ApiError::Away { source, socket } = error else { return error.to_string() };
    if source.kind() == ErrorKind::PermissionDenied {
        return format!(
            "this user may not use the Docker daemon on {}; join its group (sudo usermod -aG \
             docker $USER, then log in again), or run redrill as root",
            socket.display()
        );
    }
    format!(
        "{error} ({source}); start it (sudo systemctl start docker, or dockerd as root), install \
         it (your package manager's docker.io or docker package), set DOCKER_HOST to its socket, \
         or use the backend \"processes\""
    )
}

/// Why a daemon's containers are not on this machine's network.
fn misfit(info: &Info) -> Option<String> {
    let has = |name: &str| info.security_options.iter().any(|option| option.contains(name));
    let what = if info.operating_system.contains("Docker Desktop") {
        "Docker Desktop runs containers in a virtual machine, whose network is another"
    } else if has("name=rootless") {
        "the Docker daemon is rootless, so that its containers have a network of their own"
    } else if info.os_type != "linux" {
        "the Docker daemon runs no Linux containers"
    } else {
        return None;
    };
    let instead = "use a daemon that root has started on this machine (DOCKER_HOST=unix:///var/run\
                   /docker.sock), or the backend \"processes\"";
    Some(format!("{what}; {instead}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    #[test]
    fn a_daemon_whose_containers_have_another_network_is_refused_with_what_to_do() {
        let info = |json| serde_json::from_value::<Info>(json).unwrap();
        let good = info(json!({
            "OSType": "linux",
            "OperatingSystem": "Debian GNU/Linux 12 (bookworm)",
            "SecurityOptions": ["name=seccomp,profile=default"],
            "ID": "a field that nobody reads",
        }));
        assert_eq!(misfit(&good), None);
        for (bad, word) in [
            (json!({ "OSType": "linux", "OperatingSystem": "Docker Desktop" }), "Desktop"),
            (json!({ "OSType": "linux", "SecurityOptions": ["name=rootless"] }), "rootless"),
            (json!({ "OSType": "windows" }), "Linux"),
        ] {
            let told = misfit(&info(bad)).unwrap();
            assert!(told.contains(word) && told.contains("DOCKER_HOST"), "{told}");
        }
    }

    #[test]
    fn a_daemon_that_is_away_and_one_that_refuses_us_are_told_apart() {
        let error = |kind: ErrorKind| ApiError::Away {
            socket: "/run/docker.sock".into(),
            source: io::Error::from(kind),
        };
        for kind in [ErrorKind::NotFound, ErrorKind::ConnectionRefused] {
            let told = away(&error(kind));
            assert!(told.contains("/run/docker.sock") && told.contains("start it"), "{told}");
        }
        let told = away(&error(ErrorKind::PermissionDenied));
        assert!(told.contains("usermod"), "{told}");
    }

    #[test]
    fn a_missing_program_is_no_other_failure() {
        let missing = "OCI runtime create failed: exec: \"valkey-server\": executable file not \
                       found in $PATH: unknown";
        assert!(is_no_program(missing));
        assert!(!is_no_program("permission denied"));
    }
}
