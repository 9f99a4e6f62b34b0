// A tab of Chromium that lets nothing pass: a request to another server, an error in the console, a broken content
// security policy, or text wider than the window makes its journey fail.

import assert from "node:assert/strict";
import { join } from "node:path";
import { chromium } from "playwright-core";

const ARGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export const launch = executablePath => chromium.launch({ executablePath, args: ARGS });

const SIZES = { desk: { width: 1280, height: 900 }, phone: { width: 390, height: 844 } };

/**
 * Opens a tab for a journey. `size` is "desk" or "phone", `scheme` "light" or "dark", `script` false for a browser without
 * JavaScript; `expected` matches what the console may say.
 */
export async function tab(browser, { size = "desk", scheme = "light", script = true, expected = null } = {}) {
  const context = await browser.newContext({
    viewport: SIZES[size],
    isMobile: size === "phone",
    hasTouch: size === "phone",
    colorScheme: scheme,
    javaScriptEnabled: script,
    locale: "en-GB",
    timezoneId: "UTC",
    reducedMotion: "reduce",
  });
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  const [wrong, hosts] = [[], new Set()];
  page.on("console", message => {
    const text = message.text();
    if (["error", "warning"].includes(message.type()) && !expected?.test(text))
      wrong.push(`the console says: ${text}`);
  });
  page.on("pageerror", error => wrong.push(`an error is not caught: ${error.stack}`));
  page.on("dialog", dialog => (wrong.push(`a dialog opened: ${dialog.message()}`), dialog.dismiss()));
  context.on("request", request => !request.url().startsWith("data:") && hosts.add(new URL(request.url()).host));
  if (script) {
    await page.addInitScript(() => {
      window.violations = [];
      document.addEventListener("securitypolicyviolation", event =>
        window.violations.push(`${event.violatedDirective} ${event.blockedURI}`),
      );
    });
  }
  return {
    page,
    /** Fails if anything passed that must not; then closes the tab. */
    async finish(url) {
      if (script) {
        assert.deepEqual(await page.evaluate(() => window.violations), [], "the content security policy was broken");
        const room = SIZES[size].width; // phones widen the window itself, and show everything smaller
        const wide = await page.evaluate(() => document.documentElement.scrollWidth);
        assert.ok(wide <= room, `the page is ${wide} pixels wide in a window of ${room}`);
      }
      assert.deepEqual(
        [...hosts].filter(host => host !== new URL(url).host),
        [],
        "a request left the server",
      );
      assert.deepEqual(wrong, []);
      await context.close();
    },
    picture: (folder, name) => page.screenshot({ path: join(folder, `${name}.png`), fullPage: true }),
    close: () => context.close(),
  };
}
