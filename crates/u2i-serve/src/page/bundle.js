// ---- The bundle

async function describe() {
  bundle = (await ask("v1/bundle")).data;
  const { sizes = {}, provenance: from = {} } = bundle;
  $("name").textContent = [modelOf(bundle), from.dataset].filter(Boolean).join(" on ");
  document.title = `${$("name").textContent}: recommendations`;
  $("summary").textContent = [
    ["user", sizes.users],
    ["item", sizes.items],
    ["event", sizes.events],
    ["dimension", sizes.dim],
  ]
    .filter(([, n]) => n !== undefined)
    .map(([what, n]) => plural(n, what))
    .concat(`bundle ${bundle.bundle_id}`)
    .join(", ");
  const shadow = [...$("beside").options].find(option => option.value === "shadow");
  shadow.hidden = shadow.disabled = !bundle.shadow;
  fieldsFor("user");
  fieldsFor("request");
  helper();
  figures();
}

const modelOf = ({ model }) => {
  const name = typeof model === "string" ? model : (model?.name ?? Object.keys(model ?? {})[0] ?? "");
  return { youtube_dnn: "YouTubeDNN", dssm: "DSSM", fm: "FM" }[name] ?? name;
};

/** Fields for what may be known of somebody, or of a request. */
function fieldsFor(side) {
  const names = columns(side);
  $(`about-${side}`).hidden = !names.length;
  $(`${side}-fields`).replaceChildren(
    ...names.map((name, i) =>
      el("div", el("label", { htmlFor: `${side}-${i}` }, name), aboutInput(`${side}-${i}`, name)),
    ),
  );
}

function aboutInput(id, name) {
  const input = el("input", { id, value: state.about[name] ?? "" });
  input.dataset.about = name;
  return input;
}

const spoken = name => {
  const [what, k] = name.split("@");
  const known = {
    hit_rate: "Hit rate",
    ndcg: "NDCG",
    recall: "Recall",
    precision: "Precision",
    map: "MAP",
    mrr: "MRR",
  };
  return (known[what] ?? what) + (k ? `@${k}` : "");
};
const BASELINES = { markov_window: "Markov window", popularity: "Popularity", random: "Random" };

function figures() {
  const all = bundle.metrics ?? {};
  const metrics = all.metrics ?? {};
  const baselines = Object.entries(BASELINES)
    .filter(([key]) => all.baselines?.[key])
    .map(([key, name]) => [name, all.baselines[key]]);
  const lengths = Object.keys(metrics)
    .map(name => Number(name.split("@")[1]))
    .filter(Boolean)
    .sort((a, b) => a - b);
  const k = lengths.includes(10) ? 10 : lengths[0];
  const names = [`hit_rate@${k}`, `ndcg@${k}`, `recall@${lengths[lengths.length - 1]}`, "mrr"].filter(
    name => name in metrics,
  );
  $("verdict").replaceChildren(
    ...verdict(metrics, baselines, `ndcg@${k}` in metrics ? `ndcg@${k}` : "mrr", all.n_users),
  );
  const shadow = bundle.shadow?.metrics?.metrics;
  $("tiles").replaceChildren(
    ...names.map(name =>
      el(
        "div.tile",
        el("p.name", spoken(name)),
        el("p.figure", metric(metrics[name])),
        el(
          "dl",
          [...(shadow ? [["Shadow", shadow]] : []), ...baselines]
            .filter(([, means]) => name in means)
            .flatMap(([of, means]) => [el("dt", of), el("dd", metric(means[name]))]),
        ),
      ),
    ),
  );
  $("facts").replaceChildren(facts(bundle, "Current"), ...(bundle.shadow ? [facts(bundle.shadow, "Shadow")] : []));
}

/**
 * How the model stands against counting, in the words of the report. The bundle holds no interval, but no metric lies
 * outside of 0 to 1: with mean m and n users its variance is at most m(1 - m)/n.
 */
