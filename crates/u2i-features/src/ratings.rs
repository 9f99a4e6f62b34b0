use crate::ids::Ids;
use crate::raw::RawEvents;
use crate::text::Separator;
use crate::time::YEAR_2100_S;

/// How the stars of a rating are written.
pub(crate) trait Stars {
    /// What a rating is, for messages.
    const WANTED: &'static str;

    /// The whole stars of the rating that `text` begins with, as a digit, and what follows the rating. A half star counts
    /// as none: 4.5 is liked as 4 is, and 3.5 is not.
    fn take(text: &[u8]) -> Option<(u8, &[u8])>;
}

/// One to five stars.
pub(crate) struct WholeStars;

impl Stars for WholeStars {
    const WANTED: &'static str = "a rating from 1 to 5";

    #[inline(always)]
    fn take(text: &[u8]) -> Option<(u8, &[u8])> {
        match text {
            [stars @ b'1'..=b'5', rest @ ..] => Some((*stars, rest)),
            _ => None,
        }
    }
}

/// Half a star to five stars: `0.5`, `1`, `1.5`, … `5`; whole stars may also be written `4.0`.
pub(crate) struct HalfStars;

impl Stars for HalfStars {
    const WANTED: &'static str = "a rating from 0.5 to 5 in half stars";

    #[inline(always)]
    fn take(text: &[u8]) -> Option<(u8, &[u8])> {
        match text {
            [stars @ b'0'..=b'4', b'.', b'5', rest @ ..] | [stars @ b'1'..=b'5', b'.', b'0', rest @ ..] => {
                Some((*stars, rest))
            }
            [b'0'..=b'9', b'.', ..] => None,
            [stars @ b'1'..=b'5', rest @ ..] => Some((*stars, rest)),
            _ => None,
        }
    }
}

/// What is read of a file of ratings of MovieLens.
#[derive(Default)]
pub(crate) struct Ratings {
    pub(crate) users: Ids,
    pub(crate) items: Ids,
    pub(crate) events: RawEvents,
    /// Events with a rating of at least 4.
    pub(crate) liked: Vec<u32>,
}

