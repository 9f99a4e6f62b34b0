// What is recommended, and what it is compared with.

import assert from "node:assert/strict";
import { REFUSED, answered, list, post } from "./look.mjs";

export const what = {
  async a_condition_is_put_together_and_holds({ page, url, open }) {
    await open();
    const before = (await list(page)).map(row => row.title);
    const { attributes } = await (await fetch(`${url}/v1/bundle`)).json();
    const own = attributes.find(attribute => attribute.kind === "list" || attribute.kind === "text");
    const [name, value] = [own?.name ?? "train_count", own?.examples[1] ?? "20"];
    await page.getByLabel("Attribute").selectOption(name);
    assert.ok((await page.getByLabel("Operator").locator("option").count()) > 0);
    if (own) assert.ok((await page.locator("#values option").count()) > 1, "values are offered");
    else await page.getByLabel("Operator").selectOption(">=");
    await page.getByLabel("Value").fill(String(value));
    const { items } = await answered(page, () => page.getByRole("button", { name: "Add", exact: true }).click());
    assert.ok(items.length > 0);
    for (const item of items) {
      if (own) assert.ok([item.attributes[name]].flat().includes(value), JSON.stringify(item));
      else assert.ok(item.train_count >= 20);
    }
    const rows = await list(page);
    assert.ok(
      rows.filter(row => !before.includes(row.title)).every(row => row.mark === "new"),
      "what is new is marked",
    );
    assert.match(await page.locator("#status").textContent(), /new|the same as before/);
    // The second is joined to it.
    await page.getByLabel("Attribute").selectOption("train_count");
    await page.getByLabel("Operator").selectOption(">=");
    await page.getByLabel("Value").fill("5");
    await answered(page, () => page.getByLabel("Value").press("Enter"));
    assert.match(await page.getByLabel("Only items where").inputValue(), / and train_count >= 5$/);
  },

  a_wrong_condition_is_told_at_its_field: {
    expected: REFUSED,
    async run({ page, open }) {
      await open();
      const before = await list(page);
      const where = page.getByLabel("Only items where");
      await where.fill("colour = green");
      await answered(page, () => where.press("Enter"));
      assert.match(await page.locator("#where-error").textContent(), /colour/);
      assert.equal(await where.getAttribute("aria-invalid"), "true");
      assert.deepEqual(await list(page), before, "the list before stays");
      await where.fill("");
      await answered(page, () => where.press("Enter"));
      assert.equal(await page.locator("#where-error").isVisible(), false);
    },
  },

  async a_number_out_of_range_is_told_at_its_field({ page, open }) {
    await open();
    await page.getByLabel("Items", { exact: true }).fill("5000");
    await page.locator("#k-error").waitFor();
    assert.equal(await page.locator("#k-error").textContent(), "A whole number from 1 to 1,000.");
    await answered(page, () => page.getByLabel("Items", { exact: true }).fill("25"));
    assert.equal((await list(page)).length, 25);
    assert.equal(await page.locator("#k-error").isVisible(), false);
  },

  async no_item_is_left_and_the_page_says_so({ page, open }) {
    await open();
    const where = page.getByLabel("Only items where");
    await where.fill("train_count > 100000000");
    await answered(page, () => where.press("Enter"));
    assert.match(await page.locator("#lists").textContent(), /No item is left/);
    await answered(page, () => page.getByRole("button", { name: "Remove the condition" }).click());
    assert.equal((await list(page)).length, 10);
  },

  async what_was_seen_may_come_back_or_not({ page, open }) {
    await open();
    await answered(page, () => page.getByLabel("What was seen").selectOption("excluded"));
    assert.equal(await page.locator("#lists .pill.seen").count(), 0);
    await answered(page, () => page.getByLabel("Items", { exact: true }).fill("100"));
    await answered(page, () => page.getByLabel("What was seen").selectOption("kept"));
    assert.ok((await page.locator("#lists .pill.seen").count()) > 0);
    assert.match(await page.locator("#status").textContent(), /new/);
  },

  async exact_search_finds_the_scores_of_the_index({ page, open }) {
    await open();
    await answered(page, () => page.getByLabel("Beside it").selectOption("exact"), 2);
    const [left, right] = await Promise.all([list(page, 0), list(page, 1)]);
    const exact = new Map(right.map(row => [row.title, row.score]));
    assert.equal(right.length, 10);
    for (const row of left.filter(row => exact.has(row.title))) assert.equal(row.score, exact.get(row.title));
    assert.match(
      await page.locator("#notes").textContent(),
      /\d+ of 10 items (is|are) in both lists, .*Their scores are equal/,
    );
  },

  async each_item_has_as_many_reasons_as_are_asked_for({ page, open }) {
    await open();
    const reasons = () =>
      page.locator("#lists li").evaluateAll(rows => rows.map(row => row.querySelectorAll(".about.because b").length));
    await answered(page, () => page.getByLabel("Reasons for each").fill("2"));
    assert.ok((await reasons()).every(n => n === 2));
    await answered(page, () => page.getByLabel("Reasons for each").fill("0"));
    assert.ok((await reasons()).every(n => n === 0));
  },

  async similar_items_are_a_click_away({ page, open }) {
    await open();
    const link = page.locator("#lists li .link").first();
    const title = await link.textContent();
    await link.click();
    const dialog = page.getByRole("dialog", { name: title });
    await dialog.locator("li").first().waitFor();
    assert.equal(await dialog.locator("li").count(), 10);
    const next = await dialog.locator("li .link").first().textContent();
    await dialog.locator("li .link").first().click();
    await page.getByRole("dialog", { name: next }).locator("li").first().waitFor();
    assert.match(page.url(), /item=/);
    await page.keyboard.press("Escape");
    assert.equal(await page.locator("#item").isVisible(), false);
    assert.doesNotMatch(page.url(), /item=/);
    assert.equal(
      await page.evaluate(() => document.activeElement.textContent),
      title,
      "the keyboard goes on where it was",
    );
  },

  two_bundles_stand_side_by_side: {
    server: "shadow",
    async run({ page, url, open, bundle }) {
      await open();
      await answered(page, () => page.getByLabel("Beside it").selectOption("shadow"), 2);
      assert.equal(await page.locator("#lists h3").count(), 2);
      assert.match(await page.locator("#notes").textContent(), /\d+ of 10 items (is|are) in both lists/);
      const described = await (await fetch(`${url}/v1/bundle`)).json();
      const ids = await page.locator("#lists h3 .id").allTextContents();
      assert.deepEqual(ids, [described.bundle_id, described.shadow.bundle_id]);
      assert.notEqual(ids[0], ids[1]);
      assert.equal(await page.locator("#facts section").count(), 2, "what both are");
      assert.ok(bundle);
    },
  },

  async the_bundle_and_the_traffic_are_shown({ page, url, open }) {
    await open();
    const { bundle_id: bundleId, sizes } = await (await fetch(`${url}/v1/bundle`)).json();
    assert.ok((await page.locator("#summary").textContent()).includes(sizes.items.toLocaleString("en")));
    assert.match(await page.locator("#facts").textContent(), new RegExp(bundleId));
    assert.ok((await page.locator("#tiles .tile").count()) >= 2);
    assert.match(await page.locator("#tiles").textContent(), /Popularity/);
    await page.locator("#pulse", { hasText: "requests/s" }).waitFor();
    for (let i = 0; i < 50; i++) await post(url, "v1/recommend", { history: [], k: 5 });
    await page.locator("#endpoints tr", { hasText: "recommend" }).waitFor({ timeout: 15_000 });
    await page.waitForFunction(() => /ms/.test(document.getElementById("rates").textContent), null, {
      timeout: 15_000,
    });
    assert.match(await page.locator("#pulse").textContent(), /requests\/s, p99 .*ms/);
  },

  a_bundle_without_titles_and_attributes_is_shown_as_well: {
    server: "plain",
    async run({ page, open }) {
      await open();
      assert.equal((await list(page)).length, 10);
      assert.equal(await page.getByLabel("Attribute").inputValue(), "train_count");
    },
  },
};
