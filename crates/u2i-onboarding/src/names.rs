//! What a column or a file holds, by its name.

use u2i_features::formats::atomic_field;

use crate::vocabulary::{Kind, Meaning, folded, meaning, meaning_of_plural};

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

    fn is(self, meaning: Option<Meaning>) -> bool {
        match self {
            Role::User => meaning == Some(Meaning::User),
            Role::Item => matches!(meaning, Some(Meaning::Item(_))),
            Role::Time => meaning == Some(Meaning::Time),
        }
    }
}

/// The name of a column without the type that RecBole adds.
pub(crate) fn plain(name: &str) -> &str {
    atomic_field(name).map_or(name, |(name, _)| name)
}

/// How well a name fits a role: 3 if it is one of its words, 2 if it ends with one, 1 if it is less sure, 0 if it does
/// not.
///
/// What says that a column holds ids, as in `customer_id`, `visitorid` and `productNo`, does not count.
pub(crate) fn fit(role: Role, name: &str) -> u8 {
    match role {
        Role::Time => fit_time(&parts(name)),
        Role::User | Role::Item => fit_ids(role, &subject(name)),
    }
}

fn fit_time(parts: &[String]) -> u8 {
    let is_time = |word: &str| Role::Time.is(meaning(word));
    // A name that is one long word in one of these is a time, too: `starttime`, `bestelldatum`.
    const ENDS: [&str; 6] = ["timestamp", "time", "date", "datum", "zeit", "stempel"];
    // Of single letters and such nothing can be told at the end of a name.
    const SHORT: [&str; 6] = ["day", "t", "dia", "ora", "jour", "data"];
    if parts.iter().any(|part| meaning(part) == Some(Meaning::OtherTime)) {
        return 0;
    }
    match (parts.first(), parts.last()) {
        _ if is_time(&parts.concat()) => 3,
        (Some(_), Some(last))
            if parts.len() > 1 && ["at", "on", "am", "le", "el", "um"].contains(&last.as_str()) =>
        {
            2
        }
        (Some(_), Some(last)) if is_time(last) && !SHORT.contains(&last.as_str()) => 2,
        // Where the noun comes first: `fecha_compra`, `date_achat`.
        (Some(first), Some(_)) if ["fecha", "hora", "heure", "date", "data"].contains(&first.as_str()) => 2,
        (Some(only), Some(_)) if parts.len() == 1 && ENDS.iter().any(|end| only.ends_with(end)) => 2,
        _ => 0,
    }
}

