//! A small data set from a seed, with the structure that recall models are meant to find.

mod tables;

use serde::{Deserialize, Serialize};
use u2i_features::RawData;
use u2i_random::{Purpose, Stream};

use tables::tables;

/// How large a synthetic data set is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SyntheticConfig {
    /// Users, cold ones included.
    pub users: u32,
    /// Items, cold ones included.
    pub items: u32,
    /// Mean number of events of a user that is not cold. A user never has more than half of the items.
    pub events_per_user: u32,
    /// Users with only one or two events.
    pub cold_users: u32,
    /// Items that nobody meets before the newest users' last events.
    pub cold_items: u32,
}

impl SyntheticConfig {
    /// About 50,000 events: three models train on it in well under a minute.
    pub const STANDARD: SyntheticConfig =
        SyntheticConfig { users: 2_000, items: 600, events_per_user: 25, cold_users: 40, cold_items: 6 };
}

/// 2000-01-01, 00:00:00 UTC.
const FIRST_S: i64 = 946_684_800;
const DAY_S: f64 = 86_400.0;
/// Users arrive during one year and stay for at most another.
const YEAR_S: f64 = 365.0 * DAY_S;

const GENRES: [&str; 12] = [
    "Action",
    "Adventure",
    "Animation",
    "Comedy",
    "Crime",
    "Drama",
    "Fantasy",
    "Horror",
    "Mystery",
    "Romance",
    "Sci-Fi",
    "Western",
];
/// The age codes of MovieLens 1M; the last three are the older half.
const AGES: [u8; 6] = [18, 25, 35, 45, 50, 56];

/// Smallest number of events of a user that is not cold.
const MIN_EVENTS: u32 = 5;
/// Items that tend to come next, and how often each does when one of them does.
const SUCCESSORS: [f64; 4] = [0.4, 0.3, 0.2, 0.1];
/// How often the next item continues one of the two newest, and how often the newest of them.
const CONTINUES: f64 = 0.5;
const CONTINUES_NEWEST: f64 = 0.7;
/// How often it is of the user's present favourite genre. What is left follows popularity alone.
const FOLLOWS_TASTE: f64 = 0.35;
/// How often the favourite genre changes after an event.
const DRIFT: f64 = 0.05;
/// How often an item of the other kind is passed over: the planted interaction.
const PASSES_OVER: f64 = 0.6;
/// How often an event has the time stamp of the one before, and how often it is only minutes later.
const SAME_SECOND: f64 = 0.1;
const SAME_SESSION: f64 = 0.6;

/// Events, users and items drawn from `seed`; equal seeds give equal data.
///
/// What there is to find:
///
/// - popularity falls with its rank as in Zipf's law;
/// - a user has a favourite genre, which changes now and then;
/// - each item has four items that tend to come next, so the order of events matters;
/// - an interaction that is not linear: women from 45 on and men under 45 pass over half of the genres, all
///   others over the other half. Neither gender nor age alone tells which;
/// - nobody meets an item twice, and ties in time occur;
/// - cold users and cold items, as [`SyntheticConfig`] says.
///
/// Attributes are named as those of MovieLens: `gender`, `age`, `occupation`, `zip` and `zip3`; `title`,
/// `genres`, `first_genre`, `year` and `year5`. Events are in the order of their times.
///
/// ```
/// use u2i_datasets::{SyntheticConfig, synthetic};
/// let small = SyntheticConfig { users: 100, items: 50, ..SyntheticConfig::STANDARD };
/// let raw = synthetic(7, &small);
/// assert_eq!(raw.user_ids.len(), 100);
/// assert_eq!(raw.hash, synthetic(7, &small).hash);
/// assert_ne!(raw.hash, synthetic(8, &small).hash);
/// ```
pub fn synthetic(seed: u64, config: &SyntheticConfig) -> RawData {
    let world = World::new(seed, config);
    let people: Vec<Person> = (0..config.users).map(|user| Person::new(seed, user, config, &world)).collect();
    let mut rows: Vec<Row> = Vec::new();
    for (user, person) in (0..).zip(&people) {
        rows.extend(person.events.iter().map(|&(time_s, item)| Row { time_s, user, item }));
    }
    // Stable, so that events of one user in one second stay in the order in which they happened.
    rows.sort_by_key(|row| (row.time_s, row.user));
    world.introduce_cold_items(&mut rows, &people);
    tables(config, &world, &people, &rows)
}

