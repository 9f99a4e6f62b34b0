//! Files that were changed on purpose or by a broken disk: as they are, where the hash refuses them, and with the hash
//! made anew, where the reader behind it has to.

use std::fs;
use std::path::Path;
#[cfg(feature = "faiss")]
use std::process::Command;

use sha2::{Digest as _, Sha256};
use u2i_index::{ExactIndex, Index, IndexError, ItemVectors};
#[cfg(feature = "faiss")]
use u2i_index::{FaissIndex, FaissSpec, Filter, Similarity};
use u2i_random::{Purpose, Stream};

#[cfg(feature = "faiss")]
use crate::n;
use crate::normals;

/// Of each kind.
const MUTANTS: u64 = 1_000;
const ITEMS: usize = 120;
const DIM: usize = 5;
/// SHA-256 and mark.
const END: usize = 40;

/// Ids with gaps, so that a position is no id.
fn vectors() -> ItemVectors {
    many(ITEMS)
}

fn many(items: usize) -> ItemVectors {
    let ids = (1..=items as u32).map(|i| 2 * i + 5).collect();
    ItemVectors::new(ids, DIM, normals(items, DIM, 80)).unwrap()
}

/// The bytes of a saved index.
fn saved(index: &dyn Index) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index");
    index.save(&path).unwrap();
    fs::read(path).unwrap()
}

/// Ways to lie about a size.
const LIES: usize = 13;

/// A size that lies, in as many bytes as are there.
fn lie(at: &mut [u8], way: usize) {
    let mut size = [0; 8];
    size[..at.len()].copy_from_slice(at);
    let size = u64::from_le_bytes(size);
    let lies: [u64; LIES] = [
        0,
        1,
        size.wrapping_add(1),
        size.wrapping_sub(1),
        size << 1,
        size >> 1,
        1 << 20,
        1 << 31,
        1 << 39,
        1 << 62,
        u64::from(u32::MAX),
        i64::MAX as u64,
        u64::MAX,
    ];
    at.copy_from_slice(&lies[way].to_le_bytes()[..at.len()]);
}

/// Changes some bytes, and says how. What comes out may be what went in.
fn mutate(bytes: &mut Vec<u8>, stream: &mut Stream) -> &'static str {
    let len = bytes.len();
    let block = |stream: &mut Stream| {
        let start = stream.index(len);
        start..(start + 1 + stream.index(64)).min(len)
    };
    match stream.index(8) {
        0 => {
            (0..1 + stream.index(4)).for_each(|_| bytes[stream.index(len)] ^= 1 << stream.index(8));
            "flipped bits"
        }
        1 => {
            bytes.truncate(stream.index(len));
            "truncated"
        }
        2 => {
            bytes.rotate_left(if stream.index(2) == 0 { len / 2 } else { stream.index(len) });
            "swapped halves"
        }
        3 | 4 => {
            // Where faiss has its sizes, where it has those of its lists, and where we have ours.
            let width = [4, 8][stream.index(2)];
            let within = if stream.index(2) == 0 { 128.min(len - 8) } else { len - 8 };
            let start = stream.index(within);
            lie(&mut bytes[start..start + width], stream.index(LIES));
            "a size that lies"
        }
        5 => {
            // The description is text, its numbers are digits.
            let digits: Vec<usize> =
                (len.saturating_sub(400)..len).filter(|&at| bytes[at].is_ascii_digit()).collect();
            if let Some(&at) = digits.get(stream.index(digits.len().max(1))) {
                bytes[at] = b'0' + stream.index(10) as u8;
            }
            "another digit"
        }
        6 => {
            let range = block(stream);
            let value = [0, 0xff, stream.index(256) as u8][stream.index(3)];
            bytes[range].fill(value);
            "a block of one byte"
        }
        _ => {
            let range = block(stream);
            let copy = bytes[range.clone()].to_vec();
            let at = stream.index(len);
            if stream.index(2) == 0 {
                bytes.splice(at..at, copy);
            } else {
                bytes.drain(range);
            }
            "a block more or less"
        }
    }
}

fn stream(kind: &str, step: u64) -> Stream {
    Stream::new(kind.bytes().map(u64::from).sum(), Purpose::SYNTHETIC, 81, step)
}

/// Every mutant is refused for its bytes, which is before anything else is read from it.
fn check_mutants(kind: &str, whole: &[u8], load: impl Fn(&Path) -> Result<(), IndexError>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index");
    fs::write(&path, whole).unwrap();
    load(&path).unwrap();
    let (mut tried, mut step) = (0, 0);
    while tried < MUTANTS {
        let mut bytes = whole.to_vec();
        let how = mutate(&mut bytes, &mut stream(kind, step));
        step += 1;
        if bytes == whole {
            continue;
        }
        fs::write(&path, bytes).unwrap();
        match load(&path) {
            Err(IndexError::Changed { .. } | IndexError::CutOff { .. }) => {}
            Err(error) => panic!("{kind}, mutant {step}, {how}: {error}"),
            Ok(()) => panic!("{kind}, mutant {step}, {how}: it is read"),
        }
        tried += 1;
    }
}

