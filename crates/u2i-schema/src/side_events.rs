/// Events of another kind than those that are recommended, such as searches: each user's in their order, as rows of a
/// vocabulary of their own.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SideEvents {
    /// `[users + 1]`, ascending from 0: where each user's begin.
    pub offsets: Vec<u64>,
    /// Table rows.
    pub rows: Vec<u32>,
    /// Unix times in seconds; they need not ascend.
    pub times_s: Vec<i64>,
}

impl SideEvents {
    /// The newest `length` of a user's strictly before a moment, or of all where that is not given, oldest first.
    ///
    /// # Panics
    ///
    /// If there is no such user.
    pub fn before(&self, user: usize, at_s: Option<i64>, length: usize) -> Vec<u32> {
        let own = self.offsets[user] as usize..self.offsets[user + 1] as usize;
        let is_before = |time_s: i64| at_s.is_none_or(|at_s| time_s < at_s);
        let all = self.rows[own.clone()].iter().zip(&self.times_s[own]);
        let newest_first = all.rev().filter(|&(_, &time_s)| is_before(time_s)).map(|(&row, _)| row);
        let mut seen: Vec<u32> = newest_first.take(length).collect();
        seen.reverse();
        seen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happened_before_the_moment_is_seen_and_the_newest_of_it() {
        let side = SideEvents { offsets: vec![0, 0, 3], rows: vec![5, 6, 7], times_s: vec![10, 20, 20] };
        assert!(side.before(0, None, 2).is_empty());
        for (at_s, length, wanted) in
            [(None, 2, &[6, 7][..]), (Some(21), 9, &[5, 6, 7]), (Some(20), 9, &[5]), (Some(10), 9, &[])]
        {
            assert_eq!(side.before(1, at_s, length), wanted, "{at_s:?}");
        }
        // In an order of their own, such as that of a file.
        let side = SideEvents { times_s: vec![20, 10, 30], ..side };
        assert_eq!(side.before(1, Some(20), 9), [6]);
        assert_eq!(side.before(1, Some(30), 1), [6]);
    }
}
