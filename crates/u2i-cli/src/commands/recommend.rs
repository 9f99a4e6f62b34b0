use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::{ArgGroup, Args};
use serde_json::{Value, json};
use u2i::Error;
use u2i::bundle::{Options, Recommended, Recommender, Request, Search, Seen, Strategy, Where};
use u2i::features::datetime;
use u2i::recommend::{BatchOptions, recommend_users};

use super::shared::ServingDevice;
use crate::output::Output;
use crate::terminal::Terminal;

/// Recommend items to a user of the bundle, to anybody whose history is given, or to all users of a file.
///
/// Example: `u2i recommend bundle --history 50,172,181 --k 10 --where 'genres has Comedy'`
///
/// A user that the bundle does not know and a history of items that it does not know get the popular list, and it says
/// so. What was seen is left out, and filters are applied inside the search, so K items come back wherever K are eligible.
#[derive(Args)]
#[command(group = ArgGroup::new("who").required(true).multiple(true).args(["user", "history", "users"]))]
pub struct Arguments {
    /// The bundle.
    bundle: PathBuf,
    /// Raw id of a user. With --history, the user's attributes with that history.
    #[arg(long, value_name = "ID")]
    user: Option<String>,
    /// Raw ids of items, the oldest first.
    #[arg(long, value_name = "IDS", value_delimiter = ',')]
    history: Option<Vec<String>>,
    /// A CSV or Parquet file with a column of user ids (`user_id` or `user`), of histories (`history`), or both; `at` and
    /// attributes may stand in further columns. Writes --out.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["user", "history", "context"], requires = "out")]
    users: Option<PathBuf>,
    /// Where recommendations for --users go: Parquet with the columns request (the row of FILE, from 0), user_id, rank,
    /// item_id, title, score, strategy.
    #[arg(long, value_name = "FILE", requires = "users")]
    out: Option<PathBuf>,
    /// How many items.
    #[arg(long, default_value = "10")]
    k: NonZeroUsize,
    /// The moment of the request: 2001-02-03, 2001-02-03T04:05:06Z, or Unix seconds. A user's history is then what
    /// happened strictly before. Now, if not given.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    at: Option<i64>,
    /// An attribute of the user or the request, for instance gender=F. May be given several times.
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    context: Vec<(String, String)>,
    /// Only items for which this holds, for instance 'genres has Comedy and year >= 1990'.
    #[arg(long = "where", value_name = "CONDITION")]
    only: Option<Where>,
    /// Recommend what was seen, too.
    #[arg(long)]
    keep_seen: bool,
    /// Compare every item instead of asking the index.
    #[arg(long)]
    exact: bool,
    /// Show the items of the history that are nearest to each result.
    #[arg(long, conflicts_with = "users")]
    explain: bool,
    #[command(flatten)]
    device: ServingDevice,
}

/// Items of the history that explain a result.
const BECAUSE: usize = 3;

impl Arguments {
    pub fn run(self, output: Output, terminal: &mut Terminal<'_>) -> Result<(), Error> {
        let device = self.device.device.open()?;
        let recommender = Recommender::open(&self.bundle, &device.device)?;
        let options = Options {
            k: self.k,
            seen: if self.keep_seen { Seen::Kept } else { Seen::Excluded },
            only: self.only,
            search: if self.exact { Search::Exact } else { Search::Index },
            explain: if self.explain { BECAUSE } else { 0 },
        };
        let at_s = self.at.unwrap_or_else(now_s);
        if let (Some(users), Some(out)) = (self.users, self.out) {
            let batch = BatchOptions { users, out, at_s, options };
            let done = recommend_users(&recommender, &batch, terminal)?;
            match output {
                Output::Json => terminal.print_json(&done),
                Output::Text => terminal.print(&done.to_string()),
            }
            return Ok(());
        }
        let context: BTreeMap<String, String> = self.context.into_iter().collect();
        let request = Request { user: self.user, history: self.history, at_s: Some(at_s), context };
        let answer = recommender.recommend(std::slice::from_ref(&request), &options)?.remove(0);
        for id in &answer.unknown_items {
            terminal.say(&format!("the item `{id}` of the history is not known and left out"));
        }
        if answer.unknown_user {
            let user = request.user.as_deref().unwrap_or_default();
            terminal.say(&format!("the user `{user}` is not known"));
        }
        if answer.strategy == Strategy::Popular {
            terminal.say("nothing of the history is known: these are the most popular items");
        }
        match output {
            Output::Json => terminal.print_json(&json_items(&answer.items)),
            Output::Text => terminal.print(&text_items(&answer.items)),
        }
        Ok(())
    }
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or_else(|| format!("`{text}` is not KEY=VALUE"))?;
    Ok((key.trim().to_owned(), value.to_owned()))
}

/// A moment in UTC, as Unix seconds.
fn moment(text: &str) -> Result<i64, String> {
    let wanted =
        || format!("`{text}` is no moment, expected 2001-02-03, 2001-02-03T04:05:06Z or Unix seconds");
    text.parse().ok().or_else(|| datetime(text)).ok_or_else(wanted)
}

fn now_s() -> i64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since_1970.as_secs().cast_signed()
}

/// An array of `{id, title?, score, because?}`.
pub fn json_items(items: &[Recommended<'_>]) -> Value {
    let one = |item: &Recommended<'_>| {
        let mut value = json!({ "id": item.item_id });
        if let Some(title) = &item.title {
            value["title"] = json!(title);
        }
        value["score"] = json!(item.score);
        if !item.because.is_empty() {
            let reasons = item.because.iter().map(|reason| {
                json!({ "id": reason.item_id, "title": reason.title, "similarity": reason.similarity })
            });
            value["because"] = reasons.collect();
        }
        value
    };
    items.iter().map(one).collect()
}

/// A line per item: rank, score, id, title; and its reasons below.
pub fn text_items(items: &[Recommended<'_>]) -> String {
    let width = items.iter().map(|item| item.item_id.chars().count()).max().unwrap_or(0);
    let mut lines = Vec::new();
    for (rank, item) in (1..).zip(items) {
        let title = item.title.unwrap_or("");
        lines.push(
            format!("{rank:>4}  {:>8.4}  {:<width$}  {title}", item.score, item.item_id)
                .trim_end()
                .to_owned(),
        );
        if !item.because.is_empty() {
            let reasons = item.because.iter().map(|reason| {
                let name = reason.title.unwrap_or(reason.item_id);
                format!("{name} ({:.2})", reason.similarity)
            });
            lines.push(format!("{:16}near {}", "", reasons.collect::<Vec<_>>().join(", ")));
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_as_utc() {
        for text in ["981173106", "2001-02-03T04:05:06Z", "2001-02-03 04:05:06", "2001-02-03T05:05:06+01:00"]
        {
            assert_eq!(moment(text), Ok(981_173_106), "{text}");
        }
        assert_eq!(moment("2001-02-03"), Ok(981_158_400));
        assert!(moment("yesterday").unwrap_err().contains("is no moment"));
    }

    #[test]
    fn items_without_a_title_have_none() {
        let item = |title: Option<&'static str>| Recommended {
            item_idx: 1,
            item_id: "7",
            title,
            score: 0.5,
            because: vec![],
        };
        assert_eq!(json_items(&[item(None)]), json!([{ "id": "7", "score": 0.5 }]));
        assert_eq!(json_items(&[item(Some("A"))]), json!([{ "id": "7", "title": "A", "score": 0.5 }]));
        assert_eq!(text_items(&[item(Some("A")), item(None)]), "   1    0.5000  7  A\n   2    0.5000  7");
    }
}
