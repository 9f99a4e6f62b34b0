use std::borrow::Cow;
use std::path::Path;

use u2i_schema::Digest;

use crate::error::FeatureError;
use crate::ids::Ids;
use crate::limits::ReadLimits;
use crate::ratings::{HalfStars, PLAIN_BYTES, Ratings, Stars, WholeStars};
use crate::raw::{FileCounts, RawColumn, RawData, RawEvents, RawSequence, RawValues, Times};
use crate::read_progress::ReadProgress;
use crate::tally::{Bad, Fate, Tally};
use crate::text::{Encoding, Line, Lines, Separator};
use crate::time::YEAR_2100_S;

/// The files of each folder.
pub(crate) const ML_1M: [&str; 3] = ["ratings.dat", "users.dat", "movies.dat"];
pub(crate) const ML_10M: [&str; 2] = ["ratings.dat", "movies.dat"];
pub(crate) const ML_100K: [&str; 3] = ["u.data", "u.user", "u.item"];

/// Bytes of the files of a folder that are there.
pub(crate) fn n_bytes(dir: &Path, files: &[&str]) -> u64 {
    files.iter().map(|file| std::fs::metadata(dir.join(file)).map_or(0, |metadata| metadata.len())).sum()
}

/// The genres of ML-100K in the order of their flags, as its README lists them.
const GENRES: [&str; 19] = [
    "unknown",
    "Action",
    "Adventure",
    "Animation",
    "Children's",
    "Comedy",
    "Crime",
    "Documentary",
    "Drama",
    "Fantasy",
    "Film-Noir",
    "Horror",
    "Musical",
    "Mystery",
    "Romance",
    "Sci-Fi",
    "Thriller",
    "War",
    "Western",
];

/// What stands in place of genres where a movie has none.
const NO_GENRES: &str = "(no genres listed)";

/// Reads the MovieLens 1M folder: `ratings.dat`, `users.dat`, `movies.dat`; `::` between fields, Latin-1.
///
/// Every rating is an event, whatever its value; those of 4 and 5 are the sequence `liked`, too. User attributes are
/// `gender`, `age` (number), `occupation`, `zip`, `zip3` (its first three characters); item attributes `title`,
/// `genres` (list), `first_genre`, `year` (number, from the title) and `year5` (the first year of its five).
///
/// Harper and Konstan, "The MovieLens Datasets: History and Context", TiiS 2015.
///
/// # Errors
///
/// If a file cannot be read, or holds more bad rows than `limits` allow.
pub fn read_ml_1m(dir: &Path, limits: &ReadLimits) -> Result<RawData, FeatureError> {
    ml_1m(dir, limits, &mut ReadProgress::silent())
}

/// [`read_ml_1m`], followed by its bytes.
pub(crate) fn ml_1m(
    dir: &Path,
    limits: &ReadLimits,
    progress: &mut ReadProgress<'_>,
) -> Result<RawData, FeatureError> {
    let mut reader = Reader::new(limits, progress, Separator::TwoColons);
    reader.events::<WholeStars>(&dir.join("ratings.dat"))?;
    let mut users = UserColumns::new(reader.user_ids.len());
    reader.users(
        &dir.join("users.dat"),
        &mut users,
        ["user", "gender", "age", "occupation", "zip"],
        [1, 2, 3, 4],
    )?;
    let items = reader.movies(&dir.join("movies.dat"), Encoding::Latin1)?;
    Ok(reader.finish(Some(users), items))
}

/// Reads the MovieLens 10M folder: `ratings.dat`, `movies.dat`; `::` between fields, UTF-8. There are no users' attributes.
///
/// The rest is as in [`read_ml_1m`]; ratings come in half stars, and `liked` are those of 4 stars and more. A movie with
/// `(no genres listed)` has none. `tags.dat` is not read: a tag is not an event, and says who looked at an item afterwards.
///
/// # Errors
///
/// If a file cannot be read, or holds more bad rows than `limits` allow.
pub fn read_ml_10m(dir: &Path, limits: &ReadLimits) -> Result<RawData, FeatureError> {
    ml_10m(dir, limits, &mut ReadProgress::silent())
}

