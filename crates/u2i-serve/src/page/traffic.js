// ---- Traffic, from /metrics

const samples = []; // of the last two minutes: {at, endpoints: Map(name → {total, failed, buckets: Map(le → n)})}
/** What is asked for by this page as such, and by those who watch over the service. */
const OWN = /^\/(metrics|healthz|readyz|page\.(js|css)|openapi\.json|)$/;

/** Counts by endpoint in the text that Prometheus reads. */
function counts(text) {
  const endpoints = new Map();
  for (const [, name, inner, value] of text.matchAll(
    /^u2i_(requests_total|request_seconds_bucket)\{(.*)\} (\S+)/gm,
  )) {
    const { endpoint, status, le } = Object.fromEntries(
      [...inner.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, key, text]) => [key, text]),
    );
    if (OWN.test(endpoint)) continue;
    if (!endpoints.has(endpoint)) endpoints.set(endpoint, { total: 0, failed: 0, buckets: new Map() });
    const entry = endpoints.get(endpoint);
    const n = Number(value);
    if (le === undefined) {
      entry.total += n;
      if (Number(status) >= 400) entry.failed += n;
    } else {
      entry.buckets.set(le === "+Inf" ? Infinity : Number(le), n);
    }
  }
  return endpoints;
}

/** The quantile of what came between two counts, in seconds; linear within a bucket. */
function quantile(q, now, before) {
  const edges = [...now.keys()].sort((a, b) => a - b);
  const cumulated = edges.map(edge => now.get(edge) - (before?.get(edge) ?? 0));
  const n = cumulated[cumulated.length - 1];
  if (!n) return NaN;
  const i = cumulated.findIndex(c => c >= q * n);
  const [low, below] = i ? [edges[i - 1], cumulated[i - 1]] : [0, 0];
  return edges[i] === Infinity ? low : low + ((edges[i] - low) * (q * n - below)) / (cumulated[i] - below);
}

function merged(endpoints) {
  const sum = { total: 0, failed: 0, buckets: new Map() };
  for (const { total, failed, buckets } of endpoints.values()) {
    sum.total += total;
    sum.failed += failed;
    for (const [le, n] of buckets) sum.buckets.set(le, (sum.buckets.get(le) ?? 0) + n);
  }
  return sum;
}

let refused = false; // then it is only seen whether the server is there

async function watch() {
  setTimeout(watch, 2000);
  if (document.hidden || !$("token-box").hidden) return;
  try {
    const { data } = await ask(refused ? "healthz" : "metrics", null, null, 1);
    if (refused) return;
    const endpoints = counts(data);
    const now = { at: performance.now() / 1000, endpoints, sum: merged(endpoints) };
    // Fewer than before: the server began anew.
    if (samples.length && now.sum.total < samples[samples.length - 1].sum.total) samples.length = 0;
    samples.push(now);
    while (now.at - samples[0].at > 120) samples.shift();
    traffic();
  } catch (problem) {
    if (!problem.status) return;
    $("traffic-note").textContent = `Not to be had: ${problem.message}`;
    refused = problem.status !== 503;
  }
}

function traffic() {
  const now = samples[samples.length - 1];
  const since = s => samples.find(sample => now.at - sample.at <= s) ?? now;
  const [recent, minute] = [since(11), since(61)];
  const rate = (to, from, span) => (span > 0 ? (to - from) / span : 0);
  const p = (q, to, from) => {
    const found = quantile(q, to.buckets, from?.buckets);
    return Number.isNaN(found) ? "–" : millis(found * 1000);
  };
  const span = now.at - recent.at;
  const perSecond = rate(now.sum.total, recent.sum.total, span);
  const [n, failed] = [now.sum.total - minute.sum.total, now.sum.failed - minute.sum.failed];
  const number = x => (x >= 100 ? count(Math.round(x)) : x.toFixed(1));
  const tile = (name, figure, unit) =>
    el("div.tile", el("p.name", name), el("p.figure", figure, unit ? el("small", ` ${unit}`) : null));
  $("rates").replaceChildren(
    tile("Requests", number(perSecond), "a second"),
    tile("Median", p(0.5, now.sum, minute.sum)),
    tile("99th percentile", p(0.99, now.sum, minute.sum)),
    tile("Refused or failed", n ? `${((100 * failed) / n).toFixed(1)} %` : "–"),
  );
  $("traffic-note").textContent =
    "The rate is of the last 10 s, the rest of the last minute; this page's own questions are among them.";
  $("pulse").textContent = `${number(perSecond)} requests/s, p99 ${p(0.99, now.sum, minute.sum)}`;
  const rows = [...now.endpoints]
    .filter(([, { total }]) => total)
    .sort(([, a], [, b]) => b.total - a.total)
    .map(([name, entry]) => {
      const [then, before] = [recent.endpoints.get(name), minute.endpoints.get(name)];
      return el(
        "tr",
        el("th", { scope: "row" }, name),
        [
          count(entry.total),
          number(rate(entry.total, then?.total ?? 0, span)),
          p(0.5, entry, before),
          p(0.99, entry, before),
          count(entry.failed),
        ].map(text => el("td", text)),
      );
    });
  $("endpoints").hidden = !rows.length;
  const head = ["Endpoint", "since the start", "a second", "median", "p99", "refused or failed"].map(text =>
    el("th", { scope: "col" }, text),
  );
  $("endpoints").replaceChildren(el("table", el("thead", el("tr", head)), el("tbody", rows)));
  draw(now);
}

/** The rate of the last two minutes as a line. */
function draw(now) {
  const points = samples
    .slice(1)
    .map((sample, i) => [
      600 - ((now.at - sample.at) / 120) * 600,
      (sample.sum.total - samples[i].sum.total) / (sample.at - samples[i].at),
    ]);
  $("rate-figure").hidden = points.length < 2;
  const most = Math.max(1, ...points.map(([, rate]) => rate));
  const shape = (name, attributes) => {
    const node = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    return node;
  };
  $("rate-caption").textContent = `The last two minutes, up to ${most.toFixed(most < 10 ? 1 : 0)}`;
  $("rate").replaceChildren(
    shape("line", { x1: 0, x2: 600, y1: 88, y2: 88 }),
    shape("polyline", {
      points: points.map(([x, rate]) => `${x.toFixed(1)},${(88 - (84 * rate) / most).toFixed(1)}`).join(" "),
    }),
  );
}
