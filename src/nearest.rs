//! The known word that was probably meant by an unknown one: for keys, tables, commands and options alike. Pure.

/// The candidate nearest to `word`: one is the beginning of the other, or at most a third of the candidate's
/// letters differ (optimal string alignment distance). Case does not count, and `-` is the same as `_`. None where
/// no candidate is that near.
pub(crate) fn nearest<'c>(
    word: &str,
    candidates: impl Iterator<Item = &'c str>,
) -> Option<&'c str> {
    let normal = |word: &str| word.to_ascii_lowercase().replace('-', "_");
    let word = normal(word);
    let distance = |candidate: &str| {
        let candidate = normal(candidate);
        let is_start = candidate.starts_with(&word) || word.starts_with(&candidate);
        if is_start && word.len() > 1 {
            0
        } else {
            strsim::osa_distance(&word, &candidate)
        }
    };
    let (distance, candidate) = candidates
        .map(|candidate| (distance(candidate), candidate))
        .min_by_key(|(distance, _)| *distance)?;
    (distance <= candidate.len().max(3) / 3).then_some(candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_near_by_its_beginning_or_by_most_of_its_letters() {
        let known = ["check_interval", "dry-run", "scan", "status"];
        for (word, near) in [
            ("interval", None),
            ("check_intervall", Some("check_interval")),
            ("Check-Interval", Some("check_interval")),
            ("dryrun", Some("dry-run")),
            ("sca", Some("scan")),
            ("st", Some("status")),
            ("scna", Some("scan")),
            ("xyz", None),
        ] {
            assert_eq!(nearest(word, known.into_iter()), near, "{word}");
        }
    }
}