function verdict(metrics, baselines, name, n) {
  const rivals = baselines.filter(([of]) => of !== "Random").sort(([, a], [, b]) => b[name] - a[name]);
  const mean = metrics[name];
  if (mean === undefined) return [el("p.fine", "The bundle says nothing of how good its model is.")];
  if (!rivals.length) return [];
  const [of, { [name]: best }] = rivals[0];
  const popularity = baselines.find(([of]) => of === "Popularity")?.[1][name] ?? 0;
  const half = n ? 1.96 * Math.sqrt((mean * (1 - mean)) / n) : NaN;
  const [kind, text] =
    mean <= popularity
      ? ["below", "Worse than counting: no better than popularity."]
      : mean < best
        ? ["below", "Worse than counting: below the Markov window."]
        : mean - half > best
          ? ["above", "Better than counting."]
          : ["level", "Not clearly better than counting."];
  const rival =
    of === "Popularity" ? "the popularity baseline" : "the Markov window, which only counts what followed what";
  const figures = `In the evaluation ${spoken(name)} is ${metric(mean)} for the model and ${metric(best)} for ${rival}.`;
  const certain = n ? ` With ${plural(n, "user")} the model's 95 % interval is no wider than ± ${metric(half)}.` : "";
  return [el(`div.verdict.${kind}`, { role: "note" }, el("strong", text), el("p", figures + certain))];
}

function facts(of, name) {
  const { sizes = {}, provenance: from = {}, metrics: all } = of;
  const rows = [
    ["Bundle", of.bundle_id],
    ["Model", `${modelOf(of)}, ${count(sizes.weights ?? 0)} weights, ${sizes.dim} dimensions`],
    ["Items", `${count(sizes.items ?? 0)}, ${count(sizes.items_ranked ?? 0)} with a vector`],
    ["Users", `${count(sizes.users ?? 0)} with ${plural(sizes.events ?? 0, "event")}`],
    [
      "Index",
      of.recall == null ? of.index : `${of.index}, which finds ${(100 * of.recall).toFixed(1)} % of the exact best`,
    ],
    ["Seen items", of.seen === "kept" ? "may come back, as in the evaluation" : "left out, as in the evaluation"],
    from.dataset && [
      "Data",
      [from.dataset, from.protocol && `protocol ${from.protocol}`, from.recipe && `recipe ${from.recipe}`]
        .filter(Boolean)
        .join(", "),
    ],
    from.seed !== undefined && ["Seed", String(from.seed)],
    of.newest_event_s && ["Newest event", moment(of.newest_event_s)],
    ["Loaded", moment(of.loaded_s)],
    from.build && ["Build", from.build],
  ].filter(Boolean);
  return el(
    "section.card",
    el("h3", name === "Current" && !bundle.shadow ? "What it is" : `${name} bundle`),
    el(
      "dl.stamp",
      rows.flatMap(([key, value]) => [el("dt", key), el("dd", value)]),
    ),
    all?.metrics ? everyMetric(all) : null,
  );
}

function everyMetric(all) {
  const sides = [
    ["Model", all.metrics],
    ["Seen kept", all.metrics_seen_kept],
    ...Object.entries(BASELINES).map(([key, name]) => [name, all.baselines?.[key]]),
  ].filter(([, means]) => means);
  const head = el(
    "tr",
    el("th", "Metric"),
    sides.map(([name]) => el("th", { scope: "col" }, name)),
  );
  const rows = Object.keys(all.metrics).map(name =>
    el(
      "tr",
      el("th", { scope: "row" }, spoken(name)),
      sides.map(([, means]) => el("td", name in means ? metric(means[name]) : "")),
    ),
  );
  return el(
    "details",
    el("summary", `All metrics${all.n_users ? ` of ${plural(all.n_users, "user")}` : ""}`),
    el(
      "div.scroll",
      { tabIndex: 0, role: "region", "aria-label": "All metrics" },
      el("table", el("thead", head), el("tbody", rows)),
    ),
  );
}
