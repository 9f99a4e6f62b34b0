//! Indexes of one kind with different settings.

use u2i_index::SearchQuality;

/// Indexes of one kind, by what they differ in.
#[derive(Debug)]
pub(crate) struct Family {
    /// The kind with the settings that all of them share, and the names of those in which they differ.
    pub name: String,
    /// The members by the settings in which they differ: their places among all indexes, and these settings.
    pub members: Vec<(usize, String)>,
    /// True if they differ in one setting, so that they lie on a curve.
    pub is_curve: bool,
}

/// All indexes, each in one family, in the order of the first of each.
pub(crate) fn families(index: &[SearchQuality]) -> Vec<Family> {
    let mut groups: Vec<(&str, Vec<usize>)> = Vec::new();
    for (i, line) in index.iter().enumerate() {
        let (kind, _) = parts(&line.kind);
        match groups.iter_mut().find(|(own, _)| *own == kind) {
            Some((_, members)) => members.push(i),
            None => groups.push((kind, vec![i])),
        }
    }
    groups.into_iter().map(|(kind, members)| family(kind, &members, index)).collect()
}

fn family(kind: &str, members: &[usize], index: &[SearchQuality]) -> Family {
    let settings: Vec<Vec<&str>> = members.iter().map(|&i| parts(&index[i].kind).1).collect();
    let n = settings.iter().map(Vec::len).min().unwrap_or(0);
    // Settings without a common form are told apart as a whole.
    let alike = settings.iter().all(|own| own.len() == n);
    let differs = |at: &usize| settings.iter().any(|own| own[*at] != settings[0][*at]);
    let varied: Vec<usize> = if alike { (0..n).filter(differs).collect() } else { Vec::new() };
    let label = |own: &Vec<&str>| match alike {
        true => varied.iter().map(|&at| value(own[at])).collect::<Vec<_>>().join("/"),
        false => own.join(", "),
    };
    let mut labelled: Vec<(usize, String)> =
        members.iter().copied().zip(settings.iter().map(label)).collect();
    // 16 before 128; what is no number stays where it is.
    labelled.sort_by_key(|(_, label)| {
        label.split('/').map(|value| value.parse().unwrap_or(u64::MAX)).collect::<Vec<_>>()
    });
    let shared: Vec<&str> =
        (0..n).filter(|at| !varied.contains(at) && alike).map(|at| settings[0][at]).collect();
    let shared = if shared.is_empty() { String::new() } else { format!(" {}", shared.join(", ")) };
    let by: Vec<&str> = varied.iter().map(|&at| key(settings[0][at])).collect();
    let by = if by.is_empty() { String::new() } else { format!(", by {}", by.join("/")) };
    Family { name: format!("{kind}{shared}{by}"), members: labelled, is_curve: varied.len() == 1 }
}

/// A kind and its settings: `ivf_ip` and `nlist=64`, `nprobe=8`.
fn parts(kind: &str) -> (&str, Vec<&str>) {
    match kind.split_once('(') {
        Some((kind, settings)) => {
            let settings = settings.trim_end_matches(')').split(',').map(str::trim);
            (kind, settings.filter(|setting| !setting.is_empty()).collect())
        }
        None => (kind, Vec::new()),
    }
}

fn key(setting: &str) -> &str {
    setting.split_once('=').map_or(setting, |(key, _)| key)
}

fn value(setting: &str) -> &str {
    setting.split_once('=').map_or(setting, |(_, value)| value)
}

/// A kind with air between its settings, so that it can be broken into lines.
pub(crate) fn in_words(kind: &str) -> String {
    let (kind, settings) = parts(kind);
    if settings.is_empty() { kind.to_owned() } else { format!("{kind} {}", settings.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(kinds: &[&str]) -> Vec<(String, Vec<String>)> {
        let line = |kind: &&str| SearchQuality {
            kind: (*kind).to_owned(),
            k: 10,
            n_queries: 100,
            recall: 0.9,
            p50_us: 1.0,
            p99_us: 2.0,
        };
        let index: Vec<SearchQuality> = kinds.iter().map(line).collect();
        let labels =
            |family: Family| (family.name, family.members.into_iter().map(|(_, label)| label).collect());
        families(&index).into_iter().map(labels).collect()
    }

    fn family(name: &str, labels: &[&str]) -> (String, Vec<String>) {
        (name.to_owned(), labels.iter().map(|label| (*label).to_owned()).collect())
    }

    #[test]
    fn a_family_is_named_by_what_its_members_share_and_they_by_what_they_do_not() {
        let curve = ["flat_ip", "ivf_ip(nlist=62,nprobe=16)", "ivf_ip(nlist=62,nprobe=2)"];
        assert_eq!(
            named(&curve),
            [family("flat_ip", &[""]), family("ivf_ip nlist=62, by nprobe", &["2", "16"])]
        );
        let two = ["ivf_ip(nlist=62,nprobe=2)", "ivf_ip(nlist=8,nprobe=16)"];
        assert_eq!(named(&two), [family("ivf_ip, by nlist/nprobe", &["8/16", "62/2"])]);
        assert_eq!(named(&["ivf_ip(nlist=62,nprobe=2)"]), [family("ivf_ip nlist=62, nprobe=2", &[""])]);
    }

    #[test]
    fn settings_of_other_forms_are_names_as_they_are() {
        assert_eq!(named(&["x(a=1)", "x(a=1,b=2)", "x"]), [family("x", &["a=1", "a=1, b=2", ""])]);
        assert_eq!(named(&["x(", "y()", ""]), [family("x", &[""]), family("y", &[""]), family("", &[""])]);
        assert_eq!(in_words("ivf_ip(nlist=62,nprobe=2)"), "ivf_ip nlist=62, nprobe=2");
    }
}