fn fit_ids(role: Role, subject: &[String]) -> u8 {
    let is_it = |word: &str| role.is(meaning(word));
    let is_person = |word: &str| role == Role::User && meaning(word) == Some(Meaning::Person);
    match subject {
        [] => 0,
        // A number of items, or items that all come in one row, are called in the plural: so plurals do not fit.
        _ if is_it(&subject.concat()) => 3,
        [only] if is_person(only) => 2,
        [.., last] if is_person(last) => 1,
        [.., last] if last.chars().count() > 1 && is_it(last) => 2,
        // What people and things are called tells them apart less surely than their ids do.
        [.., of, last] if meaning(last) == Some(Meaning::Name) && is_it(of) => 1,
        [only] => {
            let called = only.strip_suffix("name").or_else(|| only.strip_suffix("title"));
            u8::from(called.is_some_and(is_it))
        }
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
    const NOT_TITLES: [&str; 6] = ["login", "nickname", "nick", "email", "mail", "handle"];
    let parts = parts(name);
    match parts.as_slice() {
        [] => false,
        [.., last] if NOT_TITLES.contains(&last.as_str()) => false,
        [.., last] if last == "headline" || meaning(last) == Some(Meaning::Name) && last != "names" => true,
        // Where the noun comes first: `nombre_producto`, `titre_du_film`.
        [first, .., last] => {
            ["nombre", "nom", "nome", "titre", "titulo", "titolo"].contains(&first.as_str())
                && matches!(meaning(last), Some(Meaning::Item(_)))
        }
        _ => false,
    }
}

/// What a name speaks of that holds ids of neither users nor items nor times: the word that tells so.
///
/// `store_id` and `order_no` speak of stores and orders; `shelf` is a word that is not known.
pub(crate) fn other_subject(name: &str) -> Option<String> {
    let subject = subject(name);
    let is_other = |word: &String| matches!(meaning_of_plural(word), Some(Meaning::Other | Meaning::Events));
    let head = head(&subject)?;
    is_other(head).then(|| head.clone())
}

/// Whether a name speaks of something that happened at another time than the event: a birth, a release.
pub(crate) fn is_other_time(name: &str) -> bool {
    parts(name).iter().any(|part| meaning(part) == Some(Meaning::OtherTime))
}

/// Whether a name says that a column holds ids, and of what does not matter.
pub(crate) fn is_id(name: &str) -> bool {
    let parts = parts(name);
    parts.last().is_some_and(|last| meaning(last) == Some(Meaning::Id)) || subject(name) != parts
}

/// Whether two names say the same: `movieId` and `MOVIE_ID`, and also `movie`.
pub(crate) fn is_same(one: &str, other: &str) -> bool {
    let (own, others) = (subject(one), subject(other));
    match own.is_empty() || others.is_empty() {
        true => parts(one) == parts(other),
        false => own == others,
    }
}

/// What the name of a column says about its being the key of a table of users or items.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum KeyName {
    /// It names something else.
    Against,
    /// Nothing.
    Silent,
    /// It is a word for users or items, or the name of its file is.
    Fits,
    /// It is that of the column of events.
    Same,
}

/// What the names of a column and its file say about the column's being the key that `of_events` of the events refers to.
pub(crate) fn key_name(column: &str, file_stem: &str, of_events: &str, role: Role) -> KeyName {
    let subject = subject(column);
    let about = match subject.is_empty() {
        true if is_same(column, of_events) && subject_of_file(file_stem).is_none() => return KeyName::Same,
        // `id` is that of what the file is about.
        true => subject_of_file(file_stem),
        false if is_same(column, of_events) => return KeyName::Same,
        false => head(&subject).and_then(|word| meaning_of_plural(word)),
    };
    let wanted = head(&self::subject(of_events)).and_then(|word| meaning_of_plural(word));
    match (about, role) {
        (Some(Meaning::User), Role::User) => KeyName::Fits,
        // A table of people may be one of authors or actors.
        (Some(Meaning::Person), Role::User) => KeyName::Silent,
        (Some(Meaning::Item(own)), Role::Item) => match wanted {
            Some(Meaning::Item(other)) if own != other && own != Kind::Any && other != Kind::Any => {
                KeyName::Against
            }
            _ => KeyName::Fits,
        },
        (None, _) => match subject.is_empty() {
            true => KeyName::Silent,
            // Something that is not known, but something: `widget_id`.
            false => KeyName::Against,
        },
        _ => KeyName::Against,
    }
}

/// What the name of a file speaks of: the last word in it that is known, plurals included.
pub(crate) fn subject_of_file(stem: &str) -> Option<Meaning> {
    let telling = |part: &String| match meaning_of_plural(part) {
        Some(Meaning::Time | Meaning::OtherTime | Meaning::Id | Meaning::Name) | None => None,
        known => known.filter(|_| part.chars().count() > 1),
    };
    parts(stem).iter().rev().find_map(telling)
}

/// The words of a name without those for ids at its ends, and without prepositions.
fn subject(name: &str) -> Vec<String> {
    const SMALL: [&str; 17] = [
        "de", "du", "des", "del", "della", "dello", "do", "da", "di", "of", "the", "la", "el", "der", "die",
        "das", "の",
    ];
    const ENDS: [&str; 10] = ["id", "no", "nr", "key", "num", "nummer", "number", "code", "kennung", "kod"];
    let mut parts = parts(name);
    let is_id = |word: &String| meaning(word) == Some(Meaning::Id);
    let n_small = parts.iter().filter(|part| SMALL.contains(&part.as_str())).count();
    if n_small < parts.len() {
        parts.retain(|part| !SMALL.contains(&part.as_str()));
    }
    while parts.last().is_some_and(is_id) {
        parts.pop();
    }
    let n_before = parts.iter().take_while(|part| is_id(part)).count();
    parts.drain(..n_before);
    if let Some(last) = parts.last_mut()
        && meaning(last).is_none()
        && let Some(stem) = ENDS.iter().find_map(|end| last.strip_suffix(end))
        && meaning(stem).is_some()
    {
        *last = stem.to_owned();
    }
    parts
}

