//! A small data set from a seed, with the structure that recall models are meant to find.

mod config;
mod tables;
mod world;

use u2i_features::RawData;

pub use config::SyntheticConfig;

use tables::tables;
use world::{Person, Row, World};

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

#[cfg(test)]
mod tests {
    use u2i_features::{RawColumn, RawValues};

    use super::world::{GENRES, MIN_EVENTS, YEAR_S};
    use super::*;

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
