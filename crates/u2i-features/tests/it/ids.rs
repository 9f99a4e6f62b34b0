//! Ids are exact text, whatever they look like.

use std::collections::HashMap;

use crate::*;

/// The `base`-th of many texts that are easily taken for each other.
fn confusing(base: u64) -> String {
    const FORMS: u64 = 16;
    let n = base / FORMS;
    let digits = |zero: char| {
        n.to_string().bytes().map(|b| char::from_u32(zero as u32 + u32::from(b - b'0')).unwrap()).collect()
    };
    match base % FORMS {
        0 => n.to_string(),
        1 => format!("0{n}"),
        2 => format!("{n}.0"),
        3 => format!("{n}e3"),
        // Not a number on its own, and a number with its last digits after it.
        4 => format!("{n}000"),
        5 => format!("-{n}"),
        6 => format!("+{n}"),
        7 => format!(" {n}"),
        8 => format!("{n}\u{200b}"),
        9 => format!("{}", i64::MAX - n as i64),
        10 => format!("{}", i64::MIN + n as i64),
        11 => format!("{}", i128::from(u64::MAX) + 1 + i128::from(n)),
        12 => digits('\u{660}'),
        13 => digits('\u{ff10}'),
        // Composed and not.
        14 => format!("caf\u{e9}{n}"),
        _ => format!("cafe\u{301}{n}"),
    }
}

/// D5: a million events by 800,000 possible users, a quarter of the ids in quotes; and the attributes of all users.
#[test]
fn a_million_ids_are_exact_text_and_do_not_collide() {
    let mut rng = Stream::new(5, Purpose::SYNTHETIC, 0, 0);
    let (mut wanted, mut numbers, mut texts) = (Vec::new(), HashMap::new(), Vec::new());
    let (mut events, mut users) = ("who,what,when\n".to_owned(), "id,copy\n".to_owned());
    for _ in 0..1_000_000 {
        let text = confusing(rng.below(800_000));
        events += &if rng.below(4) == 0 { format!("\"{text}\",a,1\n") } else { format!("{text},a,1\n") };
        let number = *numbers.entry(text.clone()).or_insert_with(|| {
            users += &format!("{text},{text}\n");
            texts.push(text);
            texts.len() as u32 - 1
        });
        wanted.push(number);
    }
    let mut config = events_csv(Encoding::Utf8, ReadLimits::STRICT);
    config.users = Some(AttributesConfig {
        file: "users".into(),
        format: config.events.format.clone(),
        id: "id".into(),
        attributes: vec![AttributeConfig { name: "copy".into(), column: None, kind: AttributeKind::Text {} }],
    });
    let dir = folder(&[("events", events.as_bytes()), ("users", users.as_bytes())]);
    let raw = read_tables(&config, dir.path()).unwrap();
    assert!(texts.len() > 500_000, "{}", texts.len());
    assert!(raw.user_ids == texts, "ids are not the texts that were written");
    assert!(raw.events.user == wanted, "an event is not of the user that was written");
    let copies = text_column(&raw.users, "copy");
    assert!(copies.into_iter().flatten().eq(&texts), "the attributes of an id are not its own");
}

#[test]
fn blank_ids_are_rejected() {
    let csv = |id: &str| format!("who,what,when\nu,a,1\n{id},a,2\nu,{id},3\n");
    let limits = ReadLimits { max_reject_ratio: 1.0, ..ReadLimits::STRICT };
    for blank in ["", " ", "\t", "\u{a0}", "\u{2003}\u{3000}", "\"\"", "\"  \""] {
        let raw = read_events(csv(blank).as_bytes(), Encoding::Utf8, limits).unwrap();
        let rejects: Vec<_> = raw.files[0].rejects.iter().map(|r| (r.line, r.column.as_str())).collect();
        assert_eq!((rejects, raw.n_events()), (vec![(3, "who"), (4, "what")], 1), "{blank:?}");
    }
}
