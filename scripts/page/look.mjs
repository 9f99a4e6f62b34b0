// What is on the page, for the journeys.

/** What the console says of a request that is refused. */
export const REFUSED = /status of 4\d\d/;

/** Waits until the list is there for what is asked. */
export async function settled(page) {
  await page.waitForFunction(() => {
    const answer = document.getElementById("answer");
    const said =
      document.getElementById("lists").children.length > 0 || document.getElementById("status").textContent !== "";
    return said && !answer.hasAttribute("aria-busy");
  });
}

/** Does `act`, waits for the answers to `n` requests for recommendations, and returns the last. */
export async function answered(page, act, n = 1) {
  const replies = [];
  const done = new Promise((resolve, reject) => {
    const late = setTimeout(
      () => (
        page.off("response", heard),
        reject(new Error("no request for recommendations was answered within 20 s"))
      ),
      20_000,
    );
    const heard = reply => {
      if (!reply.url().endsWith("/v1/recommend") || replies.push(reply) < n) return;
      clearTimeout(late);
      page.off("response", heard);
      resolve();
    };
    page.on("response", heard);
  });
  await Promise.all([done, act()]);
  await settled(page);
  return replies[n - 1].json();
}

/** The rows of a list. */
export const list = (page, which = 0) =>
  page
    .locator("#lists .list")
    .nth(which)
    .locator("li")
    .evaluateAll(rows =>
      rows.map(row => ({
        title: row.querySelector(".link").textContent,
        score: Number(row.querySelector(".score").firstChild.textContent.replaceAll(",", "")),
        mark: row.querySelector(".mark")?.textContent ?? "",
        text: row.textContent,
      })),
    );

/** The name of what has the keyboard: its text, name or id. */
export const picked = page =>
  page.evaluate(() => {
    const node = document.activeElement;
    return node.name || node.id || node.textContent;
  });

/** Whether one sees what has the keyboard: an outline, its own or that of what stands for it. */
export const focusIsVisible = page =>
  page.evaluate(() => {
    const node = document.activeElement;
    return [node, node.nextElementSibling].some(
      seen =>
        seen &&
        getComputedStyle(seen).outlineStyle === "solid" &&
        parseFloat(getComputedStyle(seen).outlineWidth) >= 2,
    );
  });

/** Controls that have no name for those who do not see them. */
export const boxesWithoutNames = page =>
  page
    .locator("input:visible, select:visible, button:visible")
    .evaluateAll(nodes =>
      nodes
        .filter(node => !node.labels?.length && !node.getAttribute("aria-label") && !node.textContent.trim())
        .map(node => node.outerHTML),
    );

/** Texts whose contrast is below what WCAG 2.2 wants at level AA: 4.5 to 1, for large ones 3 to 1. */
export const faint = page =>
  page.evaluate(() => {
    const parse = color => (/[\d.]+/g[Symbol.match](color) ?? []).map(Number);
    const luminance = rgb => {
      const [r, g, b] = rgb
        .slice(0, 3)
        .map(channel =>
          channel / 255 <= 0.04045 ? channel / 255 / 12.92 : ((channel / 255 + 0.055) / 1.055) ** 2.4,
        );
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const over = (top, below) => {
      const alpha = top[3] ?? 1;
      return top.slice(0, 3).map((channel, i) => channel * alpha + below[i] * (1 - alpha));
    };
    const ground = node => {
      const layers = [];
      for (let at = node; at; at = at.parentElement) {
        const color = parse(getComputedStyle(at).backgroundColor);
        if (color.length === 3 || color[3] > 0) layers.push(color);
        if (color.length === 3) break;
      }
      return layers.reverse().reduce((below, top) => over(top, below), [255, 255, 255]);
    };
    const modal = document.querySelector("dialog[open]");
    const found = [];
    const walker = document.createTreeWalker(modal ?? document.body, NodeFilter.SHOW_TEXT);
    for (let text = walker.nextNode(); text; text = walker.nextNode()) {
      const node = text.parentElement;
      if (
        !text.textContent.trim() ||
        !node.checkVisibility() ||
        node.matches("script, noscript *, option, :disabled")
      )
        continue;
      const style = getComputedStyle(node);
      const below = ground(node);
      const [a, b] = [luminance(over(parse(style.color), below)), luminance(below)].sort((a, b) => b - a);
      const contrast = (a + 0.05) / (b + 0.05);
      const size = parseFloat(style.fontSize);
      const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
      if (contrast < (large ? 3 : 4.5)) found.push(`${contrast.toFixed(2)}: ${text.textContent.trim().slice(0, 40)}`);
    }
    return found;
  });

/** What a POST of JSON is answered with. */
export async function post(url, path, body) {
  const reply = await fetch(`${url}/${path}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  if (!reply.ok) throw new Error(`${path}: ${reply.status} ${await reply.text()}`);
  return reply.json();
}