struct Row {
    time_s: i64,
    user: u32,
    item: u32,
}

/// Items to draw from, with cumulative weights.
#[derive(Default)]
struct Weighted {
    items: Vec<u32>,
    cumulative: Vec<f64>,
}

impl Weighted {
    fn push(&mut self, item: u32, weight: f64) {
        self.items.push(item);
        self.cumulative.push(weight + self.cumulative.last().copied().unwrap_or_default());
    }

    fn draw(&self, stream: &mut Stream) -> Option<u32> {
        let drawn = stream.unit() * self.cumulative.last()?;
        let place = self.cumulative.partition_point(|&sum| sum <= drawn);
        Some(self.items[place.min(self.items.len() - 1)])
    }
}

/// The items and what is hidden in them. Those from `n_warm` on are cold.
struct World {
    n_warm: u32,
    /// `[items]` genres by index, the first one first.
    genres: Vec<Vec<usize>>,
    years: Vec<u32>,
    popular: Weighted,
    popular_in: Vec<Weighted>,
    successors: Vec<[u32; SUCCESSORS.len()]>,
}

impl World {
    fn new(seed: u64, config: &SyntheticConfig) -> Self {
        let mut stream = Stream::new(seed, Purpose::SYNTHETIC, 0, 0);
        let n_warm = config.items.saturating_sub(config.cold_items);
        let genres: Vec<Vec<usize>> = (0..config.items)
            .map(|_| {
                let first = stream.index(GENRES.len());
                let mut genres = vec![first];
                // A second genre is of the same kind as the first, so it does not blur the interaction.
                let second = (first + 2 * stream.index(GENRES.len() / 2)) % GENRES.len();
                if second != first {
                    genres.push(second);
                }
                genres
            })
            .collect();
        let years = (0..config.items).map(|_| 1960 + stream.below(40) as u32).collect();
        let mut by_rank: Vec<u32> = (0..n_warm).collect();
        stream.shuffle(&mut by_rank);
        let mut popular = Weighted::default();
        let mut popular_in: Vec<Weighted> = GENRES.iter().map(|_| Weighted::default()).collect();
        for (rank, &item) in by_rank.iter().enumerate() {
            // Flattened at the top: no item is met by nearly everyone.
            let weight = (rank as f64 + 10.0).powf(-0.9);
            popular.push(item, weight);
            popular_in[genres[item as usize][0]].push(item, weight);
        }
        let successors = (0..n_warm)
            .map(|item| {
                let same_genre = &popular_in[genres[item as usize][0]].items;
                std::array::from_fn(|_| same_genre[stream.index(same_genre.len())])
            })
            .collect();
        World { n_warm, genres, years, popular, popular_in, successors }
    }

    /// Whether an item is of the kind that a group of users prefers: the parity of its first genre.
    fn is_odd(&self, item: u32) -> bool {
        self.genres[item as usize][0] % 2 == 1
    }

    /// Puts a cold item in the place of the last event of the users who were last to come, three for each.
    fn introduce_cold_items(&self, rows: &mut [Row], people: &[Person]) {
        let mut is_last = vec![true; people.len()];
        let cold = self.n_warm..self.genres.len() as u32;
        let mut places = cold.flat_map(|item| [item; 3]);
        for row in rows.iter_mut().rev() {
            let enough = people[row.user as usize].events.len() >= MIN_EVENTS as usize;
            if std::mem::take(&mut is_last[row.user as usize]) && enough {
                let Some(item) = places.next() else { return };
                row.item = item;
            }
        }
    }
}

