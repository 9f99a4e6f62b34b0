// The pictures of docs/images/serving: the page on a desk and on a phone, with the invented cinema.

import { join } from "node:path";
import { answered, settled } from "./look.mjs";

/** Leaves page.png and page-phone.png in `folder`. */
export async function pictures({ tab, url, folder }) {
  for (const [name, size] of [
    ["page", "desk"],
    ["page-phone", "phone"],
  ]) {
    const { page, close } = await tab({ size });
    await hit(page, url);
    if (size === "desk") {
      await answered(page, () => page.getByLabel("Only items where").fill("year >= 1970"));
      await page.locator("#pulse", { hasText: "ms" }).waitFor();
    } else {
      await page.locator("#answer").evaluate(answer => answer.scrollIntoView());
    }
    await page.evaluate(() => document.activeElement.blur());
    if (size === "desk") await page.evaluate(() => window.scrollTo(0, 0));
    await page.mouse.move(0, 0);
    await page.screenshot({
      path: join(folder, `${name}.png`),
      clip: size === "desk" ? { x: 0, y: 0, width: 1280, height: 760 } : undefined,
    });
    await close();
  }
}

/** The first user to whom the item that came next is recommended, as it was before. */
async function hit(page, url) {
  for (let user = 11; user < 200; user++) {
    await page.goto("about:blank");
    await page.goto(`${url}/#user=${user}&explain=2`);
    await settled(page);
    await answered(page, () => page.getByRole("button", { name: "Step back" }).click());
    const places = await page.locator("#lists li").allTextContents();
    if (places.slice(0, 5).some(text => text.includes("happened next"))) return;
  }
  throw new Error("no user gets what came next");
}