/// [`read_ml_10m`], followed by its bytes.
pub(crate) fn ml_10m(
    dir: &Path,
    limits: &ReadLimits,
    progress: &mut ReadProgress<'_>,
) -> Result<RawData, FeatureError> {
    let mut reader = Reader::new(limits, progress, Separator::TwoColons);
    reader.events::<HalfStars>(&dir.join("ratings.dat"))?;
    let items = reader.movies(&dir.join("movies.dat"), Encoding::Utf8)?;
    Ok(reader.finish(None, items))
}

/// Reads the MovieLens 100K folder: `u.data` (tab), `u.user` and `u.item` (`|`), Latin-1.
///
/// The attributes are those of [`read_ml_1m`]; genres come from the flags.
///
/// # Errors
///
/// If a file cannot be read, or holds more bad rows than `limits` allow.
pub fn read_ml_100k(dir: &Path, limits: &ReadLimits) -> Result<RawData, FeatureError> {
    ml_100k(dir, limits, &mut ReadProgress::silent())
}

/// [`read_ml_100k`], followed by its bytes.
pub(crate) fn ml_100k(
    dir: &Path,
    limits: &ReadLimits,
    progress: &mut ReadProgress<'_>,
) -> Result<RawData, FeatureError> {
    let mut reader = Reader::new(limits, progress, Separator::Byte(b'\t'));
    reader.events::<WholeStars>(&dir.join("u.data"))?;
    reader.separator = Separator::Byte(b'|');
    let mut users = UserColumns::new(reader.user_ids.len());
    reader.users(
        &dir.join("u.user"),
        &mut users,
        ["user", "age", "gender", "occupation", "zip"],
        [2, 1, 3, 4],
    )?;
    let mut items = ItemColumns::new(reader.item_ids.len());
    let mut columns = [""; 24];
    columns[..5].copy_from_slice(&["item", "title", "release_date", "video_release_date", "imdb_url"]);
    columns[5..].copy_from_slice(&GENRES);
    let parse = |fields: &[&[u8]; 24]| {
        let mut genres = Vec::new();
        for (flag, name) in fields[5..].iter().zip(GENRES) {
            match *flag {
                b"0" => {}
                b"1" => genres.push(name.to_owned()),
                other => return Err(bad(name, "0 or 1", other)),
            }
        }
        Ok((text(fields[1]), genres))
    };
    reader.items(&dir.join("u.item"), &mut items, columns, parse)?;
    Ok(reader.finish(Some(users), items))
}

struct Reader<'a, 'b> {
    limits: &'a ReadLimits,
    progress: &'a mut ReadProgress<'b>,
    separator: Separator,
    user_ids: Ids,
    item_ids: Ids,
    events: RawEvents,
    /// Events with a rating of at least 4.
    liked: Vec<u32>,
    files: Vec<FileCounts>,
    digest: Digest,
}

impl<'a, 'b> Reader<'a, 'b> {
    fn new(limits: &'a ReadLimits, progress: &'a mut ReadProgress<'b>, separator: Separator) -> Self {
        Reader {
            limits,
            progress,
            separator,
            user_ids: Ids::default(),
            item_ids: Ids::default(),
            events: RawEvents::default(),
            liked: Vec::new(),
            files: Vec::new(),
            digest: Digest::new(),
        }
    }

