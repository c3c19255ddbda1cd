/**
 * What the page of the demonstration server must do, in Chromium. To be run on
 * Node, which Playwright is for; `page_test.ts` asks for the scenarios.
 */

import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import process from "node:process";
import {
  chromium,
  type Locator,
  type Page,
  type WebSocketRoute,
} from "playwright-core";
import { answerRequests, pick } from "../interop/answer_requests.ts";
import { type BarePage, openBarePage } from "../support/bare_chromium.ts";
import { chromiumArguments } from "../support/chromium.ts";
import {
  click,
  clickOn,
  lowContrast,
  textOf,
  widthOfPage,
} from "./page_probes.js";

const browser = await chromium.launch({
  executablePath: process.argv[2],
  args: [...chromiumArguments],
});
/**
 * What all pages are in. One for each page would cost more than the page; the
 * page keeps nothing in the browser that another page could find.
 */
const context = await browser.newContext();
/** How long a page may take for anything, in milliseconds. */
const patience = 10_000;
const mebibyte = 1024 * 1024;

/** What went wrong in the pages of a scenario, as they say themselves. */
let complaints: string[] = [];

interface Appearance {
  readonly colorScheme: "light" | "dark";
  readonly viewport: { readonly width: number; readonly height: number };
}

async function open(url: string, appearance?: Appearance): Promise<Page> {
  const page = await context.newPage();
  page.setDefaultTimeout(patience);
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => {
    // What the Content-Security-Policy blocks is an error here, too.
    if (message.type() === "error") complaints.push(message.text());
  });
  page.on("dialog", (dialog) => {
    complaints.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  if (appearance !== undefined) {
    await page.emulateMedia({ colorScheme: appearance.colorScheme });
    await page.setViewportSize(appearance.viewport);
  }
  await page.goto(url);
  await page.locator("#state[data-state=open]").waitFor();
  return page;
}

async function join(page: Page, name: string, room: string): Promise<void> {
  // In the background there are few frames, for which a click waits.
  await page.bringToFront();
  await page.getByLabel("Your name").fill(name);
  await page.getByLabel("Room", { exact: true }).fill(room);
  await page.getByRole("button", { name: "Join" }).click();
  await page.locator("#room .state[data-state=open]").waitFor();
}

function present(page: Page): Locator {
  return page.locator("#room .present li");
}

/** Waits until a list has these texts, in any order. */
async function waitForTexts(items: Locator, expected: string[]): Promise<void> {
  await waitFor(async () => {
    const texts = (await items.allInnerTexts()).map((text) => text.trim());
    return {
      done: JSON.stringify(texts.sort()) === JSON.stringify(expected.sort()),
      saw: texts,
    };
  });
}

/** Asks again and again; fails with what was seen last. */
async function waitFor<Saw>(
  look: () => Promise<{ done: boolean; saw: Saw }>,
): Promise<Saw> {
  const deadline = performance.now() + patience;
  while (true) {
    const { done, saw } = await look();
    if (done) return saw;
    if (performance.now() > deadline) {
      throw new Error(
        `not so within ${patience} ms; last: ${JSON.stringify(saw)}`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Reads "1.5 MiB", "64 KiB/s" or "0 bytes/s" as bytes. */
function bytesOf(text: string): number {
  const [, number, unit] = /^([\d.,]+) (bytes|KiB|MiB|GiB)/.exec(text) ?? [];
  assert.ok(number !== undefined, `"${text}" is a number of bytes`);
  const power = ["bytes", "KiB", "MiB", "GiB"].indexOf(unit);
  return Number(number.replaceAll(",", "")) * 1024 ** power;
}

async function waitForBytes(
  page: BarePage,
  selector: string,
  isEnough: (bytes: number) => boolean,
): Promise<void> {
  await waitFor(async () => {
    const saw = await page.evaluate(textOf, selector);
    return { done: saw !== "–" && isEnough(bytesOf(saw)), saw };
  });
}

async function waitForText(
  page: BarePage,
  selector: string,
  expected: RegExp,
): Promise<void> {
  await waitFor(async () => {
    const saw = await page.evaluate(textOf, selector);
    return { done: expected.test(saw), saw };
  });
}

/** The y coordinates of a chart's line, whose greater ones are lower. */
async function pointsOf(page: Page, chart: string): Promise<number[]> {
  const points = await page.locator(`${chart} .line`).getAttribute("points");
  return (points ?? "").split(" ").map((point) => Number(point.split(",")[1]));
}

/** Two people meet, talk and part; a third one is in another room. */
async function rooms(url: string): Promise<void> {
  const room = `room ${process.pid}`;
  const [ada, grace, other] = await Promise.all([
    open(url),
    open(url),
    open(url),
  ]);
  await join(ada, "Ada", room);
  await waitForTexts(present(ada), ["Ada (you)"]);
  await join(grace, "Grace", room);
  await join(other, "Mary", `not ${room}`);
  await waitForTexts(present(ada), ["Ada (you)", "Grace"]);
  await waitForTexts(present(grace), ["Ada", "Grace (you)"]);
  await ada.getByRole("log").getByText("Grace joined").waitFor();

  // By keyboard alone: the message's field has the focus after joining.
  await grace.keyboard.type("Hello, Ada");
  await grace.keyboard.press("Enter");
  await ada.getByRole("log").getByText("Hello, Ada").waitFor();
  await grace.getByRole("log").getByText("Hello, Ada").waitFor();
  await ada.bringToFront();
  await ada.getByLabel("Message", { exact: true }).fill("Hello, Grace");
  await ada.getByRole("button", { name: "Send", exact: true }).click();
  await grace.getByRole("log").getByText("Hello, Grace").waitFor();

  // One leaves, comes again, and vanishes with its page.
  await grace.getByRole("button", { name: "Leave" }).click();
  await waitForTexts(present(ada), ["Ada (you)"]);
  await waitForTexts(present(grace), []);
  await ada.getByRole("log").getByText("Grace left").waitFor();
  await join(grace, "Grace", room);
  await waitForTexts(present(ada), ["Ada (you)", "Grace"]);
  await grace.close();
  await waitForTexts(present(ada), ["Ada (you)"]);

  assert.deepEqual(await present(other).allInnerTexts(), ["Mary (you)"]);
  const heard = await other.getByRole("log").innerText();
  assert.doesNotMatch(heard, /Ada|Grace|Hello/);
}

/** Names and messages of others are text, whatever they look like. */
async function hostile(url: string): Promise<void> {
  const image = '<img src=x onerror="alert(1)">';
  const room = '"><script>alert(2)</script>';
  const text = '</p><svg onload="alert(3)"><a href="javascript:alert(4)">x</a>';
  const [victim, attacker] = await Promise.all([open(url), open(url)]);
  await join(victim, "Ada", room);
  await join(attacker, image, room);
  await waitForTexts(present(victim), ["Ada (you)", image]);
  await attacker.getByLabel("Message", { exact: true }).fill(text);
  await attacker.keyboard.press("Enter");
  const log = victim.getByRole("log");
  await log.getByText(text).waitFor();
  await log.getByText(`${image} joined`).waitFor();
  for (const page of [victim, attacker]) {
    const injected = page.locator("#room").locator("img, script, svg, a");
    assert.equal(await injected.count(), 0);
    await page.getByRole("log").getByText(`You joined ${room}`).waitFor();
  }
  // The address leads to the same room.
  const address = victim.url();
  const third = await open(address);
  assert.equal(
    await third.getByLabel("Room", { exact: true }).inputValue(),
    room,
  );
  await third.getByLabel("Your name").fill("   ");
  await third.getByRole("button", { name: "Join" }).click();
  await third.getByText("Name and room can’t be empty").waitFor();
}

/** The charts move, and follow what the page does. */
async function charts(url: string): Promise<void> {
  const page = await open(url);
  for (const chart of ["messages", "round-trip", "buffered", "memory"]) {
    await waitFor(async () => {
      const saw = await pointsOf(page, `#${chart}-chart`);
      return { done: saw.length >= 3 && !saw.some(Number.isNaN), saw };
    });
  }
  const rate = () => page.locator("#messages-chart .value").innerText();
  const quiet = Number(await rate());
  assert.ok(quiet > 0 && quiet < 50, `${quiet} messages a second at rest`);

  await page.getByLabel("64", { exact: true }).evaluate(click);
  await waitFor(async () => {
    const saw = await rate();
    return { done: Number(saw.replaceAll(",", "")) > 500, saw };
  });
  const roundTrip = await page.locator("#round-trip-chart .value").innerText();
  assert.match(roundTrip, /^[\d.]+ m?s$/);
  // Not check(), which waits for frames: a page that is busy draws few.
  await page.getByLabel("None", { exact: true }).evaluate(click);
  await waitFor(async () => {
    const saw = await rate();
    return { done: Number(saw.replaceAll(",", "")) < 50, saw };
  });
  // The line has a peak, between its low beginning and its low end.
  const points = await pointsOf(page, "#messages-chart");
  const peak = Math.min(...points);
  assert.ok(peak < points[0] - 10 && peak < points.at(-1)! - 10, `${points}`);
}

/** The load is what was chosen, also after the connection was lost. */
async function reconnection(url: string): Promise<void> {
  const page = await open(url);
  const connections: WebSocketRoute[] = [];
  await page.routeWebSocket(/\/echo$/, (route) => {
    connections.push(route);
    route.connectToServer();
  });
  const untilBusy = () =>
    waitFor(async () => {
      const saw = await page.locator("#messages-chart .value").innerText();
      return { done: Number(saw.replaceAll(",", "")) > 100, saw };
    });
  await page.getByLabel("1", { exact: true }).evaluate(click);
  await untilBusy();
  await connections[0].close();
  await waitFor(() =>
    Promise.resolve({ done: connections.length === 2, saw: connections.length })
  );
  await untilBusy();
  // None is chosen: nothing is connected again.
  await page.getByLabel("None", { exact: true }).evaluate(click);
}

/** A slow reader slows the sender down; nothing piles up in the server. */
async function flood(url: string): Promise<void> {
  const page = await openBarePage(process.argv[2], url);
  try {
    await waitForText(page, "#state", /^Connected$/);
    await floodPage(page);
  } finally {
    await page.close();
  }
}

async function floodPage(page: BarePage): Promise<void> {
  await page.evaluate(clickOn, "#flood button");
  await waitForText(page, "#flood button", /^Stop the flood$/);
  await waitForText(page, "#flood-note", / reads all that the /);
  await waitForBytes(page, "#flood-read", (rate) => rate > 4 * mebibyte);
  const before = bytesOf(await page.evaluate(textOf, "#memory-chart .value"));

  // 20 messages of 64 KiB a second are 1.25 MiB/s.
  await page.evaluate(clickOn, "#flood [role=switch]");
  await waitForText(
    page,
    "#flood-note",
    /The server waits until there is room/,
  );
  await waitForBytes(page, "#flood-read", (rate) => rate < 2 * mebibyte);
  await waitForBytes(page, "#flood-sent", (rate) => rate < 3 * mebibyte);
  await waitForText(page, "#flood-waits", /^up to ([\d.]+ s|\d\d\d? ms)$/);
  const buffered = bytesOf(await page.evaluate(textOf, "#flood-buffered"));
  assert.ok(buffered > 0 && buffered <= 2 * mebibyte, `${buffered} buffered`);
  const memory = await page.evaluate(textOf, "#flood-memory");
  const [least, most] = memory.split(" to ").map(bytesOf);
  const after = bytesOf(await page.evaluate(textOf, "#memory-chart .value"));
  assert.ok(
    most - least < 96 * mebibyte && after - before < 64 * mebibyte,
    `the server's memory: ${before}, then ${after}; ${memory}`,
  );

  await page.evaluate(clickOn, "#flood button");
  await waitForText(page, "#flood-note", /^Stopped\.$/);
  await page.evaluate(clickOn, "#flood [role=switch]");
}

/** A file comes back as it was, and the page says what its hash is. */
async function file(url: string): Promise<void> {
  const page = await open(url);
  await page.getByRole("button", { name: "Send it" }).click();
  await page.getByText("Choose a file first.").waitFor();
  for (const size of [5 * mebibyte + 12_345, 0]) {
    const buffer = randomBytes(size);
    await page.getByLabel("File", { exact: true }).setInputFiles({
      name: "random.bin",
      mimeType: "application/octet-stream",
      buffer,
    });
    await page.getByRole("button", { name: "Send it" }).click();
    const bytes = size.toLocaleString("en");
    await page.getByText(`All ${bytes} bytes came back unchanged`).waitFor();
    const hash = createHash("sha256").update(buffer).digest("hex");
    assert.equal(await page.locator("#file-sent").innerText(), hash);
    assert.equal(await page.locator("#file-returned").innerText(), hash);
    const progress = page.locator("#file progress");
    const max = await progress.getAttribute("max");
    assert.equal(await progress.getAttribute("value"), max);
    assert.equal(max, String(size || 1));
  }

  // A server that changes a byte is found out.
  await page.routeWebSocket(/\/echo-incoming$/, (route) => {
    const server = route.connectToServer();
    server.onMessage((message) => {
      if (typeof message !== "string") message[message.length - 1] ^= 1;
      route.send(message);
    });
  });
  await page.getByLabel("File", { exact: true }).setInputFiles({
    name: "small.bin",
    mimeType: "application/octet-stream",
    buffer: randomBytes(1000),
  });
  await page.getByRole("button", { name: "Send it" }).click();
  await page.getByText("What came back differs from what was sent.").waitFor();
}

/** Small screens, dark and light: nothing sticks out, all text can be read. */
async function appearance(url: string): Promise<void> {
  for (const colorScheme of ["light", "dark"] as const) {
    const page = await open(url, {
      colorScheme,
      viewport: { width: 360, height: 740 },
    });
    await join(page, "W".repeat(40), "x".repeat(40));
    await page.getByLabel("Message", { exact: true }).fill("m".repeat(300));
    await page.keyboard.press("Enter");
    await page.getByText("m".repeat(300)).waitFor();
    const width = await page.evaluate(widthOfPage);
    assert.equal(width, 360);
    const unreadable = await page.evaluate(lowContrast);
    assert.deepEqual(unreadable, [], colorScheme);
  }
}

const scenarios: Record<string, (url: string) => Promise<void>> = {
  rooms,
  hostile,
  charts,
  reconnection,
  flood,
  file,
  appearance,
};

await answerRequests(async ({ scenario, url }) => {
  complaints = [];
  try {
    await pick(scenarios, scenario)(url);
  } finally {
    await Promise.all(context.pages().map((page) => page.close()));
  }
  assert.deepEqual(complaints, []);
});

await browser.close();
