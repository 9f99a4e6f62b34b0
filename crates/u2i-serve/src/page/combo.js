// ---- A field that finds while one types

/** `find` gives options `{value, name, note}` for a text, `choose` gets the value; `free` also takes what was typed. */
function combo(input, list, find, choose, free = false) {
  let [options, at, timer, turn] = [[], -1, 0, 0];
  const close = () => {
    turn++;
    clearTimeout(timer);
    list.hidden = true;
    at = -1;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  };
  const point = to => {
    at = to;
    [...list.children].forEach((node, i) => node.setAttribute("aria-selected", String(i === at)));
    input.setAttribute("aria-activedescendant", `${list.id}-${at}`);
    list.children[at].scrollIntoView({ block: "nearest" });
  };
  const take = i => {
    const { value } = options[i];
    close();
    choose(value);
  };
  const show = async () => {
    const mine = ++turn;
    const text = input.value.trim();
    let note = text ? `Nothing like “${text}”.` : "There are none.";
    options = await find(text).catch(problem => ((note = problem.message), []));
    if (mine !== turn || document.activeElement !== input) return;
    at = -1;
    input.removeAttribute("aria-activedescendant");
    const row = ({ name, note }, i) =>
      el(
        "li",
        { role: "option", id: `${list.id}-${i}`, "aria-selected": "false", onclick: () => take(i) },
        el("span", name),
        el("small", note ?? ""),
      );
    list.replaceChildren(...(options.length ? options.map(row) : [el("li", { role: "presentation" }, note)]));
    list.hidden = false;
    input.setAttribute("aria-expanded", "true");
  };
  list.addEventListener("mousedown", event => event.preventDefault()); // so that the field keeps the keyboard
  input.addEventListener("click", () => list.hidden && show());
  input.addEventListener("blur", close);
  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(show, 120);
  });
  input.addEventListener("keydown", async event => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (list.hidden) await show();
      const n = options.length;
      if (n) point(event.key === "ArrowDown" ? (at + 1) % n : (at + n - (at < 0 ? 0 : 1)) % n);
    } else if (event.key === "Escape" && !list.hidden) {
      event.preventDefault();
      close();
    } else if (event.key === "Enter") {
      event.preventDefault();
      if (at >= 0) return take(at);
      if (free) return (close(), choose(input.value.trim()));
      if (input.value.trim()) await show();
      if (options.length && !list.hidden) take(0);
    }
  });
}
