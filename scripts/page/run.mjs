// `node run.mjs --u2i FILE --chromium FILE --pictures FOLDER --bundle FOLDER [--shadow FOLDER] [--plain FOLDER] [--only NAME]`
// serves the bundle, takes every journey, and ends with 1 if one failed. scripts/page.sh calls it.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { launch, tab } from "./browser.mjs";
import { journeys, run } from "./journeys.mjs";
import { pictures } from "./pictures.mjs";
import { serve } from "./server.mjs";

const names = ["u2i", "chromium", "pictures", "bundle", "shadow", "plain", "only"];
const { values } = parseArgs({
  options: { ...Object.fromEntries(names.map(name => [name, { type: "string" }])), invented: { type: "boolean" } },
});
const scratch = mkdtempSync(join(tmpdir(), "u2i-page-"));
mkdirSync(values.pictures, { recursive: true });

/** Servers by what they are for; one for all journeys that change nothing. */
const servers = {
  started: 0,
  token: "journeys-do-not-guess",
  running: new Map(),
  async get(kind) {
    const had = this.running.get(kind);
    if (had && kind !== "own") return had;
    const events = ["--events", join(scratch, `events-${this.started++}.sqlite`)];
    writeFileSync(join(scratch, "token"), this.token, { mode: 0o600 });
    const options = {
      common: [],
      own: [],
      plain: [],
      shadow: ["--shadow", values.shadow],
      token: ["--token-file", join(scratch, "token")],
    }[kind];
    const bundle = kind === "plain" ? values.plain : values.bundle;
    const server = await serve(values.u2i, bundle, [...events, ...options]);
    Object.assign(server, { kind, bundle, options: [...events, ...options] });
    this.running.set(kind, server);
    return server;
  },
  async again(server) {
    Object.assign(server, await serve(values.u2i, server.bundle, server.options, server.port));
  },
  async drop(server) {
    await server.stop();
    this.running.delete(server.kind);
  },
};

const possible = name => {
  const { server, needs } = journeys[name];
  if (needs === "invented" && !values.invented) return "the bundle's titles are not invented";
  if ((server === "shadow" || server === "plain") && !values[server]) return `no --${server}`;
  return null;
};

let failed = 0;
const browser = await launch(values.chromium);
try {
  for (const name of Object.keys(journeys).filter(name => !values.only || name.includes(values.only))) {
    const lacking = possible(name);
    if (lacking) {
      console.log(`left out  ${name}: ${lacking}`);
      continue;
    }
    const begun = performance.now();
    const error = await run(name, {
      tab: options => tab(browser, options),
      servers,
      folder: values.pictures,
      bundle: values.bundle,
    });
    console.log(`${error ? "FAILED" : "ok"}  ${name}  ${((performance.now() - begun) / 1000).toFixed(1)} s`);
    if (error) console.log(error.stack.replace(/^/gm, "    "));
    failed += error ? 1 : 0;
  }
  if (values.invented && !values.only && !failed) {
    const { url } = await servers.get("shadow");
    await pictures({ tab: options => tab(browser, options), url, folder: values.pictures });
  }
} finally {
  await browser.close();
  for (const server of servers.running.values()) await server.stop();
  rmSync(scratch, { recursive: true, force: true });
}
console.log(
  failed
    ? `${failed} journeys failed; pictures are in ${values.pictures}`
    : `all journeys passed; pictures are in ${values.pictures}`,
);
process.exit(failed ? 1 : 0);
