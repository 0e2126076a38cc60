//! What somebody meant who wrote a name that there is not.

/// `did you mean 'kill'? `, where one of the names that there are is so near that it was meant;
/// nothing else.
pub(crate) fn hint<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    match nearest(name, known) {
        Some(meant) => format!("did you mean '{meant}'? "),
        None => String::new(),
    }
}

/// The name that takes the fewest slips to get to: one in three characters, at most.
fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let slips = name.chars().count() / 3;
    let slipped = |known: &'a str| (strsim::osa_distance(name, known), known);
    let near = known.into_iter().filter(|known| is_other(name, known)).map(slipped);
    near.filter(|(slip, _)| *slip <= slips).min_by_key(|(slip, _)| *slip).map(|(_, known)| known)
}

/// Whether more than a number tells them apart: who writes `node[9]` of three meant no other.
fn is_other(name: &str, known: &str) -> bool {
    let letters = |text: &str| text.chars().filter(|c| !c.is_ascii_digit()).collect::<String>();
    letters(name) != letters(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_meant_and_none_where_nothing_is_near() {
        let known =
            ["kill", "stop", "pause", "api-slow", "slow-commands", "node[0]", "main.master"];
        for (name, meant) in [
            ("kil", Some("kill")),
            ("klil", Some("kill")),
            ("puase", Some("pause")),
            ("api_slow", Some("api-slow")),
            ("main.mastre", Some("main.master")),
            ("nod[0]", Some("node[0]")),
            ("Kill", Some("kill")),
            ("node[9]", None),
            ("explode", None),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(nearest(name, known), meant, "{name}");
        }
        assert_eq!(hint("kil", known), "did you mean 'kill'? ");
        assert_eq!(hint("explode", known), "");
    }
}