struct Person {
    is_woman: bool,
    age: usize,
    occupation: u64,
    zip: u64,
    /// Times in seconds and items, in the order in which they happened.
    events: Vec<(i64, u32)>,
}

impl Person {
    fn new(seed: u64, user: u32, config: &SyntheticConfig, world: &World) -> Self {
        let mut stream = Stream::new(seed, Purpose::SYNTHETIC, 1, u64::from(user));
        let is_woman = stream.below(2) == 0;
        let age = stream.index(AGES.len());
        let occupation = stream.below(21);
        let zip = 1_000 + stream.below(99_000);
        // Cold users are spread over all of them.
        let is_cold = u64::from(user) * u64::from(config.cold_users) % u64::from(config.users)
            < u64::from(config.cold_users);
        let n_events = if is_cold {
            1 + stream.below(2) as u32
        } else {
            let above = f64::from(config.events_per_user.saturating_sub(MIN_EVENTS));
            MIN_EVENTS + (-above * (1.0 - stream.unit()).ln()).round() as u32
        };
        let mut person = Person { is_woman, age, occupation, zip, events: Vec::new() };
        let items = person.items(n_events.min(world.n_warm.div_ceil(2)), world, &mut stream);
        let times_s = times_s(items.len(), &mut stream);
        person.events = times_s.into_iter().zip(items).collect();
        person
    }

    /// Whether the user is in the half that passes over genres of even index.
    fn prefers_odd(&self) -> bool {
        self.is_woman != (self.age < AGES.len() / 2)
    }

    /// `n` items in the order in which the user meets them.
    fn items(&self, n: u32, world: &World, stream: &mut Stream) -> Vec<u32> {
        let mut favourite = stream.index(GENRES.len());
        let mut seen = vec![false; world.n_warm as usize];
        let mut items: Vec<u32> = Vec::with_capacity(n as usize);
        while items.len() < n as usize {
            let Some(item) = next(&items, favourite, world, stream) else { break };
            if seen[item as usize]
                || (world.is_odd(item) != self.prefers_odd() && stream.unit() < PASSES_OVER)
            {
                continue;
            }
            seen[item as usize] = true;
            items.push(item);
            if stream.unit() < DRIFT {
                favourite = stream.index(GENRES.len());
            }
        }
        items
    }
}

/// A candidate for the item after `items`; `None` if there are no items. Any item can be drawn by its
/// popularity, so whoever passes over some finds another in the end.
fn next(items: &[u32], favourite: usize, world: &World, stream: &mut Stream) -> Option<u32> {
    let way = stream.unit();
    if way < CONTINUES && !items.is_empty() {
        let back = if stream.unit() < CONTINUES_NEWEST { 1 } else { 2.min(items.len()) };
        let mut left = stream.unit();
        let which = SUCCESSORS.iter().position(|&share| {
            left -= share;
            left < 0.0
        });
        return Some(world.successors[items[items.len() - back] as usize][which.unwrap_or_default()]);
    }
    if way < CONTINUES + FOLLOWS_TASTE
        && let Some(item) = world.popular_in[favourite].draw(stream)
    {
        return Some(item);
    }
    world.popular.draw(stream)
}