/// What a subject is about: its last word, or the one before a word for what something is called.
fn head(subject: &[String]) -> Option<&String> {
    match subject {
        [.., of, last] if meaning(last) == Some(Meaning::Name) => Some(of),
        [.., last] => Some(last),
        [] => None,
    }
}

/// The folded words of a name: `parentAsin`, `parent_asin` and `PARENT ASIN` have the same.
fn parts(name: &str) -> Vec<String> {
    #[derive(PartialEq, Clone, Copy)]
    enum Class {
        Between,
        Lower,
        Upper,
        /// Scripts without blanks between words.
        Dense,
    }
    let class = |char: char| match char {
        _ if is_dense(char) => Class::Dense,
        '\u{300}'..='\u{36f}' => Class::Lower,
        _ if !char.is_alphanumeric() => Class::Between,
        _ if char.is_uppercase() => Class::Upper,
        _ => Class::Lower,
    };
    let mut parts: Vec<(String, bool)> = vec![(String::new(), false)];
    let mut before = Class::Between;
    for char in name.chars() {
        let now = class(char);
        let begins = now == Class::Between
            || now == Class::Upper && before == Class::Lower
            || (now == Class::Dense) != (before == Class::Dense);
        if begins {
            parts.push((String::new(), now == Class::Dense));
        }
        if now != Class::Between {
            parts.last_mut().expect("there is a first part").0.push(char);
        }
        before = now;
    }
    let words = parts.into_iter().flat_map(|(part, is_dense)| match is_dense {
        true => segments(&part),
        false => vec![folded(&part)],
    });
    words.filter(|part| !part.is_empty()).collect()
}

/// Chinese and Japanese letters.
fn is_dense(char: char) -> bool {
    matches!(char, '\u{3005}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}')
}

