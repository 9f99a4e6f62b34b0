// What people do on the page, and what they must then see. Each journey has a tab of its own (browser.mjs), lets nothing
// pass that the page must not do, and leaves a picture.

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { around } from "./around.mjs";
import { settled } from "./look.mjs";
import { what } from "./what.mjs";
import { whom } from "./whom.mjs";

/**
 * By name: a function of `page`, or `{ run, … }` with what the tab is like (`tab` of browser.mjs) and what it needs: a `server`
 * of its "own", one with a "shadow" or a "token", one of the "plain" bundle; `needs: "invented"` for the bundle of data.mjs.
 */
export const journeys = { ...whom, ...what, ...around };

/** Runs one journey with a picture at its end; the error if it failed, with a picture as well. */
export async function run(name, { tab, servers, folder, bundle }) {
  const journey = typeof journeys[name] === "function" ? { run: journeys[name] } : journeys[name];
  let server;
  try {
    server = await servers.get(journey.server ?? "common");
  } catch (error) {
    return error;
  }
  const opened = await tab(journey);
  const open = async (hash = "") => {
    await opened.page.goto(`${server.url}/${hash}`);
    await settled(opened.page);
  };
  const restart = () => servers.again(server);
  try {
    await journey.run({ page: opened.page, url: server.url, open, server, restart, bundle, token: servers.token });
    await opened.picture(folder, name);
    await opened.finish(server.url);
    return null;
  } catch (error) {
    await opened.picture(folder, `failed-${name}`).catch(() => {});
    await writeFile(join(folder, `failed-${name}.html`), await opened.page.content().catch(() => "")).catch(() => {});
    await opened.close();
    return error;
  } finally {
    if (journey.server === "own") await servers.drop(server);
  }
}
