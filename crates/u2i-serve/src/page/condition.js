// ---- Conditions

const quoted = text => (/^[\p{L}\p{N}_.+-]+$/u.test(text) ? text : `"${text.replace(/["\\]/g, "\\$&")}"`);
const compare = (name, operator, value) => `${quoted(name)} ${operator} ${quoted(String(value))}`;
const joined = comparison => (state.where.trim() ? `${state.where.trim()} and ${comparison}` : comparison);
const attributes = () => {
  const own = bundle?.attributes ?? [];
  const more = [
    ["train_count", "number"],
    ["title", "text"],
    ["item_id", "text"],
  ].map(([name, kind]) => ({ name, kind, examples: [] }));
  return [...own, ...more.filter(one => !own.some(({ name }) => name === one.name))];
};
/** Columns that a request may tell of: of the user, or of the request but for those that its time gives. */
const columns = side =>
  [
    ...new Set(
      (bundle?.columns ?? []).filter(column => column.side === side).map(column => column.source ?? column.name),
    ),
  ].filter(name => !["time_s", "hour", "weekday"].includes(name));

/** A number between the least and the greatest, in their middle by ratio where that makes sense. */
const between = (least, greatest) => Math.round(least > 0 ? Math.sqrt(least * greatest) : (least + greatest) / 2);

function helper() {
  const options = list => list.map(text => el("option", { value: text }, text));
  const chosen = $("attribute").value;
  $("attribute").replaceChildren(...options(attributes().map(({ name }) => name)));
  if (attributes().some(({ name }) => name === chosen)) $("attribute").value = chosen;
  const { kind, examples = [] } = attributes().find(({ name }) => name === $("attribute").value);
  $("operator").replaceChildren(...options(OPERATORS[kind]));
  $("values").replaceChildren(...examples.map(value => el("option", { value: String(value) })));
  const [first, last] = examples;
  $("value").placeholder =
    first === undefined ? "value" : kind === "number" ? `${first} to ${last}` : `such as ${short(String(first))}`;
  const some = (bundle?.attributes ?? []).filter(({ examples }) => examples?.length);
  const parts = [some.find(({ kind }) => kind !== "number"), some.find(({ kind }) => kind === "number")]
    .filter(Boolean)
    .map(({ name, kind, examples: [first, last] }) =>
      kind === "number" ? compare(name, ">=", between(first, last)) : compare(name, OPERATORS[kind][0], first),
    );
  $("where-hint").textContent = `For instance ${parts.join(" and ") || "train_count >= 20"}`;
}