/// What is hashed of a file, changed, with its hash and mark.
fn rehashed<T>(whole: &[u8], change: impl FnOnce(&mut Vec<u8>) -> T) -> (T, Vec<u8>) {
    let mut bytes = whole[..whole.len() - END].to_vec();
    let how = change(&mut bytes);
    let hash = Sha256::digest(&bytes);
    bytes.extend(hash);
    bytes.extend(&whole[whole.len() - 8..]);
    (how, bytes)
}

/// The file with another description, in which `new` stands for `old`.
fn redescribed(whole: &[u8], old: &str, new: &str) -> Vec<u8> {
    let end = whole.len() - END - 8;
    let length = u64::from_le_bytes(whole[end..end + 8].try_into().unwrap()) as usize;
    let description = std::str::from_utf8(&whole[end - length..end]).unwrap();
    assert_eq!(description.matches(old).count(), 1, "{description}");
    let other = description.replace(old, new);
    let change = |bytes: &mut Vec<u8>| {
        bytes.truncate(end - length);
        bytes.extend(other.as_bytes());
        bytes.extend((other.len() as u64).to_le_bytes());
    };
    rehashed(whole, change).1
}

#[test]
fn a_thousand_mutants_of_an_exact_index_are_refused() {
    let index = ExactIndex::new(vectors());
    check_mutants("exact", &saved(&index), |path| ExactIndex::load(path).map(drop));
}

/// A vector may be another one then, which no reader can know; but as many are there as the description says, and the
/// file holds them.
#[test]
fn behind_the_hash_an_exact_index_is_refused_or_whole() {
    let whole = saved(&ExactIndex::new(vectors()));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index");
    let (mut refused, mut read) = (0, 0);
    let mut check = |what: &str, bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        match ExactIndex::load(&path) {
            Err(_) => refused += 1,
            Ok(index) => {
                read += 1;
                let (ids, dim, data) = (index.vectors().ids(), index.vectors().dim(), index.vectors().data());
                assert_eq!(data.len(), ids.len() * dim, "{what}");
                assert_eq!(4 * (data.len() + ids.len()), 4 * ITEMS * (DIM + 1), "{what}: {ids:?}");
                assert!(ids[0] > 0 && ids.is_sorted_by(|a, b| a < b), "{what}: {ids:?}");
                assert!(data.iter().all(|x| x.is_finite()), "{what}");
            }
        }
    };
    for step in 0..MUTANTS {
        let (how, bytes) = rehashed(&whole, |bytes| mutate(bytes, &mut stream("rehashed exact", step)));
        check(&format!("mutant {step}, {how}"), &bytes);
    }
    // Each number of the description, replaced by others.
    let numbers = [("items", ITEMS), ("dim", DIM), ("payload_bytes", 4 * ITEMS * DIM), ("format", 1)];
    for (key, number) in numbers {
        for other in [0, 1, number - 1, number + 1, 2 * number, 1 << 40, usize::MAX / 4, usize::MAX] {
            if other == number {
                continue;
            }
            let lie = format!("\"{key}\":{other}");
            fs::write(&path, redescribed(&whole, &format!("\"{key}\":{number}"), &lie)).unwrap();
            assert!(ExactIndex::load(&path).is_err(), "{lie} is believed");
        }
    }
    assert!(refused > 500 && read > 50, "{refused} refused, {read} read");
}

