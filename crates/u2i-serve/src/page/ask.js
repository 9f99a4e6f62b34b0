// ---- The server

/** An answer that is an error: in words, and with the field of the request that it is about. */
class Problem extends Error {
  constructor(status, said) {
    super(said.message ?? `The server answered with ${status}.`);
    this.status = status;
    this.field = String(said.field ?? "");
  }
}

/** The answer to a GET, or to a POST of `body`: `data`, `ms` until it was here, and `server` ms if the server says so. */
async function ask(path, body, signal, tries = 3) {
  const headers = body ? { "content-type": "application/json" } : {};
  const token = sessionStorage.getItem("u2i-token");
  if (token) headers.authorization = `Bearer ${token}`;
  const begun = performance.now();
  let reply, text;
  try {
    const options = { method: body ? "POST" : "GET", headers, signal, cache: "no-store" };
    reply = await fetch(path, body ? { ...options, body: JSON.stringify(body) } : options);
    text = await reply.text();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    gone(true);
    throw new Problem(0, { message: "The server does not answer." });
  }
  const ms = performance.now() - begun;
  gone(false);
  if (reply.status === 503 && tries > 1) {
    const wait = Math.min(Number(reply.headers.get("retry-after")) || 1, 5);
    $("status").textContent = `The server is busy. Asking again in ${wait} s.`;
    await new Promise(resolve => setTimeout(resolve, wait * 1000));
    return ask(path, body, signal, tries - 1);
  }
  let data = text;
  if (/json/.test(reply.headers.get("content-type"))) {
    try {
      data = JSON.parse(text);
    } catch {
      throw new Problem(reply.status, { message: "The server's answer is no JSON." });
    }
  }
  if (reply.ok)
    return { data, ms, server: Number(/dur=([\d.]+)/.exec(reply.headers.get("server-timing"))?.[1] ?? NaN) };
  if (reply.status === 401) wantToken(token !== null);
  throw new Problem(reply.status, data ?? {});
}

const search = params => new URLSearchParams(params).toString();
const usersFrom = async (query, limit) =>
  (await ask(`v1/users?${search({ query, limit })}`)).data.users.map(user =>
    typeof user === "object" ? user : { id: user },
  );
const itemsLike = async (query, limit) => (await ask(`v1/items?${search({ query, limit })}`)).data.items.map(meet);

let lostAt = null;
function gone(lost) {
  if (lost && lostAt === null) {
    lostAt = new Date();
    const at = lostAt.toLocaleTimeString("en-GB");
    $("gone").replaceChildren(
      el("strong", "The server does not answer."),
      ` What is shown is from before ${at}. Trying again every 2 s.`,
    );
    $("gone").hidden = false;
  } else if (!lost && lostAt !== null) {
    lostAt = null;
    $("gone").hidden = true;
    start();
  }
}

function wantToken(refused) {
  $("token-box").hidden = false;
  complain("token", refused ? "The token was refused." : "");
  if (document.activeElement === document.body) $("token").focus();
}

// ---- Errors, at the field that they belong to

function complain(field, message) {
  const [input, place] = [$(field), $(`${field}-error`)];
  place.textContent = message;
  place.hidden = !message;
  if (message) {
    input.setAttribute("aria-invalid", "true");
    input.closest("details")?.setAttribute("open", "");
  } else {
    input.removeAttribute("aria-invalid");
  }
}

function forgive() {
  for (const field of [...FIELDS, "user"]) complain(field, "");
  for (const field of ["history", "answer"]) $(`${field}-error`).hidden = true;
  $("answer").classList.remove("stale");
}

/** Writes what went wrong where it can be mended, else above the list. */
function told(problem) {
  const key = problem.field.split(/[.[]/).filter(part => part !== "requests" && !/^\d+\]?$/.test(part))[0] ?? "";
  $("answer").classList.add("stale");
  const field = key === "bundle" ? "beside" : key;
  if (FIELDS.includes(field) || (field === "user" && state.who === "user")) {
    complain(field, problem.message);
    $("status").textContent =
      `Not answered: see “${document.querySelector(`label[for=${field}]`).textContent}”. Below is the list before.`;
    return;
  }
  const place = field === "history" && state.who === "history" ? $("history-error") : $("answer-error");
  place.textContent = problem.message;
  place.hidden = false;
  $("status").textContent = problem.status === 0 || lostAt ? "" : "Not answered.";
}
