// ---- Wiring

let typing = 0;

function wire() {
  $("controls").addEventListener("submit", event => event.preventDefault());
  for (const radio of document.getElementsByName("who")) radio.onchange = () => change({ who: radio.value });
  for (const field of FIELDS) {
    const now = () => (clearTimeout(typing), $(field).value !== state[field] && change({ [field]: $(field).value }));
    $(field).addEventListener("change", now);
    if ($(field).tagName === "INPUT")
      $(field).addEventListener(
        "input",
        () => (clearTimeout(typing), (typing = setTimeout(now, field === "where" ? 600 : 250))),
      );
    $(field).addEventListener("keydown", event => event.key === "Enter" && now());
  }
  document.addEventListener(
    "change",
    ({ target: { dataset, value } }) =>
      dataset?.about && change({ about: { ...state.about, [dataset.about]: value } }),
  );
  combo(
    $("user"),
    $("user-list"),
    async text =>
      (await usersFrom(text, 20)).map(({ id, n_events: n }) => ({
        value: id,
        name: id,
        note: n === undefined ? "" : plural(n, "event"),
      })),
    user => change({ user }),
    true,
  );
  combo(
    $("search"),
    $("search-list"),
    async text =>
      (await itemsLike(text, 12)).map(item => ({
        value: item.id,
        name: item.title ?? item.id,
        note: item.train_count === undefined ? "" : plural(item.train_count, "event"),
      })),
    id => {
      $("search").value = "";
      add(id);
    },
  );
  $("random").onclick = () =>
    randomUser().then(user => (user ? change({ user }) : complain("user", "The bundle has no users.")), told);
  $("now").onclick = () => (change({ at: "" }), $("at").focus());
  $("attribute").onchange = () => (($("value").value = ""), helper());
  const addComparison = () => {
    if (!$("value").value.trim()) return $("value").focus();
    change({ where: joined(compare($("attribute").value, $("operator").value, $("value").value.trim())) });
    $("value").value = "";
  };
  $("add-comparison").onclick = addComparison;
  $("value").addEventListener("keydown", event => event.key === "Enter" && addComparison());
  $("token-box").onsubmit = event => {
    event.preventDefault();
    sessionStorage.setItem("u2i-token", $("token").value);
    $("token").value = "";
    $("token-box").hidden = true;
    start();
  };
  $("close").onclick = () => $("item").close();
  $("item").addEventListener("click", event => event.target === $("item") && $("item").close());
  $("item").onclose = () => ((state.item = ""), remember());
  $("copy").hidden = !navigator.clipboard;
  $("copy").onclick = () =>
    navigator.clipboard.writeText(location.href).then(
      () => ($("copy").textContent = "Copied"),
      () => ($("copy").textContent = "Not permitted"),
    );
  for (const link of document.querySelectorAll("[data-go]")) {
    // The address holds the view, so links within the page leave it alone.
    link.onclick = event => {
      event.preventDefault();
      $(link.dataset.go).scrollIntoView();
      $(link.dataset.go).focus({ preventScroll: true });
    };
  }
  window.onhashchange = () => {
    recall();
    control();
    refresh();
    if (state.item) open(state.item);
    else if ($("item").open) $("item").close();
  };
}

/** Asks for everything anew, after the page was loaded, a token was given, or the server came back. */
async function start() {
  try {
    await describe();
    eventsOf = null;
    if (state.who === "user" && !state.user && location.hash.length < 2) state.user = await randomUser();
    control();
    await refresh();
    if (state.item && !$("item").open) await open(state.item);
  } catch (problem) {
    if (problem.status !== 401) told(problem);
  }
}

recall();
wire();
control();
$("what").open = window.innerWidth > 960;
$("without-script").remove();
$("app").hidden = false;
start().then(watch);