#[cfg(feature = "faiss")]
fn kinds() -> [(&'static str, FaissSpec, ItemVectors); 5] {
    [
        ("flat", FaissSpec::Flat, vectors()),
        ("ivf", FaissSpec::Ivf { nlist: n(3), nprobe: n(2) }, vectors()),
        ("hnsw", FaissSpec::Hnsw { m: n(4), ef_construction: n(20), ef_search: n(16) }, vectors()),
        ("sq8", FaissSpec::Sq8, vectors()),
        // The fewest that it can be built over.
        ("ivf_pq", FaissSpec::IvfPq { nlist: n(3), nprobe: n(2), m: n(5) }, many(9_984)),
    ]
}

/// Where faiss has the sizes of a kind, and in how many bytes: those of its front, and with lists those of the first
/// three.
#[cfg(feature = "faiss")]
fn sizes(kind: &str) -> Vec<(usize, usize)> {
    let front = [(4, 4), (8, 8), (32, 1), (33, 4)];
    // Centres are three of five 32-bit floats, examples 256.
    let centres = [(37, 8), (45, 8), (57, 4), (61, 8), (85, 1), (86, 4), (90, 8), (158, 1), (159, 8)];
    let lists = |at: usize| [4, 12, 24, 32, 40, 48].map(|size| (at + size, 8));
    let own = match kind {
        "flat" => vec![(37, 8)],
        "sq8" => vec![(37, 4), (49, 8), (57, 8), (65, 8), (73 + 2 * 4 * DIM, 8)],
        "ivf" => [&centres[..], &lists(167)].concat(),
        "ivf_pq" => {
            let codes = [(167, 1), (168, 8), (176, 8), (184, 8), (192, 8), (200, 8)];
            [&centres[..], &codes, &lists(208 + 256 * 4 * DIM)].concat()
        }
        _ => vec![],
    };
    [&front[..], &own].concat()
}

#[cfg(feature = "faiss")]
#[test]
fn a_size_of_codes_that_lies_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index");
    let named = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        match FaissIndex::load(&path) {
            Err(IndexError::Mismatch { what, .. }) => what.to_owned(),
            Err(error) => error.to_string(),
            Ok(_) => "it is read".to_owned(),
        }
    };
    let [.., (_, sq8, items), (_, ivf_pq, many)] = kinds();
    let build = |items, spec| saved(&FaissIndex::build(items, spec, Similarity::InnerProduct).unwrap());
    let (sq8, ivf_pq) = (build(&items, sq8), build(&many, ivf_pq));
    let of_sq8 = [
        (49, "dimension of the codes"),
        (57, "bytes of a code"),
        (65, "steps of the codes"),
        (73 + 2 * 4 * DIM, "bytes of all codes"),
        (37, "kind of code"),
        // A metric of its own would shift what follows.
        (33, "metric"),
        (8, "number of vectors"),
        (4, "dimension"),
        (0, "faiss kind"),
    ];
    let of_ivf_pq = [
        (37, "number of lists"),
        (45, "number of lists that are probed"),
        (57, "dimension of the centres"),
        (61, "number of centres"),
        (90, "numbers of the centres"),
        (158, "map of places"),
        (167, "kind of code"),
        (168, "bytes of a code"),
        (176, "dimension of the codes"),
        (184, "parts of a vector"),
        (192, "bits of a part"),
        (200, "numbers of the examples"),
    ];
    for (whole, sizes) in [(&sq8, &of_sq8[..]), (&ivf_pq, &of_ivf_pq[..])] {
        assert_eq!(named(whole), "it is read");
        for &(at, name) in sizes {
            // One less or more, 2 for the metric.
            let change = |bytes: &mut Vec<u8>| bytes[at] ^= if name == "metric" { 2 } else { 1 };
            assert_eq!(named(&rehashed(whole, change).1), name);
        }
    }
    // Described as another kind, or with settings that no index has.
    assert_eq!(named(&redescribed(&sq8, "\"sq8\"", "\"flat\"")), "faiss kind");
    assert_eq!(named(&redescribed(&sq8, "\"inner_product\"", "\"l2\"")), "settings");
    assert_eq!(named(&redescribed(&ivf_pq, "\"nlist\":3", "\"nlist\":300")), "settings");
    assert_eq!(named(&redescribed(&ivf_pq, "\"m\":5", "\"m\":4")), "settings");
}

#[cfg(feature = "faiss")]
#[test]
fn a_thousand_mutants_of_each_faiss_index_are_refused_before_faiss_reads_them() {
    for (kind, spec, vectors) in kinds() {
        let index = FaissIndex::build(&vectors, spec, Similarity::InnerProduct).unwrap();
        check_mutants(kind, &saved(&index), |path| FaissIndex::load(path).map(drop));
    }
}

/// Names the folder of mutants to the process that reads them.
#[cfg(feature = "faiss")]
const FOLDER: &str = "U2I_TEST_MUTANTS";
/// Names the first mutant of the folder to be read.
#[cfg(feature = "faiss")]
const FIRST: &str = "U2I_TEST_FIRST_MUTANT";

/// How mutants ended: refused, read and searched, or read but not to be searched.
#[cfg(feature = "faiss")]
#[derive(Debug, Default)]
struct Ends {
    refused: usize,
    searched: usize,
    failed: usize,
    panicked: Vec<String>,
    killed: Vec<String>,
}

