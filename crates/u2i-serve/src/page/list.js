// ---- A list of items

function showList({ name, data }, marked) {
  const top = Math.max(...data.items.map(item => item.score), 0);
  const seen = new Set(state.who === "user" ? countedEvents().map(event => event.id) : state.history);
  const context = { top, seen, later: laterIds(), marked };
  const title = name ? el("h3", name, el("span.id", data.bundle_id)) : null;
  if (!data.items.length) {
    const clear = state.where
      ? el(
          "div",
          button("Remove the condition", () => (change({ where: "" }), $("where").focus())),
        )
      : null;
    return el("section.list", title, el("div.empty", el("p", "No item is left that could be recommended."), clear));
  }
  const kind = data.strategy === "popular" ? "ol.items.popular" : "ol.items";
  return el(
    "section.list",
    title,
    el(
      kind,
      data.items.map((item, i) => showItem(item, i, context)),
    ),
  );
}

function showItem(item, i, { top, seen, later, marked }) {
  const mark = marked?.get(item.id);
  const because = (item.because ?? []).flatMap((reason, i) => [
    i ? ", " : "",
    el("b", reason.title ?? reason.id),
    `\u00a0${reason.similarity.toFixed(2)}`,
  ]);
  return el(
    "li",
    el(
      "span.place",
      el("b", String(i + 1)),
      mark
        ? el(`span.mark.${mark.kind}`, mark.label ? { role: "img", "aria-label": mark.label } : null, mark.text)
        : null,
    ),
    el(
      "div",
      button(item.title ?? item.id, () => open(item.id), { className: "link", title: "Similar items" }),
      item.title ? [" ", el("span.id", item.id)] : null,
      later.has(item.id) ? el("span.pill", later.get(item.id) ? "happened next" : "happened later") : null,
      seen.has(item.id) ? el("span.pill.seen", "seen") : null,
      attributesOf(item, 3),
      because.length ? el("p.about.because", "because of ", because) : null,
    ),
    el(
      "div.score",
      score(item.score),
      bar(item.score / top),
      item.train_count === undefined || item.train_count === item.score
        ? null
        : el("small", plural(item.train_count, "event")),
    ),
    marked
      ? button("+", () => addFromList(item.id), {
          className: "add",
          "aria-label": `Add ${item.title ?? item.id} to the history`,
          title: "Add to the history",
        })
      : null,
  );
}

function bar(share) {
  const inner = el("i");
  inner.style.width = `${100 * Math.min(Math.max(share || 0, 0), 1)}%`;
  return el("span.bar", { "aria-hidden": "true" }, inner);
}

/** The first attributes in a line; a text that a list holds as well is left out. */
function attributesOf(item, most) {
  const all = Object.entries(item.attributes ?? {}).filter(([, value]) => value !== null && words(value) !== "");
  const lists = all.flatMap(([, value]) => (Array.isArray(value) ? value : []));
  const some = all.filter(([, value]) => Array.isArray(value) || !lists.includes(value)).slice(0, most);
  if (!some.length) return null;
  return el(
    "p.about",
    some.flatMap(([name, value], i) => [i ? " · " : "", `${name} `, el("b", short(words(value)))]),
  );
}
