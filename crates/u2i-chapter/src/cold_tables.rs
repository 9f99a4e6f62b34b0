use u2i::baselines::Baselines;
use u2i::cold::{ColdReport, GroupReport};
use u2i_eval::{Metric, Metrics, Spread, wilson_95};

use crate::row::Row;

const HITS: Metric = Metric::HitRate(10);
const NDCG: Metric = Metric::Ndcg(10);
const FAR: Metric = Metric::HitRate(100);

/// Whether a table is of items or of users.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Of {
    Items,
    Users,
}

impl Of {
    /// The cold group and the warm one.
    fn groups(self, report: &ColdReport) -> [&GroupReport; 2] {
        match self {
            Of::Items => [&report.cold_items, &report.warm_items],
            Of::Users => [&report.cold_users, &report.warm_users],
        }
    }
}

/// The tables of cold items and cold users, or a line where there are none.
pub(crate) fn cold_tables(rows: &[Row], layout: fn(&[Vec<String>]) -> String) -> String {
    let Some(first) = rows.first().and_then(|row| row.reports.first()) else { return String::new() };
    let (n_cold, n_users) = (first.cold.cold_items.n_targets, first.n_users_evaluated);
    let mut text = match n_cold {
        0 => "\nCold items: none, every target has training events.\n".to_owned(),
        _ => format!(
            "\nCold items: {n_cold} of {n_users} targets have no training event, as {} of {} items of the catalog. A \
             target that a model cannot rank is a miss.\n\n{}{}",
            first.cold.among_cold_items.n_items,
            first.n_items,
            layout(&cells(rows, Of::Items)),
            among(rows),
        ),
    };
    let n_cold = first.cold.cold_users.n_targets;
    text += &match n_cold {
        0 => "\nCold users: none, every test user has training events.\n".to_owned(),
        _ => format!(
            "\nCold users: {n_cold} of {n_users} test users have no training event; their history consists of later \
             events.\n\n{}",
            layout(&cells(rows, Of::Users))
        ),
    };
    text
}

/// One of the baselines.
type Pick = fn(&Baselines) -> &Metrics;

fn cells(rows: &[Row], of: Of) -> Vec<Vec<String>> {
    let mut header = vec!["model".to_owned(), format!("cold: {HITS}"), "95 % interval".to_owned()];
    header.extend([NDCG, FAR].map(|metric| format!("cold: {metric}")));
    header.extend([HITS, NDCG].map(|metric| format!("warm: {metric}")));
    if of == Of::Items {
        header.extend([format!("among cold: {HITS}"), "not ranked".to_owned()]);
    }
    let mut cells = vec![header];
    let first = &rows[0].reports[0].cold;
    let counted: [(&str, Pick); 3] = [
        ("random", |all| &all.random),
        ("popularity", |all| &all.popularity),
        ("markov window", |all| &all.markov_window),
    ];
    for (name, pick) in counted {
        let [cold, warm] = of.groups(first).map(|group| group.baselines.as_ref().map(pick));
        let own = figures(cold.into_iter().collect(), warm.into_iter().collect());
        // They rank every item, those without training events last.
        let rest = if of == Of::Items { vec!["-".to_owned(), "0".to_owned()] } else { Vec::new() };
        cells.push(std::iter::once(name.to_owned()).chain(own).chain(rest).collect());
    }
    for row in rows {
        let reports = || row.reports.iter().map(|report| &report.cold);
        let metrics = |which: usize| {
            reports().filter_map(|cold| of.groups(cold)[which].metrics.as_ref()).collect::<Vec<_>>()
        };
        let mut own = figures(metrics(0), metrics(1));
        let cold = of.groups(reports().next().expect("a row has a report"))[0];
        if cold.n_not_ranked == cold.n_targets {
            own[..4].fill("not ranked".to_owned());
        }
        if of == Of::Items {
            let among: Vec<&Metrics> =
                reports().filter_map(|cold| cold.among_cold_items.metrics.as_ref()).collect();
            own.extend([figure(&among, HITS), cold.n_not_ranked.to_string()]);
        }
        cells.push(std::iter::once(row.label()).chain(own).collect());
    }
    cells
}

/// The cells of a model or a baseline, from the metrics of its seeds.
fn figures(cold: Vec<&Metrics>, warm: Vec<&Metrics>) -> Vec<String> {
    vec![
        figure(&cold, HITS),
        interval(&cold, HITS),
        figure(&cold, NDCG),
        figure(&cold, FAR),
        figure(&warm, HITS),
        figure(&warm, NDCG),
    ]
}

fn spread(metrics: &[&Metrics], metric: Metric) -> Option<Spread> {
    let values: Vec<f64> = metrics.iter().filter_map(|metrics| metrics.mean(metric)).collect();
    Spread::over(&values)
}

fn figure(metrics: &[&Metrics], metric: Metric) -> String {
    spread(metrics, metric).map_or("-".to_owned(), |spread| format!("{spread:.4}"))
}

/// Wilson's interval over users of the mean over seeds: it says something of few users and of shares of 0, too.
fn interval(metrics: &[&Metrics], metric: Metric) -> String {
    let found = spread(metrics, metric).zip(metrics.first()).and_then(|(spread, first)| {
        let n = first.n_users();
        wilson_95((spread.mean * n as f64).round() as usize, n)
    });
    found.map_or("-".to_owned(), |[low, high]| format!("{low:.4} to {high:.4}"))
}

/// What the column of ranks among cold items is to be compared with.
fn among(rows: &[Row]) -> String {
    let found = rows.iter().flat_map(|row| &row.reports).map(|report| &report.cold.among_cold_items);
    let chance =
        found.into_iter().find_map(|among| Some((among, among.chance.as_ref()?.get(&HITS.to_string())?)));
    chance.map_or(String::new(), |(among, chance)| {
        format!(
            "\n*Among cold* ranks the {} cold items alone, where chance has {HITS} {chance:.4}.\n",
            among.n_candidates
        )
    })
}
