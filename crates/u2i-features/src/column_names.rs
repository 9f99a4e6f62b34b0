//! What columns are called whose header gives them no name of their own.

/// A name for each column: that of the header, or its place where the header has none or gives it to several.
pub(crate) fn column_names(header: &[String]) -> Vec<String> {
    let is_own = |name: &String| header.iter().filter(|other| *other == name).count() == 1;
    let name = |(place, name): (usize, &String)| if is_own(name) { name.clone() } else { by_place(place) };
    header.iter().enumerate().map(name).collect()
}

/// The header with the places of columns in it that have no name.
pub(crate) fn with_places(header: &[String]) -> Vec<String> {
    let called = |(place, name): (usize, &String)| {
        if name.trim().is_empty() { by_place(place) } else { name.clone() }
    };
    header.iter().enumerate().map(called).collect()
}

/// What a column is called that has no name of its own, by its place from 0 on.
pub(crate) fn by_place(place: usize) -> String {
    format!("column_{}", place + 1)
}
