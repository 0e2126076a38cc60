//! What a user names: something that comes with redrill, a file, or standard input.

use crate::near;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::Path;

/// More than any plan or baseline holds; a wrong file must not fill the memory.
const LARGEST: u64 = 16 << 20;

/// The text of something that comes with redrill by its name, or else of a file; with what messages
/// call it.
///
/// # Errors
/// What is there instead, and what can be given.
pub(crate) fn named(
    name_or_path: &str,
    built_in: &[(&str, &str)],
    what: &str,
) -> Result<(String, String), String> {
    if let Some((name, text)) = built_in.iter().find(|(name, _)| *name == name_or_path) {
        return Ok(((*name).to_owned(), (*text).to_owned()));
    }
    let path = Path::new(name_or_path);
    let is_bare = path.extension().is_none() && path.components().count() < 2 && !is_stdin(path);
    if is_bare && fs::symlink_metadata(path).is_err() {
        let names: Vec<&str> = built_in.iter().map(|(name, _)| *name).collect();
        let hint = near::hint(name_or_path, names.iter().copied());
        let names = names.join(", ");
        return Err(format!(
            "there is no {what} '{name_or_path}'; {hint}there are {names} (redrill list describes \
             them), or give the path of a {what} file"
        ));
    }
    let label = if is_stdin(path) { "standard input" } else { name_or_path };
    Ok((label.to_owned(), text(path, what)?))
}

/// The text of a file, or, for `-`, of standard input; `what` it is to be is for the message.
///
/// # Errors
/// What is there instead, and what can be given.
pub(crate) fn text(path: &Path, what: &str) -> Result<String, String> {
    let shown = path.display();
    let unread = |error: io::Error| match (error.kind(), fs::read_link(path)) {
        (ErrorKind::NotFound, Ok(to)) => {
            format!(
                "cannot read the {what} '{shown}': it is a link to '{}', which does not exist",
                to.display()
            )
        }
        _ => format!("cannot read the {what} '{shown}': {error}"),
    };
    if is_stdin(path) {
        return whole(io::stdin().lock(), "standard input", what)
            .unwrap_or_else(|e| Err(unread(e)));
    }
    let metadata = fs::metadata(path).map_err(unread)?;
    if metadata.is_dir() {
        return Err(format!("'{shown}' is a directory; give the path of a {what} file"));
    }
    // Opening a pipe that nobody writes to would wait for ever; what the shell hands over is open.
    if !metadata.is_file() && !path.starts_with("/dev/fd") {
        return Err(format!(
            "'{shown}' is no regular file; give the path of a {what} file, or - to read standard \
             input"
        ));
    }
    let read = File::open(path).and_then(|file| whole(file, &format!("'{shown}'"), what));
    read.unwrap_or_else(|error| Err(unread(error)))
}

fn is_stdin(path: &Path) -> bool {
    path == Path::new("-") || path == Path::new("/dev/stdin")
}

fn whole(from: impl Read, shown: &str, what: &str) -> io::Result<Result<String, String>> {
    let mut bytes = Vec::new();
    from.take(LARGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST {
        return Ok(Err(format!("{shown} is larger than {} MiB: no {what} is", LARGEST >> 20)));
    }
    Ok(String::from_utf8(bytes)
        .map_err(|_| format!("{shown} is no {what}: it is not text in UTF-8")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;
    use tempfile::TempDir;

    #[test]
    fn what_is_no_file_is_named_for_what_it_is() {
        let folder = TempDir::new().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("folder")).unwrap();
        symlink("loop", at("loop")).unwrap();
        symlink("nowhere", at("dangling")).unwrap();
        let _listens = UnixListener::bind(at("socket")).unwrap();
        fs::write(at("bytes"), [0xff, 0xfe]).unwrap();
        File::create(at("large")).unwrap().set_len(LARGEST + 1).unwrap();
        for (name, words) in [
            ("folder", "is a directory; give the path of a plan file"),
            ("loop", "symbolic links"),
            ("dangling", "a link to 'nowhere', which does not exist"),
            ("socket", "no regular file"),
            ("bytes", "UTF-8"),
            ("large", "16 MiB"),
            ("absent", "No such file"),
        ] {
            let told = text(&at(name), "plan").unwrap_err();
            assert!(told.contains(words) && told.contains(name), "{told}");
        }
        fs::write(at("plan"), "name = \"x\"").unwrap();
        assert_eq!(text(&at("plan"), "plan").unwrap(), "name = \"x\"");
    }

    #[test]
    fn a_name_comes_before_a_file_and_an_unknown_one_is_told_the_names() {
        let known = [("steady", "text")];
        let named = |name| named(name, &known, "plan");
        assert_eq!(named("steady").unwrap(), ("steady".to_owned(), "text".to_owned()));
        let told = named("no-such-plan").unwrap_err();
        assert!(told.contains("there are steady") && told.contains("redrill list"), "{told}");
        assert!(named("stedy").unwrap_err().contains("did you mean 'steady'? there are"));
        assert!(named("no-such-plan.toml").unwrap_err().contains("No such file"));
    }
}
