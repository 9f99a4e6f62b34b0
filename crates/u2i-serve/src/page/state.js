"use strict";
// The page of `u2i serve`. What is shown follows from `state`, which the address holds after its `#`, so that a view can
// be sent. Text of the data reaches the page by `textContent` alone, and no request leaves this server.

const EMPTY = {
  who: "user",
  user: "",
  history: [],
  about: {},
  k: "10",
  explain: "3",
  seen: "",
  exact: "",
  where: "",
  at: "",
  beside: "",
  item: "",
};
const FIELDS = ["k", "explain", "seen", "exact", "where", "at", "beside"];
const OPERATORS = { text: ["=", "!="], list: ["has"], number: ["=", "!=", "<", "<=", ">", ">="] };

let state = structuredClone(EMPTY);
let bundle = null; // what /v1/bundle says
let events = []; // those of the user in `state`, oldest first
let shown = null; // the list before: whom it was for, and its ids in order
const titles = new Map(); // of items that were met, by id

// ---- The state, in the address and in the controls

function remember() {
  const params = new URLSearchParams();
  if (state.who === "history") params.set("who", "history");
  else if (state.user) params.set("user", state.user);
  if (state.who === "history") for (const id of state.history) params.append("h", id);
  for (const [name, value] of Object.entries(state.about)) if (value) params.set(`about.${name}`, value);
  for (const field of [...FIELDS, "item"]) if (state[field] !== EMPTY[field]) params.set(field, state[field]);
  history.replaceState(null, "", `#${params}`);
}

function recall() {
  const params = new URLSearchParams(location.hash.slice(1));
  state = structuredClone(EMPTY);
  state.who = params.get("who") === "history" || params.has("h") ? "history" : "user";
  state.user = params.get("user") ?? "";
  state.history = params.getAll("h");
  for (const field of [...FIELDS, "item"]) state[field] = params.get(field) ?? EMPTY[field];
  for (const [name, value] of params) if (name.startsWith("about.")) state.about[name.slice(6)] = value;
}

/** Writes the state into the controls. */
function control() {
  for (const radio of document.getElementsByName("who")) radio.checked = radio.value === state.who;
  $("as-user").hidden = state.who !== "user";
  $("as-history").hidden = state.who !== "history";
  $("user").value = state.user;
  for (const field of FIELDS) $(field).value = state[field];
  for (const input of document.querySelectorAll("[data-about]")) input.value = state.about[input.dataset.about] ?? "";
  $("now").hidden = !state.at;
  // What is set, for those to whom the fields are folded away.
  const chosen = field => (state[field] ? $(field).selectedOptions[0]?.text : "");
  $("set").textContent = [
    state.k === EMPTY.k ? "" : `${state.k} items`,
    state.where,
    state.at && `as of ${state.at.replace("T", " ")}`,
    state.seen && `seen items ${chosen("seen")}`,
    chosen("exact"),
    chosen("beside"),
  ]
    .filter(Boolean)
    .join(", ");
  // Side by side, each list has its own search.
  $("exact").disabled = state.beside === "exact";
}

/** Changes the state, and all that follows from it. */
function change(changes) {
  Object.assign(state, changes);
  control();
  refresh();
}

async function refresh() {
  remember();
  await Promise.all([state.who === "user" ? showEvents() : showHistory(), recommend()]);
}