    fn events<S: Stars>(&mut self, path: &Path) -> Result<(), FeatureError> {
        let mut ratings = Ratings::default();
        let separator = self.separator;
        let keep_plain =
            |ratings: &mut Ratings, text: &[u8], expected| ratings.keep_plain::<S>(text, separator, expected);
        self.rows(path, &mut ratings, keep_plain, |ratings, line, expected| {
            let fields = fields_of(separator, line, ["user", "item", "rating", "timestamp"])?;
            let (user, item) = (integer("user", fields[0])?, integer("item", fields[1])?);
            let Some((rating, [])) = S::take(fields[2]) else {
                return Err(bad("rating", S::WANTED, fields[2]));
            };
            let is_seconds = |&time_s: &i64| time_s < YEAR_2100_S;
            let time_s = integer("timestamp", fields[3])?.parse::<i64>().ok().filter(is_seconds);
            let time_s = time_s.ok_or_else(|| bad("timestamp", "seconds before the year 2100", fields[3]))?;
            let (user, item) = (ratings.users.intern(user), ratings.items.intern(item));
            ratings.keep(user, item, rating, time_s, expected);
            Ok(Fate::Kept)
        })?;
        ratings.liked.shrink_to_fit();
        let Ratings { users, items, events, liked } = ratings;
        (self.user_ids, self.item_ids, self.events, self.liked) = (users, items, events, liked);
        Ok(())
    }