/// No mutant, and no lie about a size, makes our own code name an item that is none, and none but those of a graph takes
/// down the process that reads it or makes our own code panic: where links lead outside, faiss overwrites whatever lies
/// there. Tried with 4 GiB of addresses and 5 seconds of the processor, or 20 for the many items that product codes need.
#[cfg(all(feature = "faiss", unix))]
#[test]
#[expect(clippy::print_stderr, reason = "the counts stand in the documentation of FaissIndex::load")]
fn behind_the_hash_a_faiss_index_takes_down_no_more_than_its_reader() {
    for (kind, spec, vectors) in kinds() {
        let folder = tempfile::tempdir().unwrap();
        let whole = saved(&FaissIndex::build(&vectors, spec, Similarity::InnerProduct).unwrap());
        let mut hows = Vec::new();
        let mut write = |(how, bytes): (&'static str, Vec<u8>)| {
            fs::write(folder.path().join(hows.len().to_string()), bytes).unwrap();
            hows.push(how);
        };
        for step in 0..MUTANTS {
            write(rehashed(&whole, |bytes| mutate(bytes, &mut stream(kind, 5_000 + step))));
        }
        for (at, width) in sizes(kind) {
            for way in 0..LIES {
                let change = |bytes: &mut Vec<u8>| {
                    lie(&mut bytes[at..at + width], way);
                    "a known size that lies"
                };
                write(rehashed(&whole, change));
            }
        }
        let seconds = if kind == "ivf_pq" { 20 } else { 5 };
        let mut ends = Ends::default();
        let mut next = 0;
        while next < hows.len() {
            let output = Command::new("/bin/sh")
                .args([
                    "-c",
                    &format!("ulimit -v 4194304; ulimit -t {seconds}; ulimit -c 0; exec \"$0\" \"$@\""),
                ])
                .arg(std::env::current_exe().unwrap())
                .args(["hostile::reads_mutants", "--exact", "--nocapture", "--test-threads=1"])
                .env(FOLDER, folder.path())
                .env(FIRST, next.to_string())
                .env("OMP_NUM_THREADS", "1")
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&output.stdout);
            for end in said.lines().filter_map(|line| Some(line.rsplit_once("mutant: ")?.1)) {
                match end {
                    "refused" => ends.refused += 1,
                    "searched" => ends.searched += 1,
                    "failed" => ends.failed += 1,
                    _ if end.starts_with("panicked") => ends.panicked.push(format!("{}: {end}", hows[next])),
                    _ => panic!("{kind}, mutant {next}, {}: {end}", hows[next]),
                }
                next += 1;
            }
            if next < hows.len() {
                assert!(!output.status.success(), "{kind}: the reader stopped at mutant {next}: {output:?}");
                ends.killed.push(format!("{}: {}", hows[next], output.status));
                next += 1;
            }
        }
        let Ends { refused, searched, failed, panicked, killed } = ends;
        eprintln!(
            "{kind}: {refused} refused, {searched} searched, {failed} failed, {} killed, {} panicked",
            killed.len(),
            panicked.len()
        );
        assert!(kind == "hnsw" || panicked.is_empty(), "{kind}: {panicked:?}");
        assert!(kind == "hnsw" || killed.is_empty(), "{kind}: {killed:?}");
        assert!(refused > 400 && searched > 200, "{kind}: {refused} refused, {searched} searched");
        assert!(killed.len() + panicked.len() < 100, "{kind}: {killed:?}, {panicked:?}");
    }
}

/// What stands in for a server that reads mutants until one kills it: the test above starts it in a process of its own.
#[cfg(feature = "faiss")]
#[test]
#[expect(clippy::print_stdout, reason = "what it says is read by another process")]
fn reads_mutants() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let first: usize = std::env::var(FIRST).unwrap().parse().unwrap();
    let known = vectors();
    let queries = normals(4, DIM, 82);
    let seen = vec![known.ids()[..60].to_vec(); 4];
    for step in first.. {
        let path = Path::new(&folder).join(step.to_string());
        if !path.exists() {
            return;
        }
        let read = || match FaissIndex::load(&path) {
            Err(_) => "refused".to_owned(),
            Ok(index) => {
                for (k, exclude) in
                    [(3, Filter::ALL), (ITEMS, Filter::excluding(&seen)), (ITEMS, Filter::ALL)]
                {
                    let queries = &queries[..4 * index.dim().min(DIM)];
                    let Ok(found) = index.search(queries, n(k), exclude) else { return "failed".to_owned() };
                    if found.iter().flatten().any(|&id| id == 0) {
                        return "padding".to_owned();
                    }
                }
                "searched".to_owned()
            }
        };
        let end = std::panic::catch_unwind(std::panic::AssertUnwindSafe(read));
        println!("mutant: {}", end.unwrap_or_else(|panic| format!("panicked: {}", words(&*panic))));
    }
}

#[cfg(feature = "faiss")]
fn words(panic: &(dyn std::any::Any + Send)) -> &str {
    let words = panic.downcast_ref::<String>().map(String::as_str);
    words.or(panic.downcast_ref::<&str>().copied()).unwrap_or_default()
}
