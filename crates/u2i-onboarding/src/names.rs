//! What a column holds, by its name.

/// What a column may be to an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    User,
    Item,
    Time,
}

impl Role {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Role::User => "user",
            Role::Item => "item",
            Role::Time => "time",
        }
    }

    fn words(self) -> &'static [&'static str] {
        match self {
            Role::User => &[
                "user",
                "u",
                "uid",
                "usr",
                "customer",
                "cust",
                "client",
                "visitor",
                "listener",
                "reader",
                "viewer",
                "watcher",
                "member",
                "account",
                "buyer",
                "shopper",
                "player",
                "subscriber",
                "reviewer",
                "rater",
                "person",
                "profile",
                "guest",
                "household",
            ],
            Role::Item => &[
                "item",
                "i",
                "iid",
                "movie",
                "film",
                "show",
                "video",
                "track",
                "song",
                "album",
                "artist",
                "article",
                "news",
                "story",
                "post",
                "product",
                "prod",
                "asin",
                "parentasin",
                "sku",
                "good",
                "book",
                "isbn",
                "game",
                "app",
                "business",
                "place",
                "poi",
                "venue",
                "restaurant",
                "recipe",
                "anime",
                "course",
                "podcast",
                "episode",
                "content",
                "offer",
                "listing",
            ],
            Role::Time => &[
                "timestamp",
                "ts",
                "time",
                "datetime",
                "unixtime",
                "eventtime",
                "epoch",
                "when",
                "date",
                "day",
                "t",
            ],
        }
    }
}

/// How well a name fits a role: 3 if it is one of its words, 2 if it ends with one, 0 if it does not.
///
/// What says that a column holds ids, as in `customer_id`, `visitorid` and `productNo`, does not count.
pub(crate) fn fit(role: Role, name: &str) -> u8 {
    let mut parts = parts(name);
    if role == Role::Time {
        return match parts.last().map(String::as_str) {
            _ if role.words().contains(&parts.concat().as_str()) => 3,
            Some("at" | "on") if parts.len() > 1 => 2,
            Some(last) if role.words().contains(&last) && !matches!(last, "day" | "t") => 2,
            Some(last)
                if parts.len() == 1
                    && ["timestamp", "time", "date"].iter().any(|word| last.ends_with(word)) =>
            {
                2
            }
            _ => 0,
        };
    }
    while parts.len() > 1 && parts.last().is_some_and(|last| ID_WORDS.contains(&last.as_str())) {
        parts.pop();
    }
    if let [only] = parts.as_mut_slice()
        && let Some(stem) = ["id", "no", "key"].iter().find_map(|end| only.strip_suffix(end))
        && role.words().contains(&stem)
    {
        *only = stem.to_owned();
    }
    match parts.last() {
        _ if role.words().contains(&parts.concat().as_str()) => 3,
        Some(last) if last.len() > 1 && role.words().contains(&last.as_str()) => 2,
        _ => 0,
    }
}

/// Whether a name fits any role, so that a line of such names is a header.
pub(crate) fn is_known(name: &str) -> bool {
    // Of single letters nothing can be told: they may be ids as well.
    name.len() > 1 && [Role::User, Role::Item, Role::Time].into_iter().any(|role| fit(role, name) == 3)
}

/// Whether a name is that of what people call an item by.
pub(crate) fn is_title(name: &str) -> bool {
    parts(name).last().is_some_and(|last| matches!(last.as_str(), "title" | "name" | "headline"))
}

const ID_WORDS: [&str; 8] = ["id", "no", "nr", "number", "key", "code", "uuid", "hash"];

/// The words of a name in lower case: `parentAsin`, `parent_asin` and `PARENT ASIN` have the same.
fn parts(name: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut after_lower = false;
    for char in name.chars() {
        let begins = !char.is_alphanumeric() || char.is_uppercase() && after_lower;
        if begins {
            parts.push(String::new());
        }
        if char.is_alphanumeric() {
            parts.last_mut().expect("there is a first part").extend(char.to_lowercase());
        }
        after_lower = char.is_lowercase();
    }
    parts.retain(|part| !part.is_empty());
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_roles_by_their_words() {
        use Role::*;
        let cases = [
            ("user_id", User, 3),
            ("userId", User, 3),
            ("UserID", User, 3),
            ("visitorid", User, 3),
            ("customer", User, 3),
            ("reviewerID", User, 3),
            ("end user id", User, 2),
            ("user_name_length", User, 0),
            ("rating", User, 0),
            ("movieId", Item, 3),
            ("asin", Item, 3),
            ("parent_asin", Item, 3),
            ("ISBN", Item, 3),
            ("main_product_no", Item, 2),
            ("product_category", Item, 0),
            ("item", User, 0),
            ("timestamp", Time, 3),
            ("unixReviewTime", Time, 2),
            ("played_at", Time, 2),
            ("event_date", Time, 2),
            ("rated_on", Time, 2),
            ("starttime", Time, 2),
            ("lifetime_value", Time, 0),
            ("sentiment", Time, 0),
            ("at", Time, 0),
        ];
        for (name, role, wanted) in cases {
            assert_eq!(fit(role, name), wanted, "{name} as {}", role.word());
        }
    }

    #[test]
    fn titles_are_called_so() {
        for (name, wanted) in [("title", true), ("movieTitle", true), ("track_name", true), ("named", false)]
        {
            assert_eq!(is_title(name), wanted, "{name}");
        }
    }
}
