use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{ArgGroup, Args};
use serde_json::{Value, json};
use u2i::Error;
use u2i::bundle::{Options, Recommended, Recommender, Request, Search, Seen, Strategy, Where};
use u2i::recommend::{BatchOptions, recommend_users};

use super::shared::{ServingDevice, moment, now_s};
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
    /// Raw ids of items, the oldest first: 50,172,181, or as JSON where ids have commas: '["50","a, b"]'.
    #[arg(long, value_name = "IDS", value_parser = history)]
    history: Option<History>,
    /// A file with a column of user ids (called as in the data, `user_id` or `user`), of histories (`history`), or both; `at`
    /// and attributes may stand in further columns. CSV, Parquet and the other formats of data. Writes --out.
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
    /// happened strictly before. If not given, it is everything, and the hour and the weekday are those of the clock.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    at: Option<i64>,
    /// An attribute of the user or the request, for instance gender=F. May be given several times.
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    context: Vec<(String, String)>,
    /// Only items for which this holds, for instance 'genres has Comedy and year >= 1990'.
    #[arg(long = "where", value_name = "CONDITION")]
    only: Option<Where>,
    /// Recommend what was seen, too. If neither is given, what was seen is kept or left out as in the evaluation.
    #[arg(long, conflicts_with = "exclude_seen")]
    keep_seen: bool,
    /// Leave out what was seen.
    #[arg(long)]
    exclude_seen: bool,
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
            seen: match (self.keep_seen, self.exclude_seen) {
                (true, _) => Some(Seen::Kept),
                (_, true) => Some(Seen::Excluded),
                (false, false) => None,
            },
            only: self.only,
            search: if self.exact { Search::Exact } else { Search::Index },
            explain: if self.explain { BECAUSE } else { 0 },
        };
        if options.seen.is_none() && recommender.manifest().seen == Seen::Kept {
            terminal
                .say("what was seen is recommended, too, as in the evaluation; --exclude-seen leaves it out");
        }
        let (at_s, now_s) = (self.at, now_s());
        if let (Some(users), Some(out)) = (self.users, self.out) {
            let batch = BatchOptions { users, out, at_s, now_s, options };
            let done = recommend_users(&recommender, &batch, terminal)?;
            match output {
                Output::Json => terminal.print_json(&done),
                Output::Text => terminal.print(&done.to_string()),
            }
            return Ok(());
        }
        let context: BTreeMap<String, String> = self.context.into_iter().collect();
        let history = self.history.map(|History(ids)| ids);
        let request =
            Request { user: self.user, history, at_s, now_s: Some(now_s), context, ..Request::default() };
        let answer = recommender.recommend(std::slice::from_ref(&request), &options)?.remove(0);
        for id in &answer.unknown_items {
            terminal.say(&format!("the item `{id}` of the history is not known and left out"));
        }
        if answer.unknown_user {
            let user = request.user.as_deref().unwrap_or_default();
            terminal.say(&format!("the user `{user}` is not known"));
        }
        if answer.n_later_events > 0 {
            let n = answer.n_later_events;
            let events = if n == 1 { "event" } else { "events" };
            terminal.say(&format!("{n} {events} of the user at or after --at are left out"));
        }
        if answer.strategy == Strategy::Popular {
            terminal.say("nothing of the history is known: these are the most popular items");
        }
        if answer.items.is_empty() {
            terminal.say("no item is left: none meets --where, or all that do were seen");
        }
        match output {
            Output::Json => terminal.print_json(&json_items(&answer.items)),
            Output::Text => terminal.print(&text_items(&answer.items)),
        }
        Ok(())
    }
}

/// Ids of items, as one argument.
#[derive(Clone)]
struct History(Vec<String>);

/// Ids with commas between them, or a JSON array.
fn history(text: &str) -> Result<History, String> {
    if !text.trim_start().starts_with('[') {
        let ids = text.split(',').map(str::trim).filter(|id| !id.is_empty());
        return Ok(History(ids.map(str::to_owned).collect()));
    }
    let array: Vec<Value> =
        serde_json::from_str(text).map_err(|error| format!("`{text}` is no JSON array of ids: {error}"))?;
    let id = |value: &Value| match value {
        Value::String(id) => Ok(id.clone()),
        Value::Number(id) if id.is_i64() || id.is_u64() => Ok(id.to_string()),
        other => Err(format!("`{other}` is no id, expected text or an integer")),
    };
    array.iter().map(id).collect::<Result<_, _>>().map(History)
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or_else(|| format!("`{text}` is not KEY=VALUE"))?;
    Ok((key.trim().to_owned(), value.to_owned()))
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
    fn histories_are_ids_with_commas_between_or_json() {
        let ids = |text: &str| history(text).map(|History(ids)| ids);
        assert_eq!(ids("50, 172,181,").unwrap(), ["50", "172", "181"]);
        assert_eq!(ids("").unwrap(), [""; 0]);
        assert_eq!(
            ids(r#"["50", 172, "Salt, \"Pepper\"", "é"]"#).unwrap(),
            ["50", "172", "Salt, \"Pepper\"", "é"]
        );
        assert!(ids("[50.5]").unwrap_err().contains("`50.5` is no id"));
        assert!(ids("[50").unwrap_err().contains("is no JSON array of ids"));
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
