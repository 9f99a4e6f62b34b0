//! Events of a made-up shop, as many as are asked for, with the structure that recall models are meant to find.
//!
//! - Users are met for some weeks of half a year. Most have few events and some have thousands.
//! - A user has a taste, which changes now and then. A taste is a set of places; a few tastes, and a few places of each,
//!   are taken by most, nearly as in Zipf's law.
//! - Popularity drifts: another item takes over a place after two months, and tastes come into fashion and go.
//! - Order matters: each place has four that tend to come next.
//! - A quarter of all events are of any item, so that most items are rare.
//! - Nobody meets an item twice.

use std::io::{self, Write};

use u2i_random::{Purpose, Stream};

/// How much there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Events, exactly.
    pub events: usize,
    /// Users, exactly; each has an event.
    pub users: usize,
    /// Items that there are; a few are met by nobody, and at 10⁶ events two fifths.
    pub items: usize,
}

const SEED: u64 = 21;
/// 2023-11-14T22:13:20Z.
const BEGIN_S: u32 = 1_700_000_000;
const DAY_S: u32 = 86_400;
const DAYS: u32 = 180;
const SPAN_S: u32 = DAYS * DAY_S;
/// How long an item keeps a place.
const LIFE_S: u32 = SPAN_S / 3;
/// Items that take a place, one after another: places change hands at different times.
const HOLDERS: usize = 4;
/// Places of a taste.
const PLACES: usize = 100;
/// How long a taste has its rank among all.
const FASHION_S: u32 = 30 * DAY_S;
/// Share of events of any item.
const ANY: f64 = 0.25;
/// Share of events that follow from the one before.
const FOLLOWS: f64 = 0.4;
/// Sums of the chances of the four that come next.
const NEXT: [f64; 4] = [0.5, 0.75, 0.9, 1.0];
/// How often a user whose event follows from nothing has a new taste.
const TURNS: f64 = 0.06;
/// Draws of an item that the user has not met, before any will do.
const TRIES: usize = 8;

/// What was drawn: the items of each user, oldest first.
pub struct Events {
    size: Size,
    /// Where the items of each user begin, and where those of the last one end.
    offsets: Vec<u32>,
    items: Vec<u32>,
}

/// A user whose last event is to be foretold.
pub struct Held<'a> {
    pub user: u32,
    pub before: &'a [u32],
    pub last: u32,
}

/// An event that was drawn and not yet written.
struct Drawn {
    time_s: u32,
    user: u32,
    item: u32,
}

/// What a user is about to do.
struct Shopper {
    /// When the next event happens; never, if there is none.
    next_s: u32,
    /// When the last one may happen.
    end_s: u32,
    /// Events up to now.
    met: u32,
    taste: u32,
    place: Option<u32>,
}

impl Events {
    /// Draws them and writes them in the order of their times, as CSV with the header `user,item,time`. Equal sizes give
    /// equal bytes. Memory is 4 bytes an event and 24 a user.
    ///
    /// # Errors
    ///
    /// If `out` cannot be written.
    pub fn write(size: Size, out: &mut impl Write) -> io::Result<Self> {
        let mut stream = Stream::new(SEED, Purpose::SYNTHETIC, 0, 0);
        let offsets = offsets(size, &mut stream);
        let world = World { items: size.items, tastes: (size.items / HOLDERS / PLACES).max(1) };
        let mut shoppers: Vec<Shopper> = (0..size.users).map(|_| Shopper::new(&world, &mut stream)).collect();
        let mut items = vec![0; size.events];
        let mut today: Vec<Drawn> = Vec::new();
        writeln!(out, "user,item,time")?;
        for day in 1..=DAYS {
            for (user, shopper) in shoppers.iter_mut().enumerate() {
                while shopper.next_s < day * DAY_S {
                    let own = &mut items[offsets[user] as usize..offsets[user + 1] as usize];
                    let time_s = shopper.next_s;
                    let item = shopper.draw(&world, own, &mut stream);
                    today.push(Drawn { time_s, user: user as u32, item });
                }
            }
            // Stable: events of a user within a second stay in order.
            today.sort_by_key(|event| event.time_s);
            for Drawn { time_s, user, item } in today.drain(..) {
                writeln!(out, "{},{},{}", user_id(user), item_id(item), BEGIN_S + time_s)?;
            }
        }
        Ok(Events { size, offsets, items })
    }

    /// So many of the users with at least three events, in the order of their numbers; all of them if there are fewer.
    pub fn held(&self, n: usize) -> Vec<Held<'_>> {
        let own = |user: u32| {
            let [begin, end] = [user, user + 1].map(|place| self.offsets[place as usize] as usize);
            &self.items[begin..end]
        };
        let mut users: Vec<u32> = (0..self.size.users as u32).filter(|&user| own(user).len() >= 3).collect();
        Stream::new(SEED, Purpose::SYNTHETIC, 0, 1).shuffle(&mut users);
        users.truncate(n);
        users.sort_unstable();
        let held = |user| own(user).split_last().map(|(&last, before)| Held { user, before, last });
        users.into_iter().filter_map(held).collect()
    }
}

