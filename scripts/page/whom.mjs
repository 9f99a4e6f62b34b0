// Whom items are recommended to: a user, a history, nobody known.

import assert from "node:assert/strict";
import { REFUSED, answered, list, post } from "./look.mjs";

export const whom = {
  async a_user_is_picked_by_the_beginning_of_the_id({ page, url, open }) {
    await open();
    assert.equal((await list(page)).length, 10, "somebody is picked at once");
    const [{ id }] = (await (await fetch(`${url}/v1/users?query=&limit=1`)).json()).users;
    await page.getByLabel("User id").fill(id.slice(0, -1) || id);
    await page.locator("#user-list [role=option]").first().waitFor();
    await answered(page, () =>
      page
        .getByRole("option", { name: new RegExp(`^${id}\\b`) })
        .first()
        .click(),
    );
    assert.equal(await page.locator("#answer-title").textContent(), `For user ${id}`);
    const rows = await list(page);
    assert.equal(rows.length, 10);
    assert.ok(
      rows.every((row, i) => i === 0 || row.score <= rows[i - 1].score),
      "the best come first",
    );
    assert.match(await page.locator("#status").textContent(), /10 items, .*ms/);
    // The address holds the view.
    const titles = rows.map(row => row.title);
    const { hash } = new URL(page.url());
    await page.goto("about:blank");
    await open(hash);
    assert.deepEqual(
      (await list(page)).map(row => row.title),
      titles,
    );
  },

  async a_random_user_is_another_one({ page, open }) {
    await open();
    const users = new Set();
    for (let i = 0; i < 6; i++) {
      await answered(page, () => page.getByRole("button", { name: "Random" }).click());
      users.add(await page.locator("#answer-title").textContent());
    }
    assert.ok(users.size > 1, [...users].join());
  },

  async a_history_is_built_by_titles_with_a_typing_error({ page, url, open }) {
    await open();
    const { items } = await (await fetch(`${url}/v1/items?query=&limit=40`)).json();
    await answered(page, () => page.getByLabel("A history", { exact: true }).check());
    assert.match(await page.locator("#notes").textContent(), /most popular/, "without a history");
    const chosen = items.filter(item => /[a-z]{6}/i.test(item.title ?? "")).slice(0, 3);
    assert.equal(chosen.length, 3, "three titles with a long word");
    for (const { title } of chosen) {
      const [word] = /[a-z]{6,}/i.exec(title);
      const wrong = title.replace(word, word.slice(0, 3) + word[4] + word[3] + word.slice(5)); // two letters changed places
      await page.getByLabel("Add an item").fill(wrong);
      await answered(page, () => page.locator("#search-list [role=option]", { hasText: title }).first().click());
    }
    const names = () => page.locator("#chosen .title").allTextContents();
    assert.deepEqual(await names(), chosen.map(item => item.title).reverse(), "the newest stands first");
    const before = (await list(page)).map(row => row.title);
    await answered(page, () => page.getByRole("button", { name: `Older: ${chosen[2].title}` }).click());
    assert.deepEqual(
      await names(),
      [1, 2, 0].map(i => chosen[i].title),
    );
    assert.equal(await page.evaluate(() => document.activeElement.id), "older-1", "the keyboard stays with the item");
    assert.notDeepEqual(await list(page).then(rows => rows.map(row => row.score)), before, "order counts");
    await answered(page, () => page.getByRole("button", { name: `Remove ${chosen[1].title}` }).click());
    assert.deepEqual(
      await names(),
      [2, 0].map(i => chosen[i].title),
    );
    assert.equal(new URL(page.url()).hash, `#who=history&h=${chosen[0].id}&h=${chosen[2].id}`);
  },

  async a_recommended_item_is_added_to_what_the_user_did({ page, open }) {
    await open();
    const [first] = await list(page);
    const { items } = await answered(page, () => page.locator("#lists .add").first().click());
    assert.equal(await page.locator("#chosen .title").first().textContent(), first.title, "as the newest");
    assert.ok(items.length > 0);
  },

  a_user_that_nobody_knows_gets_the_popular_list: {
    expected: REFUSED,
    async run({ page, open }) {
      await open();
      await page.getByLabel("User id").fill("nobody at all");
      await answered(page, () => page.keyboard.press("Enter"));
      assert.match(await page.locator("#notes").textContent(), /does not know this user.*most popular/);
    },
  },

  an_event_counts_from_the_next_request_on: {
    server: "own",
    async run({ page, url, open }) {
      const [{ id }] = (await (await fetch(`${url}/v1/users?query=&limit=1`)).json()).users;
      await open(`#user=${encodeURIComponent(id)}`);
      const [first] = await answered(page, () => page.getByLabel("Items", { exact: true }).fill("9")).then(
        answer => answer.items,
      );
      await post(url, "v1/events", { event_id: "journey-1", user: id, item: first.id });
      const answer = await answered(page, () => page.getByLabel("Items", { exact: true }).fill("10"));
      assert.equal(answer.n_live_events, 1);
      assert.match(await page.locator("#notes").textContent(), /1 event since the bundle was made counts/);
    },
  },

  async a_step_back_leaves_out_the_newest_event({ page, open }) {
    await open();
    const newest = await page.locator("#events .title").first().textContent();
    await answered(page, () => page.getByRole("button", { name: "Step back" }).click());
    assert.match(await page.locator("#notes").textContent(), /at or after this moment/);
    assert.match(await page.locator("#events li").first().textContent(), /left out/);
    await answered(page, () => page.getByLabel("Items", { exact: true }).fill("100"));
    const next = (await list(page)).filter(row => row.text.includes("happened next"));
    assert.ok(
      next.every(row => row.title === newest),
      "what came next is marked",
    );
    await answered(page, () => page.getByLabel("Items", { exact: true }).fill("10"));
    await answered(page, () => page.getByRole("button", { name: "Count all" }).click());
    assert.doesNotMatch(await page.locator("#notes").textContent(), /at or after/);
  },
};
