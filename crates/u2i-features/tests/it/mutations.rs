//! Files of good rows, some of them broken on purpose at known lines and columns.

use crate::*;

/// A column: how a good field is drawn for a row, counted from 0, and what is wrong in it.
pub struct Field {
    pub name: &'static str,
    pub good: fn(&mut Stream, usize) -> String,
    pub bad: &'static [&'static [u8]],
}

/// A file, and the line and column of each broken row; no column if it is the row as a whole.
pub struct Mutated {
    pub file: Vec<u8>,
    pub broken: Vec<(u64, &'static str)>,
}

/// A tenth of them is broken: more than 10,000 in the eight files of all tests.
pub const N_ROWS: usize = 13_000;
pub const MAX_LINE_BYTES: usize = 200;

/// [`N_ROWS`] rows of which a tenth is broken; the first row is on line `first`, and it and the last are good.
pub fn mutated(seed: u64, separator: &[u8], fields: &[Field], first: u64) -> Mutated {
    let mut rng = Stream::new(seed, Purpose::SYNTHETIC, 0, 0);
    let mut mutated = Mutated { file: Vec::new(), broken: Vec::new() };
    for row in 0..N_ROWS {
        let mut drawn: Vec<Vec<u8>> =
            fields.iter().map(|field| (field.good)(&mut rng, row).into_bytes()).collect();
        let place = rng.index(fields.len());
        if (1..N_ROWS - 1).contains(&row) && rng.below(10) == 0 {
            let mut column = "";
            match rng.below(10) {
                0 => drop(drawn.remove(place)),
                1 => drawn.insert(place, b"5".to_vec()),
                2 => drawn.clear(),
                3 => drawn[place].resize(MAX_LINE_BYTES + 1, b'7'),
                4 => drawn[place].push(0),
                _ if fields[place].bad.is_empty() => drawn.push(Vec::new()),
                _ => {
                    drawn[place] = fields[place].bad[rng.index(fields[place].bad.len())].to_vec();
                    column = fields[place].name;
                }
            }
            mutated.broken.push((first + row as u64, column));
        }
        mutated.file.extend_from_slice(&drawn.join(separator));
        mutated.file.extend_from_slice(if rng.below(2) == 0 { b"\n" } else { b"\r\n" });
    }
    mutated
}

/// Each broken row is rejected at its line and column.
pub fn assert_rejected(file: &FileCounts, broken: &[(u64, &str)]) {
    assert!(broken.len() > N_ROWS / 20, "{}", broken.len());
    let rejects: Vec<_> = file.rejects.iter().map(|reject| (reject.line, reject.column.as_str())).collect();
    for row in broken {
        assert!(rejects.contains(row), "{}: {row:?} is not rejected there", file.path.display());
    }
}
