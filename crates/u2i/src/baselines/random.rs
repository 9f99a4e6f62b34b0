use u2i_random::{Purpose, Stream};
use u2i_schema::TrainEvents;

use super::asked::{Asked, UserRanks};
use super::baseline::Baseline;
use super::popularity::{PopularityOrder, first_unseen};
use super::scratch::Scratch;
use super::standing::{Standing, target_ranks};

/// A random order of the items with training events for each user, keyed by seed and user; the others come last, as
/// ties.
///
/// An order is never written down: each item's place in it is computed on its own, and each place's item, by the
/// swap-or-not shuffle of Hoang, Morris and Rogaway, "An Enciphering Scheme Based on a Card Shuffle", CRYPTO 2012. So a
/// user costs what is asked, however many items there are. One order for all users would be cheaper still, but then an
/// item that is the target of many is hit for all of them or for none.
#[derive(Debug, Clone)]
pub struct Random {
    order: PopularityOrder,
    /// `[items + 1]`: where an item stands in the order of popularity.
    numbers: Vec<u32>,
    seed: u64,
}

impl Random {
    /// A baseline over `n_items` items.
    ///
    /// # Panics
    ///
    /// If an event's item is above `n_items`.
    pub fn new(train: &TrainEvents, n_items: usize, seed: u64) -> Self {
        let order = PopularityOrder::new(train, n_items);
        let mut numbers = vec![0; n_items + 1];
        for (number, &item) in (0..).zip(order.items()) {
            numbers[item as usize] = number;
        }
        Random { order, numbers, seed }
    }

    fn shuffle(&self, user: u32) -> SwapOrNot {
        let stream = Stream::new(self.seed, Purpose::BASELINE, 0, u64::from(user));
        SwapOrNot::new(self.order.n_trained() as u64, stream)
    }

    /// The items with training events get `n_trained` for the first place down to 1, the others 0.
    fn points(&self, shuffle: &SwapOrNot, item: u32) -> u32 {
        match self.order.counts()[item as usize] {
            0 => 0,
            _ => self.order.n_trained() as u32 - shuffle.place(self.numbers[item as usize].into()) as u32,
        }
    }
}

impl Baseline for Random {
    fn popularity(&self) -> &[u32] {
        self.order.counts()
    }

    fn score(&self, user: u32, _: &[u32], scores: &mut [f64]) {
        assert_eq!(scores.len(), self.popularity().len(), "one score per item, and one for padding");
        let shuffle = self.shuffle(user);
        for (score, item) in scores.iter_mut().zip(0..) {
            *score = self.points(&shuffle, item).into();
        }
    }

    fn rank_user(&self, asked: &Asked<'_>, scratch: &mut Scratch) -> UserRanks {
        let Random { order, numbers, .. } = self;
        let (len, seen) = (numbers.len(), &mut scratch.seen);
        let (n_trained, n_others) = (order.n_trained(), order.items().len() - order.n_trained());
        seen.take(asked.history, len);
        let shuffle = self.shuffle(asked.user);
        let standing = |&points: &u32| match points {
            0 => Standing { above: n_trained, tied: n_others },
            _ => Standing { above: n_trained - points as usize, tied: 1 },
        };
        let standings = |keys: &[u32]| keys.iter().map(standing).collect();
        let ranks = target_ranks(asked, seen, len, |item| self.points(&shuffle, item), standings);
        let trained = (0..n_trained).map(|place| order.items()[shuffle.number(place as u64) as usize]);
        let others = order.items()[n_trained..].iter().copied();
        UserRanks { ranks, top: first_unseen(trained.chain(others), seen, asked.k) }
    }
}

/// A pseudorandom permutation of `0..n` for any `n`, one number at a time: the swap-or-not shuffle.
///
/// Each round pairs all numbers by a drawn sum, and swaps each pair or not by a bit of the pair. After a round in which a
/// number was swapped its place is uniform, so that what is left of its first place is 2⁻³² after 32 rounds. Pairs of
/// numbers go as fast but for those rounds that swap both or neither. The bits are a hash, not a cipher: nobody here has
/// an interest in foreseeing them.
#[derive(Debug)]
struct SwapOrNot {
    n: u64,
    rounds: [Round; 32],
}

