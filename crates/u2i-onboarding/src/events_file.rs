//! Which of several tables holds the events.

use u2i::Error;

use crate::looked::{Looked, for_shell};
use crate::names::subject_of_file;
use crate::options::Asked;
use crate::recipe::counted;
use crate::roles::{Doubt, FoundTime, Roles, roles};
use crate::vocabulary::Meaning;

/// The table of events.
pub(crate) struct EventsFile {
    pub place: usize,
    pub roles: Roles,
    /// Why it is this one.
    pub reason: String,
    /// Other tables that could hold events, too.
    pub others: Vec<usize>,
}

/// The table that was named or else the only one that can hold events, or that one of several which is called so.
pub(crate) fn events_file(tables: &[Looked], asked: &Asked, now_s: i64) -> Result<EventsFile, Error> {
    let path = |place: usize| tables[place].file.path.display();
    let try_one = |table: &Looked| roles(&table.profile, &asked.named, now_s);
    if let Some(place) = asked.events {
        let roles =
            try_one(&tables[place]).map_err(|doubt| Error::Usage(format!("{}: {doubt}", path(place))))?;
        return Ok(EventsFile { place, roles, reason: "As was said.".to_owned(), others: Vec::new() });
    }
    let is_free = |place: usize| {
        [&asked.users, &asked.items].into_iter().flatten().all(|(described, _)| *described != place)
    };
    let tried: Vec<(usize, Result<Roles, Doubt>)> = (0..tables.len())
        .filter(|&place| is_free(place))
        .map(|place| (place, try_one(&tables[place])))
        .collect();
    let grade = |roles: &Roles| match (&roles.time, roles.are_named()) {
        (FoundTime::Column { .. }, true) => 0,
        (FoundTime::Column { .. }, false) => 1,
        (FoundTime::FileOrder { .. }, _) => 2,
    };
    let can: Vec<(usize, &Roles)> =
        tried.iter().filter_map(|(place, tried)| Some((*place, tried.as_ref().ok()?))).collect();
    let best = can.iter().map(|(_, roles)| grade(roles)).min();
    let can: Vec<(usize, &Roles)> = can.into_iter().filter(|(_, roles)| Some(grade(roles)) == best).collect();

    let is_called_events = |place: usize| subject_of_file(&tables[place].stem()) == Some(Meaning::Events);
    let n_rows = |place: usize| tables[place].profile.n_rows;
    let called: Vec<usize> =
        can.iter().map(|(place, _)| *place).filter(|&place| is_called_events(place)).collect();
    // One that is called events, and is not the smaller by far: a sample of them, say.
    let largest = can.iter().map(|(place, _)| n_rows(*place)).max().unwrap_or(0);
    let chosen = match (can.as_slice(), called.as_slice()) {
        ([], _) => return Err(nothing_fits(tables, &tried)),
        ([(only, _)], _) => *only,
        (_, [only]) if 2 * n_rows(*only) >= largest => *only,
        _ => return Err(several_fit(tables, can.iter().map(|(place, _)| *place))),
    };
    // What is called events and only has to be asked about is not passed over for something else.
    let is_doubted = |(place, tried): &&(usize, Result<Roles, Doubt>)| {
        is_called_events(*place) && tried.as_ref().is_err_and(Doubt::is_close)
    };
    if !is_called_events(chosen)
        && let Some((place, Err(doubt))) = tried.iter().find(is_doubted)
    {
        return Err(Error::Usage(format!(
            "{}: {doubt}\n  or take {}: --events {}",
            path(*place),
            path(chosen),
            for_shell(&path(chosen).to_string())
        )));
    }
    let others: Vec<usize> = can.iter().map(|(place, _)| *place).filter(|&place| place != chosen).collect();
    let reason = match (others.is_empty(), tables.len()) {
        (true, 1) => "The only file.".to_owned(),
        (true, _) => "The only file with users, items and times of events.".to_owned(),
        (false, _) => "By its name; others could hold events, too.".to_owned(),
    };
    let roles = tried.into_iter().find(|(place, _)| *place == chosen).and_then(|(_, tried)| tried.ok());
    Ok(EventsFile { place: chosen, roles: roles.expect("it is one of those that fit"), reason, others })
}

fn nothing_fits(tables: &[Looked], tried: &[(usize, Result<Roles, Doubt>)]) -> Error {
    let path = |place: usize| tables[place].file.path.display();
    let doubts: Vec<String> = tried
        .iter()
        .filter_map(|(place, tried)| tried.as_ref().err().map(|doubt| format!("{}: {doubt}", path(*place))))
        .collect();
    match doubts.as_slice() {
        [only] => Error::Usage(only.clone()),
        several => Error::Usage(format!(
            "no file holds events for sure; name the one that does with --events FILE\n  {}",
            several.join("\n  ")
        )),
    }
}

fn several_fit(tables: &[Looked], places: impl Iterator<Item = usize>) -> Error {
    let options: Vec<String> = places
        .map(|place| {
            let path = tables[place].file.path.display().to_string();
            let n_rows = counted(tables[place].profile.n_rows, "row");
            format!("\n  --events {}   ({n_rows}: {})", for_shell(&path), tables[place].columns())
        })
        .collect();
    Error::Usage(format!(
        "several files hold users and items of events; say which is meant:{}",
        options.concat()
    ))
}
