//! Items with what is hidden in them, people, and what they do.

use u2i_random::{Purpose, Stream};

use super::config::SyntheticConfig;

/// 2000-01-01, 00:00:00 UTC.
const FIRST_S: i64 = 946_684_800;
const DAY_S: f64 = 86_400.0;
/// Users arrive during one year and stay for at most another.
pub(super) const YEAR_S: f64 = 365.0 * DAY_S;

pub(super) const GENRES: [&str; 12] = [
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
pub(super) const AGES: [u8; 6] = [18, 25, 35, 45, 50, 56];

/// Smallest number of events of a user that is not cold.
pub(super) const MIN_EVENTS: u32 = 5;
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

pub(super) struct Row {
    pub(super) time_s: i64,
    pub(super) user: u32,
    pub(super) item: u32,
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
pub(super) struct World {
    n_warm: u32,
    /// `[items]` genres by index, the first one first.
    pub(super) genres: Vec<Vec<usize>>,
    pub(super) years: Vec<u32>,
    popular: Weighted,
    popular_in: Vec<Weighted>,
    successors: Vec<[u32; SUCCESSORS.len()]>,
}

impl World {
    pub(super) fn new(seed: u64, config: &SyntheticConfig) -> Self {
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
    pub(super) fn introduce_cold_items(&self, rows: &mut [Row], people: &[Person]) {
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

pub(super) struct Person {
    pub(super) is_woman: bool,
    pub(super) age: usize,
    pub(super) occupation: u64,
    pub(super) zip: u64,
    /// Times in seconds and items, in the order in which they happened.
    pub(super) events: Vec<(i64, u32)>,
}

impl Person {
    pub(super) fn new(seed: u64, user: u32, config: &SyntheticConfig, world: &World) -> Self {
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
