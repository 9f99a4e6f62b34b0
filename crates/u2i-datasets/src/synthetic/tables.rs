//! Events as they would have been read from files.

use std::path::PathBuf;

use u2i_features::{FileCounts, RawColumn, RawData, RawEvents, RawSequence, RawValues};
use u2i_random::{Purpose, Stream};
use u2i_schema::Digest;

use super::config::SyntheticConfig;
use super::world::{AGES, GENRES, Person, Row, World};

/// Names users and items in the order of their first event, and hashes everything.
pub(super) fn tables(config: &SyntheticConfig, world: &World, people: &[Person], rows: &[Row]) -> RawData {
    let mut users = FirstSeen::new(config.users);
    let mut items = FirstSeen::new(config.items);
    let mut events = RawEvents::default();
    for row in rows {
        events.user.push(users.index(row.user));
        events.item.push(items.index(row.item));
        events.time_s.push(row.time_s);
    }
    let people: Vec<&Person> = users.order.iter().map(|&user| &people[user as usize]).collect();
    let items = items.order;
    let first_genre = |item: u32| GENRES[world.genres[item as usize][0]].to_owned();
    let year = |item: u32| world.years[item as usize];
    let raw_ids = |order: &[u32]| order.iter().map(|&index| (index + 1).to_string()).collect();
    let title = |item: u32| format!("Film {} ({})", item + 1, year(item));
    let mut raw = RawData {
        user_ids: raw_ids(&users.order),
        item_ids: raw_ids(&items),
        titles: items.iter().map(|&item| Some(title(item))).collect(),
        events,
        users: vec![
            text("gender", people.iter().map(|person| if person.is_woman { "F" } else { "M" }.to_owned())),
            column("age", RawValues::Number(people.iter().map(|person| AGES[person.age].into()).collect())),
            text("occupation", people.iter().map(|person| person.occupation.to_string())),
            text("zip", people.iter().map(|person| format!("{:05}", person.zip))),
            text("zip3", people.iter().map(|person| format!("{:03}", person.zip / 100))),
        ],
        items: vec![
            text("title", items.iter().map(|&item| title(item))),
            column("genres", RawValues::List(items.iter().map(|&item| genre_names(world, item)).collect())),
            text("first_genre", items.iter().map(|&item| first_genre(item))),
            column("year", RawValues::Number(items.iter().map(|&item| f64::from(year(item))).collect())),
            text("year5", items.iter().map(|&item| (year(item) / 5 * 5).to_string())),
        ],
        ..RawData::default()
    };
    raw.sequences = vec![searches(world, rows, &raw)];
    let n_events = raw.n_events() as u64;
    raw.files = vec![FileCounts {
        path: PathBuf::from("synthetic"),
        read: n_events,
        kept: n_events,
        ..FileCounts::default()
    }];
    raw.hash = hash(&raw);
    raw
}

/// Of the searches, which draw nothing that events are drawn from.
const SEARCHES_SEED: u64 = 1;

/// Before every third event or so a user searches for the first genre of what comes next.
fn searches(world: &World, rows: &[Row], raw: &RawData) -> RawSequence {
    let mut found = RawSequence {
        name: "searches".to_owned(),
        values: GENRES.map(str::to_lowercase).to_vec(),
        ..RawSequence::default()
    };
    let mut stream = Stream::new(SEARCHES_SEED, Purpose::SYNTHETIC, 7, 0);
    for (row, &user) in rows.iter().zip(&raw.events.user) {
        if stream.index(3) == 0 {
            found.user.push(user);
            found.value.push(world.genres[row.item as usize][0] as u32);
            found.time_s.push(row.time_s - 1);
        }
    }
    found
}

/// Numbers things in the order in which they are first met.
struct FirstSeen {
    index: Vec<Option<u32>>,
    order: Vec<u32>,
}

impl FirstSeen {
    fn new(n: u32) -> Self {
        FirstSeen { index: vec![None; n as usize], order: Vec::new() }
    }

    fn index(&mut self, thing: u32) -> u32 {
        *self.index[thing as usize].get_or_insert_with(|| {
            self.order.push(thing);
            self.order.len() as u32 - 1
        })
    }
}

fn genre_names(world: &World, item: u32) -> Vec<String> {
    world.genres[item as usize].iter().map(|&genre| GENRES[genre].to_owned()).collect()
}

fn column(name: &str, values: RawValues) -> RawColumn {
    RawColumn { name: name.to_owned(), values }
}

fn text(name: &str, values: impl Iterator<Item = String>) -> RawColumn {
    column(name, RawValues::Text(values.map(Some).collect()))
}

fn hash(raw: &RawData) -> String {
    let mut digest = Digest::new()
        .numbers("user", &raw.events.user)
        .numbers("item", &raw.events.item)
        .numbers("time_s", &raw.events.time_s);
    for id in raw.user_ids.iter().chain(&raw.item_ids) {
        digest = digest.part("id", id.as_bytes());
    }
    for column in raw.users.iter().chain(&raw.items) {
        digest = digest.part("column", column.name.as_bytes());
        digest = match &column.values {
            RawValues::Text(values) => values.iter().fold(digest, |digest, value| {
                digest.part("value", value.as_deref().unwrap_or_default().as_bytes())
            }),
            RawValues::Number(values) => digest.numbers("values", values),
            RawValues::List(lists) => {
                lists.iter().fold(digest, |digest, list| digest.part("values", list.join("|").as_bytes()))
            }
        };
    }
    for RawSequence { name, user, value, time_s, .. } in &raw.sequences {
        digest = digest.part("sequence", name.as_bytes());
        digest = digest.numbers("user", user).numbers("value", value).numbers("time_s", time_s);
    }
    digest.finish()
}