#[derive(Debug, Clone, Copy)]
struct Round {
    /// What the numbers of a pair add up to, modulo `n`.
    sum: u64,
    key: u64,
}

impl SwapOrNot {
    fn new(n: u64, mut stream: Stream) -> Self {
        let round = |_| Round { sum: if n > 0 { stream.below(n) } else { 0 }, key: stream.next_u64() };
        SwapOrNot { n, rounds: std::array::from_fn(round) }
    }

    /// Where a number stands.
    fn place(&self, number: u64) -> u64 {
        self.rounds.iter().fold(number, |at, round| round.swapped(at, self.n))
    }

    /// Which number stands at a place.
    fn number(&self, place: u64) -> u64 {
        self.rounds.iter().rev().fold(place, |at, round| round.swapped(at, self.n))
    }
}

impl Round {
    /// Its own inverse.
    fn swapped(self, at: u64, n: u64) -> u64 {
        let partner = if at <= self.sum { self.sum - at } else { self.sum + n - at };
        if mix(self.key ^ at.max(partner)) >> 63 == 1 { partner } else { at }
    }
}

/// The output function of SplitMix64: Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA
/// 2014.
fn mix(bits: u64) -> u64 {
    let bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_key(n: u64, key: u64) -> SwapOrNot {
        SwapOrNot::new(n, Stream::new(1, Purpose::BASELINE, 1, key))
    }

    #[test]
    fn every_number_has_a_place_and_is_found_there() {
        for n in (1..=70).chain([1_000, 4_096]) {
            let shuffle = of_key(n, n);
            let mut places: Vec<u64> = (0..n).map(|number| shuffle.place(number)).collect();
            assert!((0..n).zip(&places).all(|(number, &place)| shuffle.number(place) == number), "{n}");
            places.sort_unstable();
            assert!(places.iter().copied().eq(0..n), "{n}");
        }
    }

    /// χ² over the cells that `cell` puts the permutations of so many keys in.
    fn chi_square(n: u64, keys: u64, cells: usize, cell: impl Fn(&SwapOrNot) -> u64) -> f64 {
        let mut counts = vec![0.0; cells];
        for key in 0..keys {
            counts[cell(&of_key(n, key)) as usize] += 1.0;
        }
        let expected = keys as f64 / cells as f64;
        counts.iter().map(|count: &f64| (count - expected).powi(2) / expected).sum()
    }

    /// Bounds are 99.9 % of χ² with one degree of freedom less than there are cells.
    #[test]
    fn orders_pairs_and_places_are_uniform() {
        // All 24 orders of four, by the place of each among those after it.
        let order = |shuffle: &SwapOrNot| {
            let places = [0, 1, 2, 3].map(|number| shuffle.place(number));
            let before = |i: usize| places[i + 1..].iter().filter(|&&place| place < places[i]).count();
            (0..4).fold(0, |index, i| index * (4 - i as u64) + before(i) as u64)
        };
        let chi2 = chi_square(4, 24_000, 24, order);
        assert!(chi2 < 49.7, "orders of 4: {chi2}");
        // The places of two of seven: 42 pairs.
        for (a, b) in [(0, 1), (2, 6), (3, 4)] {
            let pair = |shuffle: &SwapOrNot| {
                let (a, b) = (shuffle.place(a), shuffle.place(b));
                a * 6 + b - u64::from(b > a)
            };
            let chi2 = chi_square(7, 21_000, 42, pair);
            assert!(chi2 < 74.7, "places of {a} and {b} of 7: {chi2}");
        }
        // Each place of a hundred.
        for number in [0, 50, 99] {
            let chi2 = chi_square(100, 20_000, 100, |shuffle| shuffle.place(number));
            assert!(chi2 < 148.2, "place of {number} of 100: {chi2}");
        }
    }
}
