use u2i_random::{Purpose, Stream};

/// Changes inputs: the same changes in every run.
pub struct Mutator<'a> {
    stream: Stream,
    tokens: &'a [&'a [u8]],
}

/// Numbers that readers trip over.
const NUMBERS: [&str; 12] = [
    "0",
    "-1",
    "1",
    "00",
    "1e3",
    "NaN",
    "inf",
    "0.5",
    "2147483648",
    "4294967296",
    "18446744073709551615",
    "99999999999999999999",
];
/// Bytes that begin, end or break something in any text.
const BYTES: &[u8] = b"\0\t\n\r \"#',-.:;=[]{}|\\\x7f\x80\xc3\xe9\xef\xff";

impl<'a> Mutator<'a> {
    pub fn new(target: &str, tokens: &'a [&'a [u8]]) -> Self {
        let key = target.bytes().fold(0, |key: u64, byte| key.wrapping_mul(31).wrapping_add(u64::from(byte)));
        Mutator { stream: Stream::new(1, Purpose::SYNTHETIC, key, 0), tokens }
    }

    /// One of the pool, changed in one to eight ways.
    pub fn mutate(&mut self, pool: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = pool[self.stream.index(pool.len())].clone();
        for _ in 0..=self.stream.index(8) {
            self.change(&mut bytes, pool);
        }
        bytes
    }

    fn change(&mut self, bytes: &mut Vec<u8>, pool: &[Vec<u8>]) {
        let at = self.stream.index(bytes.len() + 1);
        let end = (at + 1 + self.stream.index(16)).min(bytes.len());
        match self.stream.index(10) {
            0 if at < bytes.len() => bytes[at] ^= 1 << self.stream.index(8),
            1 if at < bytes.len() => bytes[at] = self.stream.index(256) as u8,
            2 => bytes.insert(at, BYTES[self.stream.index(BYTES.len())]),
            3 if at < end => drop(bytes.drain(at..end)),
            4 if at < end => {
                let copy = bytes[at..end].to_vec();
                bytes.splice(at..at, copy);
            }
            5 => bytes.truncate(at),
            6 => drop(bytes.splice(at..end.max(at), NUMBERS[self.stream.index(NUMBERS.len())].bytes())),
            7 if !self.tokens.is_empty() => {
                let token = self.tokens[self.stream.index(self.tokens.len())];
                bytes.splice(at..at, token.iter().copied());
            }
            8 if bytes.len() >= 8 => {
                // A length in binary that is none.
                let at = at.min(bytes.len() - 8);
                let number = u64::MAX >> self.stream.index(64);
                bytes[at..at + 8].copy_from_slice(&number.to_le_bytes());
            }
            9 => {
                let other = &pool[self.stream.index(pool.len())];
                let from = self.stream.index(other.len() + 1);
                bytes.truncate(at);
                bytes.extend_from_slice(&other[from..]);
            }
            _ => {}
        }
    }
}
