// ---- Whom: a user

let eventsOf = null;
let allEvents = false;

async function showEvents() {
  if (eventsOf !== state.user) {
    const user = (eventsOf = state.user);
    [events, allEvents] = [[], false];
    $("events").replaceChildren();
    if (!user) return;
    try {
      const { data } = await ask(`v1/users/${encodeURIComponent(user)}`);
      if (eventsOf !== user) return;
      const since = (data.live ?? []).map(event => ({ ...event, live: true }));
      events = [...data.history, ...since].map(event => ({ ...meet(event), at_s: seconds(event.time) }));
      events.sort((a, b) => a.at_s - b.at_s);
    } catch (problem) {
      if (problem.status !== 404) eventsOf = null; // to be asked for again
      return;
    }
    if (shown?.whom === whom()) showAnswers(shown.answers); // with what happened later
  }
  if (!events.length) return;
  const few = matchMedia("(max-width: 600px)").matches ? 3 : 5;
  const focused = $("events").contains(document.activeElement) ? document.activeElement.textContent : null;
  const counted = countedEvents();
  const [first, last] = [events[0].at_s, events[events.length - 1].at_s].map(at_s =>
    at_s ? utc(at_s).slice(0, 10) : "",
  );
  // The newest that count, below one that happened later.
  const newest = [...events].reverse();
  const top = Math.max(0, Math.min(events.length - counted.length - 1, events.length - few));
  const rows = (allEvents ? newest : newest.slice(top, top + few)).map(event =>
    el(
      "li",
      el(
        "span.title",
        button(event.title ?? event.id, () => open(event.id), { className: "link" }),
        event.live ? el("span.pill", "live") : null,
      ),
      counted.includes(event) ? null : el("span.pill.seen", "left out"),
      event.at_s
        ? el(
            "time",
            { dateTime: utc(event.at_s) + "Z", title: utc(event.at_s).replace("T", " ") },
            utc(event.at_s).slice(0, 10),
          )
        : null,
    ),
  );
  const newestCounted = counted[counted.length - 1];
  $("events").replaceChildren(
    el(
      "p.caption",
      el(
        "span",
        `${plural(events.length, "event")}, ${counted.length < events.length ? `${count(counted.length)} before then` : "newest first"}`,
      ),
      el("span", first === last ? first : `${first} – ${last}`),
    ),
    el("ol.events", rows),
    el(
      "div.below-list",
      events.length > few
        ? button(allEvents ? "Show fewer" : "Show all", () => ((allEvents = !allEvents), showEvents()))
        : null,
      newestCounted?.at_s
        ? button("Step back", () => change({ at: utc(newestCounted.at_s) }), {
            title: "Leave out the newest event that counts, and see whether it is recommended",
          })
        : null,
      button("Edit as a history", () => change({ who: "history", history: counted.map(event => event.id), at: "" })),
    ),
  );
  // What had the keyboard was made anew.
  if (focused) [...$("events").querySelectorAll("button")].find(node => node.textContent === focused)?.focus();
}

function countedEvents() {
  return state.at ? events.filter(event => event.at_s < seconds(state.at + "Z")) : events;
}

/** A user by chance. Users are listed by the beginning of their ids, so beginnings are drawn: digits anew, one at a time. */
async function randomUser() {
  const among = list => list[Math.floor(Math.random() * list.length)];
  let [found, beginning] = [await usersFrom("", 100), ""];
  for (let i = 0; i < 12 && found.length >= 100; i++) {
    const next = among(found).id[beginning.length] ?? "";
    const longer = beginning + (/\d/.test(next) ? among("0123456789") : next);
    const some = await usersFrom(longer, 100);
    if (some.length) [found, beginning] = [some, longer];
  }
  return found.length ? among(found).id : "";
}

// ---- Whom: a history

let allChosen = false;

async function showHistory(focus) {
  const ids = state.history;
  if (!ids.length) {
    $("chosen").replaceChildren(el("p.caption", "Nothing yet. Search for a title, or click + beside an item."));
    if (focus) $("search").focus();
    return;
  }
  const places = ids.map((_, i) => i).reverse();
  const visible = allChosen ? places : places.slice(0, 12);
  const move = (from, to) => {
    const moved = [...ids];
    moved.splice(to, 0, ...moved.splice(from, 1));
    edit(moved, [to, from < to ? "newer" : "older"]);
  };
  const row = place => {
    const name = nameOf(ids[place]);
    return el(
      "li",
      el(
        "span.title",
        button(name, () => open(ids[place]), { className: "link" }),
      ),
      button("↑", () => move(place, place + 1), {
        "aria-label": `Newer: ${name}`,
        title: "newer",
        id: `newer-${place}`,
        disabled: place === ids.length - 1,
      }),
      button("↓", () => move(place, place - 1), {
        "aria-label": `Older: ${name}`,
        title: "older",
        id: `older-${place}`,
        disabled: place === 0,
      }),
      button("×", () => edit(ids.toSpliced(place, 1), [Math.max(place - 1, 0), "remove"]), {
        "aria-label": `Remove ${name}`,
        title: "remove",
        id: `remove-${place}`,
      }),
    );
  };
  $("chosen").replaceChildren(
    el("p.caption", el("span", `${plural(ids.length, "event")}, newest first`)),
    el("ol.events", visible.map(row)),
    el(
      "div.below-list",
      ids.length > 12
        ? button(
            allChosen ? "Show twelve" : `Show all ${count(ids.length)}`,
            () => ((allChosen = !allChosen), showHistory()),
          )
        : null,
      button("Clear", () => edit([], [0, "remove"])),
    ),
  );
  if (focus) {
    const [place, what] = focus;
    const wanted = [what, "older", "newer"].map(kind => $(`${kind}-${place}`)).find(node => node && !node.disabled);
    (wanted ?? $("search")).focus();
  }
  const unmet = [...new Set(visible.map(place => ids[place]))].filter(id => !titles.has(id));
  if (!unmet.length) return;
  for (const id of unmet) titles.set(id, undefined);
  await Promise.allSettled(unmet.map(id => ask(`v1/items/${encodeURIComponent(id)}`).then(({ data }) => meet(data))));
  if (state.history === ids) showHistory();
}

/** Another history. `focus` says where the keyboard goes on. */
function edit(ids, focus) {
  state.history = ids;
  remember();
  showHistory(focus);
  recommend();
}

function add(id) {
  const before = state.who === "history" ? state.history : countedEvents().map(event => event.id);
  change({ who: "history", history: [...before, id], at: state.who === "history" ? state.at : "" });
}

/** Adds by a click beside an item, which the next list need not have. */
function addFromList(id) {
  add(id);
  $("answer").focus({ preventScroll: true });
}