/// The words of a text without blanks between them, each the longest one that is known; `购买时间` is 购买 and 时间.
fn segments(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut unknown = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let mut ends = rest.char_indices().map(|(place, char)| place + char.len_utf8());
        let known = ends.rfind(|&end| meaning(&rest[..end]).is_some());
        match known {
            Some(end) => {
                words.push(std::mem::take(&mut unknown));
                words.push(rest[..end].to_owned());
                rest = &rest[end..];
            }
            None => {
                unknown.push(first);
                rest = &rest[first.len_utf8()..];
            }
        }
    }
    words.push(unknown);
    words
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
            // Not the user, the item or the time of an event.
            ("author_id", User, 0),
            ("seller_id", User, 0),
            ("creator", User, 0),
            ("n_items", Item, 0),
            ("birth_date", Time, 0),
            ("release_date", Time, 0),
            ("updated_at", Time, 0),
            // What one is called is less sure than an id.
            ("username", User, 1),
            ("product_name", Item, 1),
            ("person_id", User, 2),
        ];
        for (name, role, wanted) in cases {
            assert_eq!(fit(role, name), wanted, "{name} as {}", role.word());
        }
    }

    #[test]
    fn names_fit_roles_in_several_languages() {
        use Role::*;
        let cases = [
            ("Benutzer", User, 3),
            ("ID_Kunde", User, 3),
            ("Kunden-Nr.", User, 3),
            ("Kundennummer", User, 3),
            ("K\u{e4}ufer", User, 3),
            ("Ka\u{308}ufer", User, 3),
            ("id_utilisateur", User, 3),
            ("identifiant du client", User, 3),
            ("id_usuario", User, 3),
            ("codigo_do_cliente", User, 3),
            ("utente", User, 3),
            ("polzovatel_id", User, 3),
            ("yonghu_id", User, 3),
            ("用户ID", User, 3),
            ("用户编号", User, 3),
            ("会員番号", User, 3),
            ("ユーザーID", User, 3),
            ("Artikelnummer", Item, 3),
            ("ArtikelNr", Item, 3),
            ("Pr\u{e4}sent", Item, 0),
            ("produit", Item, 3),
            ("id_pel\u{ed}cula", Item, 3),
            ("cod_artículo", Item, 2),
            ("código do produto", Item, 3),
            ("prodotto_id", Item, 3),
            ("tovar", Item, 3),
            ("商品ID", Item, 3),
            ("商品类别", Item, 0),
            ("商品名称", Item, 1),
            ("Zeit", Time, 3),
            ("Datum", Time, 3),
            ("Bestelldatum", Time, 2),
            ("Geburtsdatum", Time, 0),
            ("fecha", Time, 3),
            ("fecha_compra", Time, 2),
            ("fecha_de_nacimiento", Time, 0),
            ("date_achat", Time, 2),
            ("data_acquisto", Time, 2),
            ("shijian", Time, 3),
            ("时间", Time, 3),
            ("购买时间", Time, 2),
            ("注册时间", Time, 0),
            ("日時", Time, 3),
        ];
        for (name, role, wanted) in cases {
            assert_eq!(fit(role, name), wanted, "{name} as {}", role.word());
        }
    }

    #[test]
    fn names_speak_of_something_else() {
        for (name, wanted) in [
            ("store_id", Some("store")),
            ("storeid", Some("store")),
            ("StoreKey", Some("store")),
            ("session_id", Some("session")),
            ("order_no", Some("order")),
            ("seller_name", Some("seller")),
            ("Filialnummer", Some("filialnummer")),
            ("item_category", Some("category")),
            ("类别编号", Some("类别")),
            ("shelf", None),
            ("user_id", None),
            ("id", None),
        ] {
            assert_eq!(other_subject(name).as_deref(), wanted, "{name}");
        }
    }

    #[test]
    fn keys_are_told_by_their_names_and_those_of_their_files() {
        use KeyName::*;
        let cases = [
            ("product_id", "products", "product_id", Role::Item, Same),
            ("PRODUCT_ID", "x", "productId", Role::Item, Same),
            ("movieId", "links", "movieId", Role::Item, Same),
            ("id", "products", "product_id", Role::Item, Fits),
            ("id", "Produkte_2020", "Artikel", Role::Item, Fits),
            ("item_id", "meta", "product_id", Role::Item, Fits),
            ("film_id", "films", "movie_id", Role::Item, Fits),
            ("song_id", "songs", "movie_id", Role::Item, Against),
            ("store_id", "stores", "product_id", Role::Item, Against),
            ("id", "stores", "product_id", Role::Item, Against),
            ("id", "stores", "id", Role::Item, Against),
            ("id", "product_categories", "product_id", Role::Item, Against),
            ("widget_id", "widgets", "product_id", Role::Item, Against),
            ("key", "a", "track", Role::Item, Silent),
            ("user_id", "users", "product_id", Role::Item, Against),
            ("id", "customers", "user_id", Role::User, Fits),
            ("person_id", "people", "user_id", Role::User, Silent),
            ("person_id", "people", "person_id", Role::User, Same),
            ("id", "actors", "user_id", Role::User, Against),
            ("author_id", "authors", "user_id", Role::User, Against),
        ];
        for (column, file, of_events, role, wanted) in cases {
            assert_eq!(key_name(column, file, of_events, role), wanted, "{column} of {file} for {of_events}");
        }
    }

    #[test]
    fn titles_are_called_so() {
        for (name, wanted) in [
            ("title", true),
            ("movieTitle", true),
            ("track_name", true),
            ("Bezeichnung", true),
            ("nombre_producto", true),
            ("商品名称", true),
            ("named", false),
            ("email", false),
        ] {
            assert_eq!(is_title(name), wanted, "{name}");
        }
    }
}
