//! Where the Docker daemon listens.

use std::path::PathBuf;

/// Where it listens unless `DOCKER_HOST` says otherwise.
const USUAL: &str = "/var/run/docker.sock";

/// The daemon's socket by the value of `DOCKER_HOST`.
///
/// # Errors
/// It is no socket of this machine; what to do is told.
pub(super) fn socket(host: Option<&str>) -> Result<PathBuf, String> {
    let Some(host) = host.filter(|host| !host.is_empty()) else { return Ok(USUAL.into()) };
    host.strip_prefix("unix://").filter(|path| path.starts_with('/')).map(PathBuf::from).ok_or_else(
        || {
            format!(
                "DOCKER_HOST is {host}: containers must share this machine's network; unset it, \
                 or name a socket of this machine (unix:///var/run/docker.sock)"
            )
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_socket_of_this_machine_will_do() {
        assert_eq!(socket(None).unwrap(), PathBuf::from(USUAL));
        assert_eq!(socket(Some("")).unwrap(), PathBuf::from(USUAL));
        assert_eq!(socket(Some("unix:///run/a.sock")).unwrap(), PathBuf::from("/run/a.sock"));
        for elsewhere in ["tcp://10.0.0.1:2375", "ssh://build", "unix://relative"] {
            let told = socket(Some(elsewhere)).unwrap_err();
            assert!(told.contains(elsewhere) && told.contains("unset it"), "{told}");
        }
    }
}
