// ---- Recommendations

function request() {
  const body = { k: Number(state.k), explain: Number(state.explain), details: true };
  if (state.who === "user") body.user = state.user;
  else body.history = state.history;
  if (state.seen) body.seen = state.seen;
  if (state.where.trim()) body.where = state.where.trim();
  if (state.at) body.at = state.at + "Z";
  if (state.exact) body.exact = true;
  const about = side =>
    Object.fromEntries(
      columns(side)
        .map(name => [name, state.about[name]])
        .filter(([, value]) => value),
    );
  if (state.who === "history" && Object.keys(about("user")).length) body.attributes = about("user");
  if (Object.keys(about("request")).length) body.context = about("request");
  return body;
}

/** For whom a list is; those for others are not compared with it. */
const whom = () => (state.who === "user" ? `user ${state.user}` : "history");

/** The lists that are asked for: one, or two side by side. */
function variants() {
  if (state.beside === "exact")
    return [
      { name: "By the index", exact: false },
      { name: "Exact search", exact: true },
    ];
  if (state.beside === "shadow")
    return [
      { name: "Current bundle", bundle: "current" },
      { name: "Shadow bundle", bundle: "shadow" },
    ];
  return [{}];
}

let running = null;

async function recommend() {
  running?.abort();
  forgive();
  $("answer").removeAttribute("aria-busy");
  if (state.who === "user" && !state.user) return nobody();
  for (const field of ["k", "explain"]) {
    const input = $(field);
    if (!input.validity.valid || input.value === "") {
      return told(new Problem(400, { field, message: `A whole number from ${input.min} to ${count(input.max)}.` }));
    }
  }
  const mine = (running = new AbortController());
  $("answer").setAttribute("aria-busy", "true");
  try {
    const answers = [];
    // One after the other, so that neither waits for the other in its latency.
    for (const { name, ...own } of variants())
      answers.push({ name, ...(await ask("v1/recommend", { ...request(), ...own }, mine.signal)) });
    showAnswers(answers);
    if (state.beside !== "shadow" && answers[0].data.bundle_id !== bundle?.bundle_id) describe().catch(() => {}); // swapped
  } catch (problem) {
    if (problem.name === "AbortError") return;
    told(problem);
  }
  if (mine === running) $("answer").removeAttribute("aria-busy");
}

function nobody() {
  shown = null;
  $("answer-title").textContent = "Recommendations";
  $("status").textContent = "";
  $("notes").replaceChildren();
  $("lists").replaceChildren(
    el(
      "div.empty",
      el("p", "Pick a user, or build a history."),
      el(
        "div",
        button("A user by chance", () => $("random").click()),
        button("A history", () => change({ who: "history" })),
      ),
    ),
  );
}

/** Against an earlier list: by id `{kind, text}`, for what is new, up, or down. */
function marks(ids, before, fresh) {
  const places = new Map(before.map((id, i) => [id, i]));
  return new Map(
    ids.map((id, i) => {
      const by = places.has(id) ? places.get(id) - i : null;
      if (by === null) return [id, { kind: "new", text: fresh }];
      return [
        id,
        by === 0
          ? null
          : by > 0
            ? { kind: "up", text: `▲ ${by}`, label: `up ${by}` }
            : { kind: "down", text: `▼ ${-by}`, label: `down ${-by}` },
      ];
    }),
  );
}

