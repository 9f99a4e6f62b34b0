//! What lists of both sides foretell of the last events of users: one way of scoring for all of them.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

/// Shares of users whose last item is among the best of their lists.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hits {
    pub ours: f64,
    pub peer: f64,
    /// Half the width of the 95 % interval of the difference, over users.
    pub half_width: f64,
}

/// How much of a list counts.
const BEST: usize = 10;

impl Hits {
    /// From the file of last events, whose second column is the item, and the lists of both sides, a line for each of its
    /// users.
    ///
    /// # Errors
    ///
    /// If a file cannot be read, or the lists are not as many as the users.
    pub fn read(last: &Path, ours: &Path, peer: &Path) -> Result<Self> {
        let read =
            |path: &Path| fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()));
        Hits::of(&read(last)?, [&read(ours)?, &read(peer)?])
    }

    /// Whether ours foretells as much, but for what chance explains.
    pub fn ours_is_as_good(self) -> bool {
        self.ours >= self.peer - self.half_width
    }

    fn of(last: &str, sides: [&str; 2]) -> Result<Self> {
        let items: Vec<&str> =
            last.lines().skip(1).filter_map(|line| Some(line.split_once(',')?.1)).collect();
        ensure!(!items.is_empty(), "there are no last events");
        let hits = |lists: &str| -> Result<Vec<f64>> {
            let lists: Vec<&str> = lists.lines().collect();
            ensure!(lists.len() == items.len(), "{} lists for {} users", lists.len(), items.len());
            let is_hit = |(list, item): (&&str, &&str)| list.split(',').take(BEST).any(|own| own == *item);
            Ok(lists.iter().zip(&items).map(|pair| f64::from(u8::from(is_hit(pair)))).collect())
        };
        let [ours, peer] = sides.map(hits);
        let (ours, peer) = (ours?, peer?);
        let n = items.len() as f64;
        let mean = |values: &[f64]| values.iter().sum::<f64>() / n;
        let difference: Vec<f64> = ours.iter().zip(&peer).map(|(own, other)| own - other).collect();
        let center = mean(&difference);
        let variance = difference.iter().map(|own| (own - center).powi(2)).sum::<f64>() / n;
        Ok(Hits { ours: mean(&ours), peer: mean(&peer), half_width: 1.96 * (variance / n).sqrt() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAST: &str = "user,item\na,7\nb,8\nc,9\nd,7\n";

    #[test]
    fn the_first_ten_of_a_list_count_and_no_part_of_an_id() {
        // The item of b is the eleventh, that of c a part of another id, and d has no list.
        let ours = "7,1\n0,1,2,3,4,5,6,7,9,10,8\n99\n\n";
        let peer = "1,7\n0,1,2,3,4,5,6,7,9,8,10\n1,9\n7\n";
        let hits = Hits::of(LAST, [ours, peer]).unwrap();
        assert_eq!((hits.ours, hits.peer), (0.25, 1.0));
        // Differences 0, -1, -1, -1: their variance is 3/16, and 1.96 √(3/64) = 0.424.
        assert!((hits.half_width - 0.4244).abs() < 1e-4, "{hits:?}");
        assert!(!hits.ours_is_as_good());
        assert!(Hits { ours: 0.6, peer: 1.0, half_width: 0.42 }.ours_is_as_good());
    }

    #[test]
    fn lists_that_are_not_those_of_the_users_are_refused() {
        let error = Hits::of(LAST, ["7\n", "7\n"]).unwrap_err().to_string();
        assert!(error.contains("1 lists for 4 users"), "{error}");
    }
}