    /// `places`: where gender, age, occupation and zip stand.
    fn users(
        &mut self,
        path: &Path,
        columns: &mut UserColumns,
        names: [&'static str; 5],
        places: [usize; 4],
    ) -> Result<(), FeatureError> {
        let ids = std::mem::take(&mut self.user_ids);
        let mut seen = vec![false; ids.len()];
        let separator = self.separator;
        let read = self.rows(
            path,
            &mut (),
            |_, _, _| (0, 0),
            |_, line, _| {
                let fields = fields_of(separator, line, names)?;
                let user = integer("user", fields[0])?;
                let [gender, age, occupation, zip] = places.map(|place| fields[place]);
                let years = integer("age", age)?.parse::<u16>().map_err(|_| bad("age", "years", age))?;
                for (name, field) in [("gender", gender), ("occupation", occupation), ("zip", zip)] {
                    if field.is_empty() {
                        return Err(Bad(name, "expected text, found nothing".to_owned()));
                    }
                }
                let Some(user) = first_time("user", ids.get(user), &mut seen)? else {
                    return Ok(Fate::Filtered);
                };
                let zip = text(zip);
                columns.gender[user] = Some(text(gender));
                columns.age[user] = f64::from(years);
                columns.occupation[user] = Some(text(occupation));
                columns.zip3[user] = Some(zip.chars().take(3).collect());
                columns.zip[user] = Some(zip);
                Ok(Fate::Kept)
            },
        );
        self.user_ids = ids;
        read
    }

    /// Reads `movies.dat`.
    fn movies(&mut self, path: &Path, encoding: Encoding) -> Result<ItemColumns, FeatureError> {
        let mut items = ItemColumns::new(self.item_ids.len());
        let decode = |column, field: &[u8]| {
            encoding.decode(field).map(Cow::into_owned).map_err(|reason| Bad(column, reason))
        };
        let parse = |fields: &[&[u8]; 3]| match decode("genres", fields[2])?.as_str() {
            "" => Err(Bad("genres", "expected genres, found nothing".to_owned())),
            NO_GENRES => Ok((decode("title", fields[1])?, Vec::new())),
            genres => Ok((decode("title", fields[1])?, genres.split('|').map(str::to_owned).collect())),
        };
        self.items(path, &mut items, ["item", "title", "genres"], parse)?;
        Ok(items)
    }

    fn items<const N: usize>(
        &mut self,
        path: &Path,
        columns: &mut ItemColumns,
        names: [&'static str; N],
        mut title_and_genres: impl FnMut(&[&[u8]; N]) -> Result<(String, Vec<String>), Bad>,
    ) -> Result<(), FeatureError> {
        let ids = std::mem::take(&mut self.item_ids);
        let mut seen = vec![false; ids.len()];
        let separator = self.separator;
        let read = self.rows(
            path,
            &mut (),
            |_, _, _| (0, 0),
            |_, line, _| {
                let fields = fields_of(separator, line, names)?;
                let item = integer("item", fields[0])?;
                let (title, genres) = title_and_genres(&fields)?;
                if title.is_empty() {
                    return Err(Bad("title", "expected a title, found nothing".to_owned()));
                }
                let Some(item) = first_time("item", ids.get(item), &mut seen)? else {
                    return Ok(Fate::Filtered);
                };
                if let Some(year) = year(&title) {
                    columns.year[item] = f64::from(year);
                    columns.year5[item] = Some((year / 5 * 5).to_string());
                }
                columns.first_genre[item] = genres.first().cloned();
                columns.genres[item] = genres;
                columns.titles[item] = Some(title);
                Ok(Fate::Kept)
            },
        );
        self.item_ids = ids;
        read
    }

    /// Hands each row of a file to `row` and counts what became of it. Before that `keep_plain` may keep some: it is given
    /// the text that begins with a row, and says how many it has kept and how many bytes they have with their ends. Both
    /// are told the number of rows to be expected.
    fn rows<S>(
        &mut self,
        path: &Path,
        state: &mut S,
        mut keep_plain: impl FnMut(&mut S, &[u8], usize) -> (usize, usize),
        mut row: impl FnMut(&mut S, &[u8], usize) -> Result<Fate, Bad>,
    ) -> Result<(), FeatureError> {
        let mut lines = Lines::open(path, Encoding::Latin1, self.limits)?;
        let mut tally = Tally::new(path, self.limits);
        let max_line_bytes = lines.max_line_bytes();
        loop {
            // No row that is kept at once is longer than this.
            if max_line_bytes >= PLAIN_BYTES {
                let (n_rows, n_bytes) = keep_plain(state, lines.in_memory(), lines.expected());
                lines.pass(n_rows, n_bytes);
                tally.kept(n_rows);
            }
            let expected = lines.expected();
            let Some((number, line)) = lines.next_line()? else { break };
            tally.row();
            let settled = match line {
                Line::TooLong => {
                    Err(Bad("", format!("longer than {max_line_bytes} bytes (key max_line_bytes)")))
                }
                Line::Nul => Err(Bad("", "has a NUL byte".to_owned())),
                Line::Text(line) => row(state, line, expected),
            };
            match settled {
                Ok(fate) => tally.settle(fate),
                Err(Bad(column, reason)) => tally.reject(number, column, reason),
            }
            self.progress.step(|| lines.passed_bytes())?;
        }
        self.progress.pass(lines.passed_bytes())?;
        if tally.is_empty() {
            return Err(FeatureError::Empty { path: path.to_owned() });
        }
        self.files.push(tally.finish()?);
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        self.digest = std::mem::take(&mut self.digest).part(&name, &lines.hash());
        Ok(())
    }

    fn finish(self, users: Option<UserColumns>, items: ItemColumns) -> RawData {
        let item_ids = self.item_ids.into_texts();
        let liked = RawSequence {
            name: "liked".to_owned(),
            values: item_ids.clone(),
            event: self.liked,
            ..RawSequence::default()
        };
        RawData {
            user_ids: self.user_ids.into_texts(),
            item_ids,
            titles: items.titles.clone(),
            events: self.events,
            users: users.map_or_else(Vec::new, UserColumns::named),
            items: items.named(),
            request: Vec::new(),
            sequences: vec![liked],
            times: Times::Known,
            kinds: None,
            parts: None,
            files: self.files,
            hash: self.digest.finish(),
        }
    }
}

struct UserColumns {
    gender: Vec<Option<String>>,
    age: Vec<f64>,
    occupation: Vec<Option<String>>,
    zip: Vec<Option<String>>,
    zip3: Vec<Option<String>>,
}

impl UserColumns {
    fn new(n: usize) -> Self {
        let text = || vec![None; n];
        UserColumns { gender: text(), age: vec![f64::NAN; n], occupation: text(), zip: text(), zip3: text() }
    }

    fn named(self) -> Vec<RawColumn> {
        vec![
            text_column("gender", self.gender),
            number_column("age", self.age),
            text_column("occupation", self.occupation),
            text_column("zip", self.zip),
            text_column("zip3", self.zip3),
        ]
    }
}

struct ItemColumns {
    titles: Vec<Option<String>>,
    genres: Vec<Vec<String>>,
    first_genre: Vec<Option<String>>,
    year: Vec<f64>,
    year5: Vec<Option<String>>,
}

impl ItemColumns {
    fn new(n: usize) -> Self {
        ItemColumns {
            titles: vec![None; n],
            genres: vec![Vec::new(); n],
            first_genre: vec![None; n],
            year: vec![f64::NAN; n],
            year5: vec![None; n],
        }
    }

    fn named(self) -> Vec<RawColumn> {
        vec![
            text_column("title", self.titles),
            RawColumn { name: "genres".to_owned(), values: RawValues::List(self.genres) },
            text_column("first_genre", self.first_genre),
            number_column("year", self.year),
            text_column("year5", self.year5),
        ]
    }
}

fn text_column(name: &str, values: Vec<Option<String>>) -> RawColumn {
    RawColumn { name: name.to_owned(), values: RawValues::Text(values) }
}

fn number_column(name: &str, values: Vec<f64>) -> RawColumn {
    RawColumn { name: name.to_owned(), values: RawValues::Number(values) }
}

fn fields_of<'a, const N: usize>(
    separator: Separator,
    line: &'a [u8],
    names: [&'static str; N],
) -> Result<[&'a [u8]; N], Bad> {
    let mut fields = [&b""[..]; N];
    match separator.split(line, &mut fields) {
        n if n == N => Ok(fields),
        n => Err(Bad("", format!("expected the {N} fields {}, found {n}", names.join(", ")))),
    }
}

/// The index of an id that has events, refusing a second row of it.
fn first_time(column: &'static str, index: Option<u32>, seen: &mut [bool]) -> Result<Option<usize>, Bad> {
    let Some(index) = index.map(|index| index as usize) else { return Ok(None) };
    match std::mem::replace(&mut seen[index], true) {
        true => Err(Bad(column, "a second row of the same id".to_owned())),
        false => Ok(Some(index)),
    }
}

fn integer<'a>(column: &'static str, field: &'a [u8]) -> Result<&'a str, Bad> {
    match std::str::from_utf8(field) {
        Ok(text) if !field.is_empty() && field.iter().all(u8::is_ascii_digit) => Ok(text),
        _ => Err(bad(column, "an integer", field)),
    }
}

fn bad(column: &'static str, wanted: &str, found: &[u8]) -> Bad {
    // Enough to recognise the field by.
    let found: String = text(found).chars().take(40).collect();
    Bad(column, format!("expected {wanted}, found {found:?}"))
}

fn text(field: &[u8]) -> String {
    Encoding::Latin1.decode(field).unwrap_or_default().into_owned()
}

/// The last `(1995)` of a title.
fn year(title: &str) -> Option<u16> {
    title.as_bytes().windows(6).rev().find_map(|window| match window {
        [b'(', digits @ .., b')'] if digits.iter().all(u8::is_ascii_digit) => {
            std::str::from_utf8(digits).ok()?.parse().ok()
        }
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_year_is_the_last_in_parentheses() {
        let cases = [
            ("Toy Story (1995)", Some(1995)),
            ("2001 (1968) (V)", Some(1968)),
            ("(500) Days", None),
            ("unknown", None),
        ];
        for (title, wanted) in cases {
            assert_eq!(year(title), wanted, "{title}");
        }
    }
}
