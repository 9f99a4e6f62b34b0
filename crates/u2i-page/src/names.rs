//! Names of points.

use crate::ink::Ink;
use crate::text;

/// What a point is called.
#[derive(Debug, Clone)]
pub(crate) struct Name {
    /// The point, in the coordinates of the data.
    pub point: [f64; 2],
    pub lines: Vec<String>,
    pub ink: Ink,
}

/// Points nearer to each other than this cannot be told apart.
const SAME: f64 = 3.0;
/// Markers nearer to each other than this lie on each other.
const TOUCHING: f64 = 9.0;
/// Several names or numbers in one line are not wider than this.
const JOINED: f64 = 70.0;
/// Height of the text of a name.
pub(crate) const SIZE: f64 = 11.0;

/// One name, `16, 32`, for points of one colour in one place, where it is short.
///
/// `at` says where a point lies in the picture.
pub(crate) fn joined(names: &[Name], at: impl Fn([f64; 2]) -> [f64; 2]) -> Vec<Name> {
    let groups = groups(names, &at, |a, b, distance| a.ink == b.ink && distance < SAME);
    let of = |group: Vec<usize>| {
        let mut all: Vec<String> = group.iter().map(|&i| names[i].lines.join(" ")).collect();
        // 16 before 128; what is no number stays where it is.
        all.sort_by_key(|text| text.parse().unwrap_or(u64::MAX));
        let text = all.join(", ");
        match group.len() > 1 && text::width(&text, SIZE) <= JOINED {
            true => vec![Name { lines: vec![text], ..names[group[0]].clone() }],
            false => group.iter().map(|&i| names[i].clone()).collect(),
        }
    };
    groups.into_iter().flat_map(of).collect()
}

/// Numbers from 1 in place of names, in their order; one text, `1–3, 7`, for points whose markers lie on each other.
pub(crate) fn numbered(names: &[Name], at: impl Fn([f64; 2]) -> [f64; 2]) -> Vec<Name> {
    let groups = groups(names, &at, |_, _, distance| distance < TOUCHING);
    let of = |group: Vec<usize>| {
        let ink = if group.iter().all(|&i| names[i].ink == names[group[0]].ink) {
            names[group[0]].ink
        } else {
            Ink::Text
        };
        Name { point: names[group[0]].point, lines: text::wrapped(&ranges(&group), SIZE, JOINED), ink }
    };
    groups.into_iter().map(of).collect()
}

/// Names that belong together, each with the first of its group that it belongs to.
fn groups(
    names: &[Name],
    at: &impl Fn([f64; 2]) -> [f64; 2],
    together: impl Fn(&Name, &Name, f64) -> bool,
) -> Vec<Vec<usize>> {
    let places: Vec<[f64; 2]> = names.iter().map(|name| at(name.point)).collect();
    let distance = |i: usize, j: usize| (places[i][0] - places[j][0]).hypot(places[i][1] - places[j][1]);
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for i in 0..names.len() {
        let own =
            groups.iter_mut().find(|group| together(&names[group[0]], &names[i], distance(group[0], i)));
        match own {
            Some(group) => group.push(i),
            None => groups.push(vec![i]),
        }
    }
    groups
}

/// Numbers from 1 for ascending places from 0, those that follow each other as one.
fn ranges(places: &[usize]) -> String {
    let mut parts: Vec<[usize; 2]> = Vec::new();
    for &place in places {
        match parts.last_mut() {
            Some([_, last]) if *last + 1 == place => *last = place,
            _ => parts.push([place, place]),
        }
    }
    let words = parts.into_iter().map(|[first, last]| match last - first {
        0 => format!("{}", first + 1),
        1 => format!("{}, {}", first + 1, last + 1),
        _ => format!("{}–{}", first + 1, last + 1),
    });
    words.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(points: &[([f64; 2], &str, Ink)]) -> Vec<Name> {
        points.iter().map(|&(point, text, ink)| Name { point, lines: vec![text.to_owned()], ink }).collect()
    }

    fn texts(names: &[Name]) -> Vec<String> {
        names.iter().map(|name| name.lines.join(" ")).collect()
    }

    #[test]
    fn points_in_one_place_share_a_name() {
        let all = [
            ([10.0, 10.0], "128", Ink::Model),
            ([11.0, 10.0], "16", Ink::Model),
            ([11.0, 11.0], "flat", Ink::Random),
            ([50.0, 10.0], "64", Ink::Model),
        ];
        assert_eq!(texts(&joined(&names(&all), |point| point)), ["16, 128", "flat", "64"]);
        assert_eq!(texts(&numbered(&names(&all), |point| point)), ["1–3", "4"]);
    }

    #[test]
    fn long_names_are_not_joined() {
        let all = ["an_index_of_a_company", "another_index"].map(|name| ([10.0, 10.0], name, Ink::Model));
        assert_eq!(texts(&joined(&names(&all), |point| point)), ["an_index_of_a_company", "another_index"]);
        assert_eq!(texts(&numbered(&names(&all), |point| point)), ["1, 2"]);
    }

    #[test]
    fn numbers_that_follow_each_other_are_a_range() {
        assert_eq!(ranges(&[0]), "1");
        assert_eq!(ranges(&[0, 1, 3, 4, 5, 9]), "1, 2, 4–6, 10");
    }
}
