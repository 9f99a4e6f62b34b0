// Around the page: keyboards, phones, the dark, tokens, servers that go away, and titles that are meant to deceive.

import assert from "node:assert/strict";
import { HOSTILE, ODD } from "./data.mjs";
import { REFUSED, answered, boxesWithoutNames, faint, focusIsVisible, list, picked } from "./look.mjs";

export const around = {
  async the_keyboard_alone_does_it_all({ page, open }) {
    await open();
    const tab = async (wanted, most = 60) => {
      for (let i = 0; i < most; i++) {
        await page.keyboard.press("Tab");
        const at = await picked(page);
        assert.ok(await focusIsVisible(page), `the focus on ${at} cannot be seen`);
        if (at === wanted) return;
      }
      assert.fail(`no way to ${wanted} by the keyboard`);
    };
    await page.keyboard.press("Tab");
    assert.equal(await picked(page), "To the recommendations");
    await tab("who");
    await answered(page, () => page.keyboard.press("ArrowRight"));
    await tab("search");
    await page.keyboard.press("ArrowDown"); // opens the list and points at its first
    await page.locator("#search-list [aria-selected=true]").waitFor();
    await page.keyboard.press("ArrowDown");
    const second = await page.locator("#search-list [role=option] span").nth(1).textContent();
    await answered(page, () => page.keyboard.press("Enter"));
    assert.equal(await page.locator("#chosen .title").first().textContent(), second);
    await tab("k");
    await answered(page, () => page.keyboard.press("ArrowUp"));
    assert.equal((await list(page)).length, 11);
    await tab((await list(page))[0].title);
    await page.keyboard.press("Enter");
    await page.locator("#item li").first().waitFor();
    await page.keyboard.press("Escape");
    assert.deepEqual(await boxesWithoutNames(page), []);
  },

  on_a_phone_nothing_is_wider_than_the_window: {
    size: "phone",
    async run({ page, open }) {
      await open();
      assert.equal(await page.getByLabel("Only items where").isVisible(), false, "the list is near");
      await page.getByText("What to show").tap();
      const where = page.getByLabel("Only items where");
      await where.fill("train_count >= 3");
      await answered(page, () => where.press("Enter"));
      await page.getByText("What to show").tap();
      assert.equal(await page.locator("#set").textContent(), "train_count >= 3", "what is folded away is named");
      await page.getByText("What to show").tap();
      await answered(page, () => page.getByLabel("Beside it").selectOption("exact"), 2);
      const small = await page
        .locator("button:visible, input:visible, select:visible, summary:visible")
        .evaluateAll(nodes =>
          nodes
            .filter(node => !node.matches(".link, .switch input") && node.getBoundingClientRect().height < 24)
            .map(node => node.outerHTML),
        );
      assert.deepEqual(small, [], "fingers find everything (24 pixels, WCAG 2.2)");
    },
  },

  in_the_dark_everything_can_be_read: {
    scheme: "dark",
    async run({ page, open }) {
      await open();
      await answered(page, () => page.getByRole("button", { name: "Step back" }).click());
      assert.deepEqual(await faint(page), []);
      await page.locator("#lists li .link").first().click();
      await page.locator("#item li").first().waitFor();
      assert.deepEqual(await faint(page), []);
    },
  },

  in_the_light_everything_can_be_read: {
    expected: REFUSED,
    async run({ page, open }) {
      await open();
      await answered(page, () => page.getByRole("button", { name: "Step back" }).click());
      await answered(page, () => page.getByLabel("Only items where").fill("nothing at all"));
      assert.deepEqual(await faint(page), []);
    },
  },

  a_token_is_asked_for_where_one_is_needed: {
    server: "token",
    expected: REFUSED,
    async run({ page, url, open, token }) {
      await page.goto(url);
      await page.getByLabel("This service wants a token").waitFor();
      await page.getByLabel("This service wants a token").fill("wrong");
      await page.keyboard.press("Enter");
      await page.getByText("The token was refused.").waitFor();
      await page.getByLabel("This service wants a token").fill(token);
      await answered(page, () => page.getByRole("button", { name: "Use it" }).click());
      assert.equal((await list(page)).length, 10);
      assert.equal(await page.locator("#token-box").isVisible(), false);
      await open(); // kept in this tab
      assert.equal((await list(page)).length, 10);
      assert.ok(!page.url().includes(token));
    },
  },

  a_server_that_is_gone_is_told_and_found_again: {
    server: "own",
    expected: /ERR_CONNECTION|ERR_EMPTY|ERR_SOCKET|status of 503/,
    async run({ page, open, server, restart }) {
      await open();
      await server.stop();
      await page.getByLabel("Items", { exact: true }).fill("7");
      await page.getByRole("alert").filter({ hasText: "does not answer" }).first().waitFor();
      assert.equal((await list(page)).length, 10, "what was shown stays");
      await answered(page, restart);
      assert.equal(await page.locator("#gone").isVisible(), false);
      assert.equal((await list(page)).length, 7, "and goes on where it was");
    },
  },

  markup_in_a_title_is_text: {
    needs: "invented",
    async run({ page, open }) {
      await open("#who=history&h=1300");
      await page.locator("#chosen .title", { hasText: HOSTILE }).waitFor();
      await page.getByLabel("Add an item").fill("script");
      await page.locator("#search-list [role=option]", { hasText: HOSTILE }).waitFor();
      await page.keyboard.press("Escape");
      await page.locator("#chosen .link").first().click();
      await page.getByRole("dialog").locator("li").first().waitFor();
      assert.equal(await page.locator("#item-title").textContent(), HOSTILE);
      assert.equal(await page.locator("script").count(), 1);
      assert.equal(await page.locator("img").count(), 0);
      assert.notEqual(await page.title(), "broken");
    },
  },

  ids_of_any_letters_are_taken_as_they_are: {
    needs: "invented",
    async run({ page, open }) {
      await open();
      await page.getByLabel("User id").fill(ODD.guest.slice(0, 7));
      await answered(page, () => page.getByRole("option", { name: ODD.guest }).click());
      assert.equal(await page.locator("#answer-title").textContent(), `For user ${ODD.guest}`);
      await page.locator("#events li").first().waitFor();
      const before = await list(page);
      const { hash } = new URL(page.url());
      await page.goto("about:blank");
      await open(hash);
      assert.deepEqual(await list(page), before, "the address holds it");
      await answered(page, () => page.getByLabel("A history", { exact: true }).check());
      await page.getByLabel("Add an item").fill(ODD.film);
      await answered(page, () => page.locator("#search-list [role=option]").first().click());
      assert.deepEqual(new URLSearchParams(new URL(page.url()).hash.slice(1)).getAll("h"), [ODD.film]);
      await page.locator("#chosen .link").first().click();
      await page.getByRole("dialog").locator("li").first().waitFor();
      assert.ok((await page.locator("#item-body").textContent()).startsWith(`id ${ODD.film}`));
    },
  },

  without_javascript_the_page_says_what_it_needs: {
    script: false,
    async run({ page, url }) {
      await page.goto(url);
      await page.getByText("This page needs JavaScript.").waitFor();
      assert.equal(await page.locator("#app").isVisible(), false);
    },
  },
};