/// An event for each user, and of the others most for few.
fn offsets(size: Size, stream: &mut Stream) -> Vec<u32> {
    let Size { events, users, .. } = size;
    assert!((1..=events).contains(&users) && u32::try_from(events).is_ok(), "an event for each user");
    // Pareto's law, cut off.
    let weights: Vec<f32> =
        (0..users).map(|_| (1.0 - stream.unit()).powf(-1.0 / 1.3).min(400.0) as f32).collect();
    let total: f64 = weights.iter().copied().map(f64::from).sum();
    let (mut sum, mut offsets) = (0.0, vec![0]);
    for (user, weight) in (1..).zip(&weights) {
        sum += f64::from(*weight);
        let others =
            if user == users { events - users } else { ((events - users) as f64 * sum / total) as usize };
        offsets.push((user + others) as u32);
    }
    offsets
}

struct World {
    items: usize,
    tastes: usize,
}

impl World {
    /// A taste, by what is in fashion.
    fn taste(&self, time_s: u32, stream: &mut Stream) -> u32 {
        ((by_rank(self.tastes, stream.unit()) + (time_s / FASHION_S) as usize) % self.tastes) as u32
    }

    /// The item that has a place of a taste at a time. Where there are few items, tastes share some.
    fn item(&self, taste: u32, place: u32, time_s: u32) -> u32 {
        let slot = taste * PLACES as u32 + place;
        let holder = (time_s + mixed(slot) % LIFE_S) / LIFE_S;
        (slot * HOLDERS as u32 + holder) % self.items as u32
    }
}

impl Shopper {
    fn new(world: &World, stream: &mut Stream) -> Self {
        let next_s = (0.8 * f64::from(SPAN_S) * stream.unit()) as u32;
        let end_s = next_s + (f64::from(SPAN_S - next_s) * stream.unit()) as u32;
        Shopper { next_s, end_s, met: 0, taste: world.taste(next_s, stream), place: None }
    }

    /// The next of the user's `own` items, which is written there.
    fn draw(&mut self, world: &World, own: &mut [u32], stream: &mut Stream) -> u32 {
        let met = self.met as usize;
        let (before, after) = own.split_at_mut(met);
        let item = self.unmet(world, before, stream);
        after[0] = item;
        self.met += 1;
        let left = after.len() - 1;
        self.next_s = if left == 0 {
            u32::MAX
        } else {
            // The first of so many moments that are uniform in the rest of the time.
            let rest = f64::from(self.end_s - self.next_s);
            self.next_s + (rest * (1.0 - stream.unit().powf(1.0 / left as f64))) as u32
        };
        item
    }

    fn unmet(&mut self, world: &World, before: &[u32], stream: &mut Stream) -> u32 {
        let mut tries = 0;
        loop {
            let kind = if tries < TRIES { stream.unit() } else { 0.0 };
            tries += 1;
            let (place, item) = if kind < ANY {
                (self.place, stream.index(world.items) as u32)
            } else {
                let place = match self.place {
                    Some(place) if kind < ANY + FOLLOWS => next_place(self.taste, place, stream.unit()),
                    _ => {
                        if stream.unit() < TURNS {
                            self.taste = world.taste(self.next_s, stream);
                        }
                        by_rank(PLACES, stream.unit()) as u32
                    }
                };
                (Some(place), world.item(self.taste, place, self.next_s))
            };
            if !before.contains(&item) {
                self.place = place;
                return item;
            }
        }
    }
}

/// One of `0..n`, about as often as one through its rank.
fn by_rank(n: usize, unit: f64) -> usize {
    (((n + 1) as f64).powf(unit) as usize - 1).min(n - 1)
}

/// One of the four places that tend to come next.
fn next_place(taste: u32, place: u32, unit: f64) -> u32 {
    let which = NEXT.iter().position(|&sum| unit < sum).unwrap_or(0) as u32;
    let key = (taste * PLACES as u32 + place) * NEXT.len() as u32 + which;
    let next = by_rank(PLACES, f64::from(mixed(key)) / f64::from(u32::MAX)) as u32;
    if next == place { (next + 1) % PLACES as u32 } else { next }
}

/// Other numbers for other numbers, in no order.
fn mixed(mut x: u32) -> u32 {
    x = (x ^ (x >> 16)).wrapping_mul(0x7feb_352d);
    x = (x ^ (x >> 15)).wrapping_mul(0x846c_a68b);
    x ^ (x >> 16)
}

/// As the file has it.
pub fn user_id(user: u32) -> String {
    format!("u{:08x}", mixed(user))
}