function showAnswers(answers) {
  for (const { data } of answers) for (const item of data.items) [meet(item), ...(item.because ?? []).map(meet)];
  const lists = answers.map(({ data }) => data.items.map(item => item.id));
  const again = shown?.answers === answers;
  const before = again
    ? shown.before
    : shown?.whom === whom() && shown.lists.length === 1 && lists.length === 1
      ? shown.lists[0]
      : null;
  shown = { whom: whom(), lists, answers, before };

  $("answer-title").textContent =
    state.who === "user" ? `For user ${state.user}` : `For a history of ${plural(state.history.length, "event")}`;
  const [a, b] = lists;
  const marked = b
    ? [marks(a, b, "only here"), marks(b, a, "only here")]
    : [before ? marks(a, before, "new") : new Map()];
  const left = before ? before.filter(id => !a.includes(id)) : [];
  $("status").textContent =
    [...answers.map(latency), b ? "" : changes(marked[0], left, before)].filter(Boolean).join("; ") + ".";
  $("notes").replaceChildren(...notes(answers));
  const two = b ? "div.pair.two" : "div";
  $("lists").replaceChildren(
    el(
      two,
      answers.map((answer, i) => showList(answer, marked[i])),
    ),
  );
  if (left.length) {
    $("lists").append(
      el(
        "p.gone-items",
        `No longer here: ${left.slice(0, 10).map(nameOf).join(", ")}${left.length > 10 ? ", …" : ""}`,
      ),
    );
  }
}

function latency({ name, data, ms, server }) {
  const here = Number.isNaN(server)
    ? `${millis(ms)} to here`
    : `${millis(server)} in the server, ${millis(ms)} to here`;
  return `${name ? `${name}: ` : ""}${plural(data.items.length, "item")}, ${here}`;
}

function changes(marked, left, before) {
  if (!before) return "";
  const n = kind => [...marked.values()].filter(mark => mark?.kind === kind).length;
  const parts = [
    [n("new"), "new"],
    [n("up"), "up"],
    [n("down"), "down"],
    [left.length, "gone"],
  ].filter(([n]) => n);
  return parts.length ? parts.map(([n, what]) => `${n} ${what}`).join(", ") : "the same as before";
}

/** What the answers say about themselves. */
function notes(answers) {
  const [{ data }, other] = answers;
  const all = [];
  const note = (text, kind = "li") => all.push(el(kind, text));
  if (other) note(agreement(data.items, other.data.items), "li.plain");
  if (data.unknown_user) note("The bundle does not know this user.");
  if (data.strategy === "popular")
    note("Nothing is known to go by: these are the most popular items, and the score is a number of events.");
  if (data.unknown_items?.length) note(`Not in this bundle, and skipped: ${data.unknown_items.join(", ")}.`);
  if (data.n_later_events) {
    const later = laterIds();
    const n = data.items.filter(item => later.has(item.id)).length;
    note(
      `${plural(data.n_later_events, "event")} at or after this moment ${data.n_later_events === 1 ? "is" : "are"} left out${later.size ? `; ${n || "none"} of the items below happened then` : ""}.`,
      "li.plain",
    );
  }
  if (data.n_live_events)
    note(
      `${plural(data.n_live_events, "event")} since the bundle was made ${data.n_live_events === 1 ? "counts" : "count"}.`,
      "li.plain",
    );
  if (data.items.length && data.items.length < Number(state.k))
    note(`No more than ${plural(data.items.length, "item")} can be recommended here.`, "li.plain");
  if ((state.exact || state.beside === "exact") && bundle?.index.startsWith("exact"))
    note("There is no index here: every search is exact.", "li.plain");
  return all;
}

function agreement(a, b) {
  const other = new Map(b.map((item, i) => [item.id, { i, score: item.score }]));
  const both = a.filter(item => other.has(item.id));
  const ranks = a.filter((item, i) => other.get(item.id)?.i === i).length;
  const apart = Math.max(0, ...both.map(item => Math.abs(item.score - other.get(item.id).score)));
  const scores = !both.length
    ? ""
    : apart === 0
      ? " Their scores are equal."
      : ` Their scores differ by up to ${apart.toPrecision(2)}.`;
  return `${both.length} of ${Math.max(a.length, b.length)} items ${both.length === 1 ? "is" : "are"} in both lists, ${ranks} at the same rank.${scores}`;
}

/** Ids of the user's events at or after the moment that is asked about, each with whether it came first. */
function laterIds() {
  if (state.who !== "user" || !state.at) return new Map();
  const later = events.slice(countedEvents().length);
  return new Map(later.map((event, i) => [event.id, i === 0]).reverse());
}