/// `n` ascending times: sessions of events that are seconds or minutes apart, days between them.
fn times_s(n: usize, stream: &mut Stream) -> Vec<i64> {
    let first = stream.uniform(0.0, YEAR_S);
    let mut after = 0.0;
    let mut times: Vec<f64> = Vec::with_capacity(n);
    for i in 0..n {
        let way = stream.unit();
        let gap = if way < SAME_SECOND {
            0.0
        } else if way < SAME_SECOND + SAME_SESSION {
            stream.uniform(1.0, 600.0)
        } else {
            stream.uniform(1.0, 14.0) * DAY_S
        };
        after += if i == 0 { 0.0 } else { gap };
        times.push(after);
    }
    let scale = if after > YEAR_S { YEAR_S / after } else { 1.0 };
    times.into_iter().map(|after| FIRST_S + (first + after * scale) as i64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use u2i_features::{RawColumn, RawValues};

    fn standard() -> RawData {
        synthetic(1, &SyntheticConfig::STANDARD)
    }

    /// `(time, item)` of each user, oldest first; events of one second stay in file order.
    fn by_user(raw: &RawData) -> Vec<Vec<(i64, u32)>> {
        let mut users = vec![Vec::new(); raw.user_ids.len()];
        for (i, &user) in raw.events.user.iter().enumerate() {
            users[user as usize].push((raw.events.time_s[i], raw.events.item[i]));
        }
        users.iter_mut().for_each(|own| own.sort_by_key(|&(time_s, _)| time_s));
        users
    }

    fn texts<'a>(columns: &'a [RawColumn], name: &str) -> Vec<&'a str> {
        let column = columns.iter().find(|column| column.name == name).unwrap();
        let RawValues::Text(values) = &column.values else { panic!("{name} is not text") };
        values.iter().map(|value| value.as_deref().unwrap()).collect()
    }

    fn is_odd(genre: &str) -> bool {
        GENRES.iter().position(|&known| known == genre).unwrap() % 2 == 1
    }

    #[test]
    fn gender_and_age_tell_the_kind_of_genre_only_together() {
        let raw = standard();
        let odd: Vec<bool> = texts(&raw.items, "first_genre").into_iter().map(is_odd).collect();
        let woman: Vec<bool> = texts(&raw.users, "gender").into_iter().map(|gender| gender == "F").collect();
        let RawValues::Number(ages) = &raw.users[1].values else { panic!("age is not a number") };
        let older: Vec<bool> = ages.iter().map(|&age| age >= 45.0).collect();
        // Share of odd genres among the events of the users for whom `group` holds.
        let share = |group: &dyn Fn(usize) -> bool| {
            let events =
                raw.events.user.iter().zip(&raw.events.item).filter(|(user, _)| group(**user as usize));
            let (n, n_odd) = events.fold((0.0, 0.0), |(n, n_odd), (_, &item)| {
                (n + 1.0, n_odd + f64::from(u8::from(odd[item as usize])))
            });
            n_odd / n
        };
        let by_gender = share(&|user| woman[user]) - share(&|user| !woman[user]);
        let by_age = share(&|user| older[user]) - share(&|user| !older[user]);
        let by_both = share(&|user| woman[user] == older[user]) - share(&|user| woman[user] != older[user]);
        let found = format!("gender {by_gender:.3}, age {by_age:.3}, both {by_both:.3}");
        assert!(by_gender.abs() < 0.05 && by_age.abs() < 0.05 && by_both > 0.25, "{found}");
    }

    #[test]
    fn tastes_last_for_a_while_and_drift() {
        let raw = standard();
        let genres = texts(&raw.items, "first_genre");
        let same_at = |gap: usize| {
            let users = by_user(&raw);
            let pairs = users.iter().flat_map(|own| own.iter().zip(own.iter().skip(gap)));
            let same: Vec<bool> = pairs.map(|(a, b)| genres[a.1 as usize] == genres[b.1 as usize]).collect();
            same.iter().filter(|&&same| same).count() as f64 / same.len() as f64
        };
        let (near, far) = (same_at(3), same_at(30));
        assert!(near > 1.2 * far, "{near} {far}");
    }

    #[test]
    fn popularity_falls_as_in_zipfs_law() {
        let raw = standard();
        let mut counts = vec![0; raw.item_ids.len()];
        raw.events.item.iter().for_each(|&item| counts[item as usize] += 1);
        counts.sort_unstable_by(|a, b| b.cmp(a));
        let top: u32 = counts[..counts.len() / 10].iter().sum();
        let share = f64::from(top) / raw.n_events() as f64;
        assert!((0.2..0.5).contains(&share), "{share}");
    }

    #[test]
    fn nobody_meets_an_item_twice_and_times_tie() {
        let raw = standard();
        let mut ties = 0;
        for own in by_user(&raw) {
            let mut items: Vec<u32> = own.iter().map(|&(_, item)| item).collect();
            items.sort_unstable();
            assert!(items.windows(2).all(|pair| pair[0] != pair[1]));
            ties += own.windows(2).filter(|pair| pair[0].0 == pair[1].0).count();
        }
        assert!(ties > 1_000, "{ties}");
        let times_s = &raw.events.time_s;
        assert!(times_s.is_sorted());
        let span_s = (times_s[times_s.len() - 1] - times_s[0]) as f64;
        assert!((YEAR_S..2.0 * YEAR_S).contains(&span_s), "{span_s}");
    }

    #[test]
    fn cold_users_and_cold_items_are_as_many_as_asked_for() {
        let raw = standard();
        let users = by_user(&raw);
        assert_eq!(users.len(), 2_000);
        assert_eq!(raw.item_ids.len(), 600);
        assert_eq!(users.iter().filter(|own| own.len() < MIN_EVENTS as usize).count(), 40);
        assert!((45_000..55_000).contains(&raw.n_events()), "{}", raw.n_events());
        let is_cold = |item: u32| raw.item_ids[item as usize].parse::<u32>().unwrap() > 594;
        let mut n_cold = 0;
        for own in users {
            let (last, earlier) = own.split_last().unwrap();
            assert!(earlier.iter().all(|&(_, item)| !is_cold(item)));
            n_cold += usize::from(is_cold(last.1));
        }
        assert_eq!(n_cold, 18);
        let first_cold = raw.events.item.iter().position(|&item| is_cold(item)).unwrap();
        assert!(first_cold > raw.n_events() * 9 / 10, "{first_cold}");
    }

    #[test]
    fn tables_have_one_entry_per_user_and_item() {
        let raw = standard();
        let n_rows = |column: &RawColumn| match &column.values {
            RawValues::Text(values) => values.len(),
            RawValues::Number(values) => values.len(),
            RawValues::List(values) => values.len(),
        };
        assert!(raw.users.iter().all(|column| n_rows(column) == raw.user_ids.len()));
        assert!(raw.items.iter().all(|column| n_rows(column) == raw.item_ids.len()));
        assert_eq!(raw.titles.len(), raw.item_ids.len());
        assert_eq!(raw.files[0].read, raw.files[0].kept);
        assert!(
            texts(&raw.users, "zip")
                .iter()
                .zip(texts(&raw.users, "zip3"))
                .all(|(zip, zip3)| zip[..3] == *zip3)
        );
    }

    #[test]
    fn any_size_ends() {
        for (users, items, cold_users, cold_items) in
            [(0, 0, 0, 0), (1, 1, 0, 0), (3, 2, 9, 9), (5, 3, 1, 1), (9, 13, 0, 0)]
        {
            let config = SyntheticConfig { users, items, events_per_user: 100, cold_users, cold_items };
            let raw = synthetic(0, &config);
            assert!(raw.user_ids.len() <= users as usize && raw.item_ids.len() <= items as usize);
        }
    }

    #[test]
    fn every_field_of_the_config_changes_the_data() {
        let base = SyntheticConfig { users: 60, items: 40, events_per_user: 8, cold_users: 2, cold_items: 2 };
        let changed = [
            SyntheticConfig { users: 61, ..base },
            SyntheticConfig { items: 41, ..base },
            SyntheticConfig { events_per_user: 9, ..base },
            SyntheticConfig { cold_users: 3, ..base },
            SyntheticConfig { cold_items: 3, ..base },
        ];
        for config in changed {
            assert_ne!(synthetic(0, &config).hash, synthetic(0, &base).hash, "{config:?}");
        }
    }
}