/// As the file has it.
pub fn item_id(item: u32) -> String {
    format!("p{:08x}", mixed(item ^ 0x5555_5555))
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeSet, HashMap, HashSet};

    use super::*;

    const SMALL: Size = Size { events: 10_000, users: 1_000, items: 2_000 };

    fn small() -> (Events, Vec<u8>) {
        let mut out = Vec::new();
        let events = Events::write(SMALL, &mut out).unwrap();
        (events, out)
    }

    /// User, item and time of each row.
    fn rows(text: &str) -> Vec<(&str, &str, u32)> {
        text.lines()
            .skip(1)
            .map(|line| {
                let mut words = line.split(',');
                let mut word = || words.next().unwrap();
                (word(), word(), word().parse().unwrap())
            })
            .collect()
    }

    #[test]
    fn the_same_bytes_come_each_time_and_are_as_many_events_and_users_as_asked_for() {
        let (events, bytes) = small();
        assert_eq!(bytes, small().1);
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.starts_with("user,item,time\nu"));
        let rows = rows(&text);
        assert_eq!(rows.len(), SMALL.events);
        let users: HashSet<&str> = rows.iter().map(|row| row.0).collect();
        let items: HashSet<&str> = rows.iter().map(|row| row.1).collect();
        assert_eq!(users.len(), SMALL.users);
        assert!((1_500..=SMALL.items).contains(&items.len()), "{}", items.len());
        assert!(rows.iter().all(|row| (BEGIN_S..BEGIN_S + SPAN_S).contains(&row.2)));
        assert!(rows.is_sorted_by_key(|row| row.2));
        let pairs: HashSet<(&str, &str)> = rows.iter().map(|row| (row.0, row.1)).collect();
        assert_eq!(pairs.len(), SMALL.events, "nobody meets an item twice");

        // What is held out is what the file has last of a user.
        let held = events.held(100);
        assert_eq!(held.len(), 100);
        for Held { user, before, last } in held {
            let own = rows.iter().filter(|row| row.0 == user_id(user)).map(|row| row.1.to_owned());
            let known = before.iter().copied().chain([last]).map(item_id);
            assert!(before.len() >= 2 && own.eq(known), "{user}");
        }
    }

    #[test]
    fn few_users_have_many_events_and_few_items_are_popular() {
        let (events, _) = small();
        let mut lengths: Vec<u32> = events.offsets.windows(2).map(|pair| pair[1] - pair[0]).collect();
        lengths.sort_unstable();
        let (median, largest) = (lengths[lengths.len() / 2], lengths[lengths.len() - 1]);
        assert!(median <= 8 && largest >= 100, "{median} {largest}");
        let mut counts = vec![0u32; SMALL.items];
        events.items.iter().for_each(|&item| counts[item as usize] += 1);
        counts.sort_unstable_by(|a, b| b.cmp(a));
        // By rank, as far as drift lets them: a tenth of the items would have a tenth of the events if all were alike.
        let share = |n: usize| f64::from(counts[..n].iter().sum::<u32>()) / SMALL.events as f64;
        let (first, tenth) = (share(SMALL.items / 100), share(SMALL.items / 10));
        assert!(first > 0.07 && tenth > 0.35, "{first} {tenth}");
    }

    #[test]
    fn other_items_are_popular_later() {
        let (_, bytes) = small();
        let text = String::from_utf8(bytes).unwrap();
        let rows = rows(&text);
        let popular = |own: &[(&str, &str, u32)]| -> BTreeSet<String> {
            let mut counts: HashMap<&str, u32> = HashMap::new();
            own.iter().for_each(|row| *counts.entry(row.1).or_default() += 1);
            let mut counts: Vec<_> = counts.into_iter().map(|(item, n)| (n, item)).collect();
            counts.sort_unstable_by(|a, b| b.cmp(a));
            counts[..20].iter().map(|(_, item)| (*item).to_owned()).collect()
        };
        let third = rows.len() / 3;
        let (early, late) = (popular(&rows[..third]), popular(&rows[2 * third..]));
        let same = early.intersection(&late).count();
        assert!(same <= 10, "{same} of 20");
    }

    #[test]
    fn what_comes_next_depends_on_what_came_before() {
        let (events, _) = small();
        // Pairs of neighbours that another user has, too; and of the same items in another order.
        let repeated = |shuffled: bool| {
            let mut counts: HashMap<(u32, u32), u32> = HashMap::new();
            for (user, pair) in events.offsets.windows(2).enumerate() {
                let mut own = events.items[pair[0] as usize..pair[1] as usize].to_vec();
                if shuffled {
                    Stream::new(1, Purpose::PERMUTATION, 0, user as u64).shuffle(&mut own);
                }
                own.windows(2).for_each(|pair| *counts.entry((pair[0], pair[1])).or_default() += 1);
            }
            counts.values().filter(|&&n| n > 1).sum::<u32>()
        };
        let (kept, shuffled) = (repeated(false), repeated(true));
        assert!(f64::from(kept) > 1.5 * f64::from(shuffled), "{kept} {shuffled}");
    }
}
