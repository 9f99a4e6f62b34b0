use crate::RawEvents;
use crate::ids::Ids;
use crate::movielens::YEAR_2100_S;
use crate::text::Separator;

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
    /// Keeps a row of a file that is `expected` to have so many.
    pub(crate) fn keep(&mut self, user: u32, item: u32, rating: u8, time_s: i64, expected: usize) {
        if matches!(rating, b'4' | b'5') {
            self.liked.push(self.events.user.len() as u32);
        }
        self.events.make_room(expected);
        self.events.user.push(user);
        self.events.item.push(item);
        self.events.time_s.push(time_s);
    }
}

/// A number in a row that is read at once has at most so many digits.
const PLAIN_DIGITS: usize = 10;
/// Such a row has at most so many bytes: four numbers with two bytes behind each.
pub(crate) const PLAIN_BYTES: usize = 4 * (PLAIN_DIGITS + 2);

/// User, item, rating and time of the row that `text` begins with, and its bytes with the newline, if it is written as
/// almost all are: short numbers without leading zeros, in their ranges, and no carriage return. `None` says nothing of
/// any other row but that it has to be looked at field by field.
pub(crate) fn plain_rating(text: &[u8], separator: Separator) -> Option<(usize, (u64, u64, u8, i64))> {
    let mut rest = text;
    let mut number = |is_last: bool| {
        let (mut number, mut digits) = (0, 0);
        while let Some(digit @ b'0'..=b'9') = rest.get(digits) {
            if digits == PLAIN_DIGITS {
                return None;
            }
            number = 10 * number + u64::from(digit - b'0');
            digits += 1;
        }
        let is_plain = digits == 1 || digits > 1 && rest[0] != b'0';
        let behind = &rest[digits..];
        rest = if is_last { behind.strip_prefix(b"\n")? } else { separator.strip(behind)? };
        is_plain.then_some(number)
    };
    let (user, item, rating, time_s) = (number(false)?, number(false)?, number(false)?, number(true)?);
    let is_in_range = (1..=5).contains(&rating) && time_s < YEAR_2100_S as u64;
    is_in_range.then(|| (text.len() - rest.len(), (user, item, b'0' + rating as u8, time_s as i64)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_ratings_are_read_at_once_and_others_left() {
        let cases = [
            ("1::1193::5::978300760", Some((1, 1193, b'5', 978_300_760))),
            ("0::0::1::0", Some((0, 0, b'1', 0))),
            ("1::2::3::4102444799", Some((1, 2, b'3', 4_102_444_799))),
            ("1::2::3::4102444800", None),
            ("01::2::3::4", None),
            ("1::2::03::4", None),
            ("1::2::0::4", None),
            ("1::2::6::4", None),
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
        for (line, wanted) in cases {
            let wanted = wanted.map(|wanted| (line.len() + 1, wanted));
            let text = format!("{line}\n5::6::1::7\n");
            assert_eq!(plain_rating(text.as_bytes(), Separator::TwoColons), wanted, "{line}");
            // The end is not in memory, or is another.
            assert_eq!(plain_rating(line.as_bytes(), Separator::TwoColons), None, "{line}");
            assert_eq!(plain_rating(format!("{line}\r\n").as_bytes(), Separator::TwoColons), None, "{line}");
        }
        assert_eq!(plain_rating(b"1\t2\t3\t4\n", Separator::Byte(b'\t')), Some((8, (1, 2, b'3', 4))));
    }

    /// Rows that are read field by field come with room for all that are expected, as those that are read at once do.
    #[test]
    fn there_is_room_for_as_many_rows_as_are_expected() {
        let mut ratings = Ratings::default();
        ratings.keep(0, 0, b'5', 1, 100_000);
        let RawEvents { user, item, time_s } = &ratings.events;
        for capacity in [user.capacity(), item.capacity(), time_s.capacity()] {
            assert!((100_000..110_000).contains(&capacity), "{capacity}");
        }
    }
}
