// ---- One item, and what is similar to it

async function open(id) {
  state.item = id;
  remember();
  const path = `v1/items/${encodeURIComponent(id)}`;
  $("item-title").textContent = nameOf(id);
  $("item-body").replaceChildren(el("p.fine", "…"));
  if (!$("item").open) $("item").showModal();
  try {
    const [{ data }, item] = await Promise.all([ask(`${path}/similar?k=10&details=true`), ask(path)]);
    if (state.item !== id) return;
    fill(meet(item.data), data.items.map(meet));
  } catch (problem) {
    if (state.item === id) $("item-body").replaceChildren(el("p.error", { role: "alert" }, problem.message));
  }
}

function fill(item, similar) {
  $("item-title").textContent = item.title ?? item.id;
  const chips = Object.entries(item.attributes ?? {}).flatMap(([name, value]) =>
    [value]
      .flat()
      .filter(one => one !== null)
      .map(one => {
        const comparison = compare(name, Array.isArray(value) ? "has" : "=", one);
        const only = () => ($("item").close(), change({ where: joined(comparison) }));
        return button("", only, { title: `Only items where ${comparison}` });
      })
      .map((node, i) => (node.append(el("small", `${name} `), short(String([value].flat()[i]))), node)),
  );
  const top = Math.max(...similar.map(other => other.score), 0);
  $("item-body").replaceChildren(
    el(
      "p.fine",
      [
        item.title ? `id ${item.id}` : null,
        item.train_count === undefined ? null : `${plural(item.train_count, "event")} in training`,
      ]
        .filter(Boolean)
        .join(", "),
    ),
    chips.length ? el("div.chips", chips) : "",
    el(
      "div.below-list",
      button("Add to the history", () => ($("item").close(), addFromList(item.id))),
    ),
    el("h3", "Similar items"),
    similar.length
      ? el(
          "ol.items",
          similar.map((other, i) => showItem(other, i, { top, seen: new Set(), later: new Map() })),
        )
      : el("p.fine", "It has no vector, so nothing can be compared with it."),
  );
  $("item").scrollTop = 0;
  // The item that was clicked is no longer there.
  if (!$("item").contains(document.activeElement)) $("close").focus();
}