impl Ratings {
    /// Keeps the rows that `text` begins with, up to one that has to be looked at field by field, and returns how many they
    /// are and their bytes. The file is `expected` to have so many.
    pub(crate) fn keep_plain<S: Stars>(
        &mut self,
        text: &[u8],
        separator: Separator,
        expected: usize,
    ) -> (usize, usize) {
        let (mut n_rows, mut rest) = (0, text);
        let user = |text| plain_number(text).and_then(|(id, behind)| Some((id, separator.strip(behind)?)));
        'users: while let Some((id, mut of_user)) = user(rest) {
            // Most rows begin as the row before.
            let start = &rest[..rest.len() - of_user.len()];
            let mut known = None;
            loop {
                let Some((row, behind)) = plain_rating::<S>(of_user, separator) else { break 'users };
                // Either is found in its table, or the row is read as any other.
                known = known.or_else(|| self.users.intern_small(id));
                let Some(user) = known else { break 'users };
                let Some(item) = self.items.intern_small(row.item) else { break 'users };
                self.keep(user, item, row.rating, row.time_s, expected);
                (n_rows, rest) = (n_rows + 1, behind);
                let Some(behind) = rest.strip_prefix(start) else { break };
                of_user = behind;
            }
        }
        (n_rows, text.len() - rest.len())
    }

    /// Keeps a row of a file that is `expected` to have so many.
    #[inline(always)]
    pub(crate) fn keep(&mut self, user: u32, item: u32, rating: u8, time_s: i64, expected: usize) {
        // Taken back rather than not put there: which it is cannot be foretold, and a branch would often go wrong.
        self.liked.push(self.events.user.len() as u32);
        self.liked.truncate(self.liked.len() - usize::from(!matches!(rating, b'4' | b'5')));
        self.events.make_room(expected);
        self.events.user.push(user);
        self.events.item.push(item);
        self.events.time_s.push(time_s);
    }
}

/// A number in a row that is read at once has at most so many digits.
const PLAIN_DIGITS: usize = 10;
/// Such a row has at most so many bytes: four numbers with two bytes behind each. A rating is shorter than that.
pub(crate) const PLAIN_BYTES: usize = 4 * (PLAIN_DIGITS + 2);

/// What follows a user in a row of a file, the whole stars of the rating as a digit.
struct PlainRating {
    item: u64,
    rating: u8,
    time_s: i64,
}

/// What `text` begins with of a row, behind its user, and what follows the row, if it is written as almost all are: short
/// numbers without leading zeros, in their ranges, and no carriage return. `None` says nothing of any other row but that
/// it has to be looked at field by field.
#[inline(always)]
fn plain_rating<S: Stars>(text: &[u8], separator: Separator) -> Option<(PlainRating, &[u8])> {
    let (item, rest) = plain_number(text)?;
    let (rating, rest) = S::take(separator.strip(rest)?)?;
    let (time_s, rest) = plain_time(separator.strip(rest)?)?;
    let row = PlainRating { item, rating, time_s: time_s as i64 };
    Some((row, rest.strip_prefix(b"\n")?)).filter(|(row, _)| row.time_s < YEAR_2100_S)
}

/// The number that `text` begins with, and what follows it.
#[inline(always)]
fn plain_number(text: &[u8]) -> Option<(u64, &[u8])> {
    let (number, rest) = more_digits(0, text, PLAIN_DIGITS)?;
    let digits = text.len() - rest.len();
    (digits == 1 || digits > 1 && text[0] != b'0').then_some((number, rest))
}

/// [`plain_number`], faster where a number has nine digits or ten as times do.
#[inline(always)]
fn plain_time(text: &[u8]) -> Option<(u64, &[u8])> {
    match text.split_first_chunk().and_then(|(first, rest)| Some((eight_digits(first)?, rest))) {
        Some((number, rest)) if text[0] != b'0' => more_digits(number, rest, PLAIN_DIGITS - 8),
        _ => plain_number(text),
    }
}

/// The number that `number` makes with the digits behind it, at most `most`, and what follows them.
#[inline(always)]
fn more_digits(mut number: u64, text: &[u8], most: usize) -> Option<(u64, &[u8])> {
    let mut digits = 0;
    while let Some(digit @ b'0'..=b'9') = text.get(digits) {
        if digits == most {
            return None;
        }
        number = 10 * number + u64::from(digit - b'0');
        digits += 1;
    }
    Some((number, &text[digits..]))
}

/// The number that eight digits make.
#[inline(always)]
fn eight_digits(text: &[u8; 8]) -> Option<u64> {
    // Each digit in a byte of its own, the first in the lowest. What is added sets the highest bit of a byte above 9.
    let digits = u64::from_le_bytes(*text) ^ u64::from_le_bytes([b'0'; 8]);
    let others = digits | ((digits & 0x7f7f_7f7f_7f7f_7f7f) + 0x7676_7676_7676_7676);
    if others & 0x8080_8080_8080_8080 != 0 {
        return None;
    }
    // Neighbours are put together to four numbers below 100, those to two below 10,000, and those to one.
    let pairs = (digits.wrapping_mul((10 << 8) + 1) >> 8) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs.wrapping_mul((100 << 16) + 1) >> 16) & 0x0000_ffff_0000_ffff;
    Some(fours.wrapping_mul((10_000 << 32) + 1) >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_ratings_are_read_at_once_and_others_left() {
        let cases = [
            ("1::1193::5::978300760", Some((1, 1193, true, 978_300_760))),
            ("0::0::1::0", Some((0, 0, false, 0))),
            ("1::2::3::99999999", Some((1, 2, false, 99_999_999))),
            ("1::2::4::4102444799", Some((1, 2, true, 4_102_444_799))),
            ("1::2::3::4102444800", None),
            ("01::2::3::4", None),
            ("1::2::03::4", None),
            ("1::2::0::4", None),
            ("1::2::6::4", None),
            ("1::2::3::012345678", None),
            ("1::2::3::99999999999", None),
            ("1::2::3::4:", None),
            ("1::2::3::4::5", None),
            ("1::2::3", None),
            ("1:::2::3::4", None),
            ("1::::3::4", None),
            ("1\t2\t3\t4", None),
            ("-1::2::3::4", None),
            ("", None),
        ];
        // How many rows are read at once, their bytes, and the last of them.
        let read = |text: &str, separator| {
            let mut ratings = Ratings::default();
            let (n_rows, n_bytes) = ratings.keep_plain::<WholeStars>(text.as_bytes(), separator, 0);
            let Ratings { users, items, events, liked } = ratings;
            let (users, items) = (users.into_texts(), items.into_texts());
            let last = events.user.len().checked_sub(1).map(|last| {
                let is_liked = liked.last() == Some(&(last as u32));
                let [user, item] = [&users[events.user[last] as usize], &items[events.item[last] as usize]];
                (user.parse().unwrap(), item.parse().unwrap(), is_liked, events.time_s[last])
            });
            (n_rows, n_bytes, users.len(), last)
        };
        for (line, wanted) in cases {
            // Behind rows of nobody, of user 1, and of one whose id begins as that.
            for before in ["", "1::9::3::9\n", "11::9::3::9\n"] {
                let n = usize::from(!before.is_empty());
                let left = (
                    n,
                    before.len(),
                    n,
                    (n > 0).then(|| (if before.starts_with("1:") { 1 } else { 11 }, 9, false, 9)),
                );
                let wanted = wanted.map_or(left, |last: (u32, u32, bool, i64)| {
                    let is_same = left.3.is_some_and(|(user, ..)| user == last.0);
                    (n + 1, before.len() + line.len() + 1, n + usize::from(!is_same), Some(last))
                });
                assert_eq!(
                    read(&format!("{before}{line}\n?"), Separator::TwoColons),
                    wanted,
                    "{before}{line}"
                );
                // The end is not in memory, or is another.
                assert_eq!(read(&format!("{before}{line}"), Separator::TwoColons), left, "{before}{line}");
                assert_eq!(
                    read(&format!("{before}{line}\r\n"), Separator::TwoColons),
                    left,
                    "{before}{line}"
                );
            }
        }
        let tabs = read("1\t2\t3\t4\n1\t2\t3\t5\n", Separator::Byte(b'\t'));
        assert_eq!(tabs, (2, 16, 1, Some((1, 2, false, 5))));
    }

    #[test]
    fn half_stars_are_read_whole_and_nothing_else_is() {
        let read = |rating: &str| {
            let mut ratings = Ratings::default();
            let row = format!("1::2::{rating}::978300760\n");
            let (n_rows, n_bytes) = ratings.keep_plain::<HalfStars>(row.as_bytes(), Separator::TwoColons, 0);
            assert_eq!(n_bytes, n_rows * row.len());
            (n_rows == 1).then_some(!ratings.liked.is_empty())
        };
        for (rating, is_liked) in [
            ("0.5", false),
            ("1", false),
            ("3.5", false),
            ("3.0", false),
            ("4", true),
            ("4.0", true),
            ("4.5", true),
            ("5", true),
            ("5.0", true),
        ] {
            assert_eq!(read(rating), Some(is_liked), "{rating}");
        }
        for rating in ["0", "0.0", "5.5", "6", "3.25", "3.", ".5", "3,5", "3.5.", "3.50", "-1", "1e0", ""] {
            assert_eq!(read(rating), None, "{rating}");
        }
    }

    #[test]
    fn eight_digits_are_a_number_and_nothing_else_is() {
        assert_eq!(eight_digits(b"97830076"), Some(97_830_076));
        assert_eq!([b"00000000", b"99999999"].map(eight_digits), [Some(0), Some(99_999_999)]);
        for place in 0..8 {
            for byte in (0..=255).filter(|byte: &u8| !byte.is_ascii_digit()) {
                let mut text = *b"12345678";
                text[place] = byte;
                assert_eq!(eight_digits(&text), None, "{text:?}");
            }
        }
    }

    /// Rows that are read field by field come with room for all that are expected, as those that are read at once do.
    #[test]
    fn there_is_room_for_as_many_rows_as_are_expected() {
        let mut ratings = Ratings::default();
        ratings.keep(0, 0, b'5', 1, 100_000);
        let RawEvents { user, item, time_s, .. } = &ratings.events;
        for capacity in [user.capacity(), item.capacity(), time_s.capacity()] {
            assert!((100_000..110_000).contains(&capacity), "{capacity}");
        }
    }
}
