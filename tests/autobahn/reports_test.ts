import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { CaseResult } from "../../autobahn/case_result.ts";
import type { ReportAbout } from "../../autobahn/reports/catalogue.ts";
import { compareCaseIds } from "../../autobahn/reports/catalogue.ts";
import { readCaseJson } from "../../autobahn/reports/case_json.ts";
import {
  assignStems,
  caseFileName,
  stemFor,
  stemOf,
} from "../../autobahn/reports/file_name.ts";
import { markup, visibleText } from "../../autobahn/reports/markup.ts";
import { referenceJson } from "../../autobahn/reports/reference_json.ts";
import { dark, light, type Palette } from "../../autobahn/reports/style.ts";
import { writeReports } from "../../autobahn/reports/write_reports.ts";

const about: ReportAbout = {
  suite: "Weir 1.2.3",
  generated: "2026-11-21T04:30:00.000Z",
  catalogue: {
    cases: ["2.9", "2.10", "5.4", "6.1.1", "6.2.1"].map((id) => ({
      id,
      description: `What ${id} does.`,
      expectation: `What ${id} expects.`,
    })),
    categories: { "2": "Pings", "5": "Fragments", "6": "UTF-8" },
    subcategories: { "6.1": "Whole", "6.2": "In parts" },
  },
};

function result(
  agent: string,
  id: string,
  changes: Partial<CaseResult> = {},
): CaseResult {
  return {
    case: 1,
    id,
    description: `What ${id} does.`,
    expectation: `What ${id} expects.`,
    agent,
    started: "2026-11-21T01:10:35.745Z",
    duration: 12,
    reportTime: false,
    reportCompressionRatio: false,
    behavior: "OK",
    behaviorClose: "OK",
    expected: { OK: [["message", "Hello", false]] },
    expectedClose: { closedByMe: true, closeCode: [1000], requireClean: true },
    received: [["message", "Hello", false]],
    result: "As expected.",
    resultClose: "Closed properly.",
    wirelog: [],
    createWirelog: true,
    closedByMe: true,
    failedByMe: false,
    droppedByMe: false,
    wasClean: true,
    wasNotCleanReason: null,
    wasServerConnectionDropTimeout: false,
    wasOpenHandshakeTimeout: false,
    wasCloseHandshakeTimeout: false,
    localCloseCode: 1000,
    localCloseReason: null,
    remoteCloseCode: 1000,
    remoteCloseReason: null,
    isServer: false,
    createStats: true,
    rxOctetStats: {},
    rxFrameStats: {},
    txOctetStats: {},
    txFrameStats: {},
    httpRequest: "GET /echo HTTP/1.1\r\nHost: localhost\r\n\r\n",
    httpResponse: "HTTP/1.1 101 Switching Protocols\r\n\r\n",
    trafficStats: null,
    ...changes,
  };
}

async function inDirectory(
  use: (directory: string) => Promise<void>,
): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "weir-reports-"));
  try {
    await use(directory);
  } finally {
    await rm(directory, { recursive: true });
  }
}

/** The text of a page as a reader sees it, without style and markup. */
function readable(page: string): string {
  return page.replace(/<style>[^]*?<\/style>/, "").replace(/<[^>]*>/g, " ")
    .replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&#39;", "'")
    .replaceAll("&quot;", '"').replaceAll("&amp;", "&").replace(/\s+/g, " ");
}

async function casePageOf(changes: Partial<CaseResult>): Promise<string> {
  let page = "";
  await inDirectory(async (directory) => {
    await writeReports(directory, [result("a", "5.4", changes)], about);
    page = await readFile(join(directory, "a_case_5_4.html"), "utf8");
  });
  return page;
}

/** The element names that are open at the end, and what closed wrongly. */
function unbalanced(page: string): string[] {
  const empty = new Set(["meta", "link", "br", "input", "!DOCTYPE"]);
  const open: string[] = [];
  const wrong: string[] = [];
  for (const [, slash, name] of page.matchAll(/<(\/?)(!?[a-zA-Z][\w]*)/g)) {
    if (empty.has(name)) continue;
    if (slash === "") open.push(name);
    else if (open.pop() !== name) wrong.push(name);
  }
  return [...open, ...wrong];
}

test("reports: index.json is what the reference suite would write", async () => {
  await inDirectory(async (directory) => {
    await writeReports(directory, [
      result("b", "2.9"),
      result("b", "2.10", { remoteCloseCode: null, duration: 0 }),
      result("Ä 1", "5.4", { behavior: "FAILED", behaviorClose: "UNCLEAN" }),
    ], about);
    assert.equal(
      await readFile(join(directory, "index.json"), "utf8"),
      `{
   "b": {
      "2.10": {
         "behavior": "OK",
         "behaviorClose": "OK",
         "duration": 0,
         "remoteCloseCode": null,
         "reportfile": "b_case_2_10.json"
      },
      "2.9": {
         "behavior": "OK",
         "behaviorClose": "OK",
         "duration": 12,
         "remoteCloseCode": 1000,
         "reportfile": "b_case_2_9.json"
      }
   },
   "\\u00c4 1": {
      "5.4": {
         "behavior": "FAILED",
         "behaviorClose": "UNCLEAN",
         "duration": 12,
         "remoteCloseCode": 1000,
         "reportfile": "1_case_5_4.json"
      }
   }
}`,
    );
  });
});

test("reports: a case's JSON has all keys, sorted, and is read again as it was", async () => {
  const all = result("a", "5.4", {
    rxOctetStats: { "129": 1, "41": 2 },
    received: [["message", "\u0000\u007f\u2028é", true], ["timeout", "A"]],
    wirelog: [
      ["TO", [3, "474554"], false],
      ["TF", [1, "x"], 1, true, 4, "01020304", 70, 2, true],
      ["RF", [1, "x"], 1, true, 0, false, null],
      ["CT", 1, null],
      ["CTE", "A"],
      ["KL", 0.5],
      ["KLE"],
      ["TI", 1],
      ["TIE"],
      ["WLM", false],
    ],
  });
  await inDirectory(async (directory) => {
    await writeReports(directory, [all], about);
    const text = await readFile(join(directory, "a_case_5_4.json"), "utf8");
    assert.deepEqual(readCaseJson(text), all);
    assert.match(text, /^[\n -~]*$/);
    const keys = [...text.matchAll(/^ {3}"(\w+)"/gm)].map(([, key]) => key);
    assert.deepEqual(keys, Object.keys(all).sort());
    assert.ok(text.indexOf('"41"') < text.indexOf('"129"'));
  });
});

test("reports: JSON with any keys, empty lists and half surrogate pairs", () => {
  const names = JSON.parse('{"__proto__": [], "b": {}, "A": "\\ud800"}');
  assert.equal(
    referenceJson(names),
    '{\n   "A": "\\ufffd",\n   "__proto__": [],\n   "b": {}\n}',
  );
  assert.equal(referenceJson({ none: undefined }), "{}");
});

test("reports: damaged and foreign JSON is not taken for a result", () => {
  const good = JSON.parse(JSON.stringify(result("a", "5.4")));
  assert.notEqual(readCaseJson(JSON.stringify(good)), null);
  for (
    const changes of [
      { id: "../../5.4" },
      { behavior: "constructor" },
      { wirelog: [["RO", "x"]] },
      { wirelog: [["toString"]] },
      { received: [["message", 1, true]] },
      { rxOctetStats: { 1: "x" } },
      { agent: undefined },
      { expectedClose: { closeCode: "1000" } },
    ]
  ) {
    const text = JSON.stringify({ ...good, ...changes });
    assert.equal(readCaseJson(text), null, text);
  }
  for (const text of ["", "null", "[]", "{}", "{"]) {
    assert.equal(readCaseJson(text), null, text);
  }
});

test("reports: file names are the reference suite's", () => {
  assert.equal(stemFor("Weir (Deno, ws)"), "weir__deno__ws");
  assert.equal(stemFor("  ws@8.23 "), "ws_8_23");
  assert.equal(stemFor("../.."), "");
  assert.equal(caseFileName("ws8", "6.4.1", "html"), "ws8_case_6_4_1.html");
  assert.equal(stemOf("ws8_case_6_4_1.json", "6.4.1"), "ws8");
  assert.equal(stemOf("../ws8_case_6_4_1.json", "6.4.1"), null);
  assert.equal(stemOf("ws8_case_6_4_1.json", "6.4.2"), null);
});

test("reports: no two agents get the same file names", () => {
  const agents = ["a-b", "a b", "a+b", "日本", "中国", "x".repeat(3000), ""];
  const stems = assignStems(agents);
  assert.equal(new Set(stems.values()).size, agents.length);
  assert.equal(stems.get("a-b"), "a_b");
  for (const stem of stems.values()) assert.match(stem, /^[a-z0-9_]{0,200}$/);
  const later = assignStems(
    ["a+b", "a-b"],
    new Map([["a b", "a_b"], ["a+b", stems.get("a+b")!]]),
  );
  assert.equal(later.get("a+b"), stems.get("a+b"));
  assert.notEqual(later.get("a-b"), "a_b");
  const shared = assignStems(
    ["one", "two"],
    new Map([["one", "s"], ["two", "s"]]),
  );
  assert.notEqual(shared.get("one"), shared.get("two"));
});

test("reports: agents whose names differ only in signs keep their own files", async () => {
  await inDirectory(async (directory) => {
    await writeReports(directory, [
      result("w 1", "5.4", { duration: 1 }),
      result("w-1", "5.4", { duration: 2 }),
    ], about);
    const index = JSON.parse(
      await readFile(join(directory, "index.json"), "utf8"),
    );
    for (const [agent, duration] of [["w 1", 1], ["w-1", 2]] as const) {
      const { reportfile } = index[agent]["5.4"];
      const file = JSON.parse(
        await readFile(join(directory, reportfile), "utf8"),
      );
      assert.equal(file.agent, agent);
      assert.equal(file.duration, duration);
    }
  });
});

test("reports: a later run keeps other agents, and replaces its own", async () => {
  await inDirectory(async (directory) => {
    await writeReports(directory, [
      result("a", "5.4"),
      result("a", "6.1.1"),
      result("b", "5.4", { duration: 77 }),
    ], about);
    const written = await writeReports(directory, [
      result("a", "5.4", { behavior: "FAILED" }),
      result("c", "5.4"),
    ], about);
    assert.deepEqual(written.agents, ["a", "b", "c"]);
    assert.deepEqual(written.unreadable, []);
    const index = JSON.parse(await readFile(written.index, "utf8"));
    assert.deepEqual(Object.keys(index.a), ["5.4"]);
    assert.equal(index.a["5.4"].behavior, "FAILED");
    assert.equal(index.b["5.4"].duration, 77);
    assert.deepEqual((await readdir(directory)).sort(), [
      "a_case_5_4.html",
      "a_case_5_4.json",
      "b_case_5_4.html",
      "b_case_5_4.json",
      "c_case_5_4.html",
      "c_case_5_4.json",
      "index.html",
      "index.json",
    ]);
    const earlier = await readFile(join(directory, "b_case_5_4.html"), "utf8");
    assert.match(earlier, /href="c_case_5_4\.html"/);
    const overview = readable(await readFile(written.overview, "utf8"));
    for (const agent of ["a", "b", "c"]) {
      assert.match(overview, new RegExp(` ${agent} 1 of 5 `));
    }
  });
});

test("reports: an index that leads elsewhere, or to damaged files, does no harm", async () => {
  await inDirectory(async (directory) => {
    const outside = join(directory, "outside_case_5_4.json");
    await writeFile(outside, "kept");
    const reports = join(directory, "reports");
    await writeReports(reports, [result("a", "5.4")], about);
    const index = JSON.parse(
      await readFile(join(reports, "index.json"), "utf8"),
    );
    index.evil = { "5.4": { reportfile: "../outside_case_5_4.json" } };
    index.gone = { "5.4": { reportfile: "gone_case_5_4.json" } };
    index.false = { "5.4": { reportfile: "a_case_5_4.json" } };
    await writeFile(join(reports, "index.json"), JSON.stringify(index));
    const written = await writeReports(reports, [
      result("b", "5.4"),
      result("evil", "6.1.1"),
      result("false", "5.4"),
    ], about);
    assert.deepEqual(written.agents, ["a", "b", "evil", "false"]);
    assert.deepEqual([...written.unreadable].sort(), [
      "a_case_5_4.json",
      "gone_case_5_4.json",
      "index.json: case 5.4 of evil",
    ]);
    assert.equal(await readFile(outside, "utf8"), "kept");
    const kept = await readFile(join(reports, "a_case_5_4.json"), "utf8");
    assert.equal(JSON.parse(kept).agent, "a");
    await writeFile(join(reports, "index.json"), "no JSON");
    const fresh = await writeReports(reports, [result("z", "5.4")], about);
    assert.deepEqual(fresh.agents, ["z"]);
    assert.deepEqual(fresh.unreadable, ["index.json"]);
  });
});

test("reports: calls for one directory wait for each other", async () => {
  await inDirectory(async (directory) => {
    const agents = ["a", "b", "c", "d", "e", "f"];
    await Promise.all(
      agents.map((agent) =>
        writeReports(directory, [result(agent, "5.4")], about)
      ),
    );
    const index = await readFile(join(directory, "index.json"), "utf8");
    assert.deepEqual(Object.keys(JSON.parse(index)), agents);
  });
});

test("reports: the same input gives the same output, in any order", async () => {
  const results = [
    result("a", "5.4"),
    result("a", "6.1.1"),
    result("b", "2.10"),
    result("b", "2.9"),
  ];
  const outputs: string[][] = [];
  for (const input of [results, results.toReversed()]) {
    await inDirectory(async (directory) => {
      await writeReports(directory, input, about);
      const names = (await readdir(directory)).sort();
      outputs.push(
        await Promise.all(
          names.map(async (name) =>
            name + await readFile(join(directory, name), "utf8")
          ),
        ),
      );
    });
  }
  assert.equal(outputs[0].length, 10);
  assert.deepEqual(outputs[0], outputs[1]);
});

test("reports: a result without a case's number is refused", async () => {
  await inDirectory(async (directory) => {
    await assert.rejects(
      writeReports(directory, [result("a", "../5")], about),
      { name: "TypeError", message: /"\.\.\/5".*"5\.17"/ },
    );
    assert.deepEqual(await readdir(directory), []);
  });
});

test("reports: what peers send is shown, never obeyed", async () => {
  const hostile = `</script></code><script>alert("1")</script><b onclick='x'>` +
    "\u0000\r\n\u001b[31m\u202e\ud800&amp;";
  const hostileResult = result(hostile, "5.4", {
    behavior: "FAILED",
    behaviorClose: "FAILED",
    description: hostile,
    expectation: hostile,
    result: hostile,
    resultClose: hostile,
    started: hostile,
    expected: { OK: [["message", hostile, false]] },
    received: [["ping", hostile], ["pong", hostile], ["timeout", hostile]],
    wasNotCleanReason: hostile,
    localCloseReason: hostile,
    remoteCloseReason: hostile,
    httpRequest: hostile,
    httpResponse: hostile,
    wirelog: [
      ["RO", [1, hostile]],
      ["RF", [1, hostile], 1, true, 0, true, hostile],
      ["CT", 1, hostile],
    ],
  });
  const quiet = { ...hostileResult, agent: "quiet" };
  await inDirectory(async (directory) => {
    await writeReports(directory, [hostileResult, quiet], about);
    const names = (await readdir(directory)).filter((name) =>
      name.endsWith(".html")
    );
    assert.equal(names.length, 3);
    for (const name of names) {
      const page = await readFile(join(directory, name), "utf8");
      assert.doesNotMatch(page, /<script|<b onclick|<\/script/);
      assert.match(page, /&lt;\/script&gt;/);
      // deno-lint-ignore no-control-regex
      assert.doesNotMatch(page, /[\u0000-\u0009\u000b-\u001f\u202e]/);
      assert.match(page, /␀/);
      assert.match(page, /⟨U\+202E⟩/);
      assert.match(page, /&amp;amp;/);
      assert.match(page, /default-src 'none'/);
      assert.deepEqual(unbalanced(page), [], name);
      assert.doesNotMatch(page, /(?:src|href)="(?!data:,"|#|[a-z0-9_]+\.)/);
    }
  });
});

test("reports: markup escapes text and attributes, and marks the invisible", () => {
  assert.equal(
    String(markup`<a title="${"\"'<&"}">${["x", null, 1]}</a>`),
    '<a title="&quot;&#39;&lt;&amp;">x1</a>',
  );
  assert.equal(
    String(visibleText("a\u0000\u007f\u0085\u200b\uffffé😀\udc00")),
    'a<span class="control" title="U+0000">␀</span>' +
      '<span class="control" title="U+007F">␡</span>' +
      '<span class="control" title="U+0085">⟨U+0085⟩</span>' +
      '<span class="control" title="U+200B">⟨U+200B⟩</span>' +
      '<span class="control" title="U+FFFF">⟨U+FFFF⟩</span>é😀' +
      '<span class="control" title="U+DC00">\ufffd</span>',
  );
});

test("reports: a case's page has the case, its verdicts and its events", async () => {
  const page = readable(
    await casePageOf({
      agent: "a",
      behavior: "NON-STRICT",
      behaviorClose: "WRONG CODE",
      remoteCloseCode: 1002,
      description: "First line.\nSecond line.",
      duration: 12345,
      expected: {
        "OK": [],
        "NON-STRICT": [["message", "Hello", true], ["timeout", "A"]],
      },
      received: [["pong", ""]],
      expectedClose: { closedByMe: false, closeCode: [1000, 1001] },
    }),
  );
  for (
    const text of [
      "5 Fragments",
      "Case 5.4: a",
      "Behavior ≈ Non-strict",
      "Close ≠ Wrong code, code 1002",
      "Took 12,345 ms",
      "2026-11-21 01:10:35 UTC",
      "Tested as server",
      "First line. Second line.",
      "What 5.4 expects.",
      "For ✓ Pass No events",
      "For ≈ Non-strict Binary message Hello Timer A",
      "Observed Pong empty",
      "closed by the agent, with code 1000 or 1001, or none.",
    ]
  ) {
    assert.ok(page.includes(text), `${text}\n${page}`);
  }
});

test("reports: a case's page has the closing values, handshakes and statistics", async () => {
  const page = readable(
    await casePageOf({
      isServer: true,
      wasClean: false,
      wasNotCleanReason: "TCP was dropped",
      localCloseReason: "",
      remoteCloseCode: null,
      httpRequest: "GET / HTTP/1.1\r\nHost: a\nb\r\n\r\n",
      rxOctetStats: { "1000": 3, "20": 1 },
      txFrameStats: { "0": 4, "8": 1, "11": 2 },
      reportCompressionRatio: true,
      trafficStats: {
        incomingCompressionRatio: 0.25,
        outgoingCompressionRatio: null,
        incomingOctetsWireLevel: 1234,
        incomingOctetsWebSocketLevel: 1,
        incomingOctetsAppLevel: 1,
        incomingWebSocketFrames: 1,
        incomingWebSocketMessages: 1,
        incomingWebSocketOverhead: 0.5,
        outgoingOctetsWireLevel: 1,
        outgoingOctetsWebSocketLevel: 1,
        outgoingOctetsAppLevel: 1,
        outgoingWebSocketFrames: 1,
        outgoingWebSocketMessages: 1,
        outgoingWebSocketOverhead: null,
        preopenIncomingOctetsWireLevel: 1,
        preopenOutgoingOctetsWireLevel: 1,
      },
    }),
  );
  for (
    const text of [
      "isServer yes",
      "closedByMe yes",
      "failedByMe no",
      "droppedByMe no",
      "wasClean no",
      "wasNotCleanReason TCP was dropped",
      "wasServerConnectionDropTimeout no",
      "wasOpenHandshakeTimeout no",
      "wasCloseHandshakeTimeout no",
      "localCloseCode 1000",
      "localCloseReason empty",
      "remoteCloseCode none",
      "remoteCloseReason none",
      "Request, from the agent GET / HTTP/1.1 Host: a ␊ b",
      "Response, from this suite HTTP/1.1 101 Switching Protocols",
      "Chop size Count Octets 20 1 20 1,000 3 3,000 Total 4 3,020",
      "0 continuation 4 8 close 1 11 reserved control 2 Total 7",
      "0.250 received, none transmitted",
      "0.250 none",
      "1,234 1",
    ]
  ) {
    assert.ok(page.includes(text), `${text}\n${page}`);
  }
  const without = await casePageOf({
    createStats: false,
    createWirelog: false,
  });
  assert.match(without, /were not counted/);
  assert.match(without, /was not logged/);
});

test("reports: the wire log has every row, both ways", async () => {
  const changes: Partial<CaseResult> = {
    wirelog: [
      ["TO", [1234, "474554202f20 ..."], false],
      ["RO", [2, "8100"]],
      ["TO", [2, "8100"], true],
      ["TF", [9, "fragment1"], 0, false, 5, "d0a2e574", 70, 3, true],
      ["TF", [2, "0x03e8"], 8, true, 0, null, null, null, false],
      ["RF", [12, "\u0004\u0000reason"], 8, true, 0, true, "01020304"],
      ["CT", 1, "A"],
      ["CTE", "A"],
      ["CT", 0.5, null],
      ["KL", 1],
      ["KLE"],
      ["TI", 2],
      ["TIE"],
      ["WLM", false],
      ["WLM", true],
    ],
  };
  const page = readable(await casePageOf(changes));
  for (
    const text of [
      "000 TX octets 1,234 47455420 2f20 ...",
      "001 RX octets 2 8100",
      "002 TX octets 2 8100 sent at once",
      "003 TX frame 9 continuation opcode 0 · not FIN · RSV 5 (RSV1, RSV3) · " +
      "masking key d0a2e574 · payload repeated to 70 octets · " +
      "sent in chops of 3 octets · sent at once fragment1",
      "004 TX frame 2 close opcode 8 · FIN · RSV 0 · not masked · " +
      "close code 1000 0x03e8",
      "005 RX frame 12 close opcode 8 · FIN · RSV 0 · " +
      "masking key 01020304 · close code 1024 ␄ ␀ reason",
      "006 Goes on after 1 s (A)",
      "007 Goes on (A)",
      "008 Goes on after 0.5 s",
      "009 Will fail the connection after 1 s",
      "010 Fails the connection",
      "011 Will close the connection after 2 s",
      "012 Closes the connection",
      "013 Log off",
      "014 Log on",
      "015 TCP dropped by the agent",
    ]
  ) {
    assert.ok(page.includes(text), `${text}\n${page}`);
  }
  const dropped = readable(await casePageOf({ droppedByMe: true }));
  assert.ok(dropped.includes("000 TCP dropped by this suite"));
});

test("reports: a page stays small however much is logged", async () => {
  const page = await casePageOf({
    wirelog: Array.from({ length: 50_000 }, () => ["RO", [2, "8100"]]),
    received: Array.from({ length: 50_000 }, () => ["ping", "x"]),
  });
  assert.ok(page.length < 250_000, String(page.length));
  const text = readable(page);
  assert.ok(text.includes("49,000 rows left out here"));
  assert.ok(text.includes("49999 RX octets"));
  assert.ok(text.includes("49,950 more events"));
});

test("reports: a case's page links to its neighbours and to other agents", async () => {
  await inDirectory(async (directory) => {
    await writeReports(directory, [
      ...["2.10", "2.9", "5.4"].map((id) => result("a", id)),
      result("b", "2.10", { behavior: "FAILED" }),
      result("c", "2.9"),
    ], about);
    const page = await readFile(join(directory, "a_case_2_10.html"), "utf8");
    const links = [...page.matchAll(/href="([^"]*)"/g)].map(([, link]) => link);
    assert.deepEqual(links, [
      "data:,",
      "index.html#case-2-10",
      "a_case_2_9.html",
      "a_case_5_4.html",
      "a_case_2_10.json",
      "b_case_2_10.html",
    ]);
  });
});

test("reports: the overview counts, explains what is not OK, and lists cases", async () => {
  await inDirectory(async (directory) => {
    const { overview } = await writeReports(directory, [
      result("good", "2.9"),
      result("good", "2.10", {
        behavior: "INFORMATIONAL",
        behaviorClose: "INFORMATIONAL",
      }),
      result("good", "6.1.1", { reportTime: true, duration: 4321 }),
      result("bad", "2.9", {
        behavior: "FAILED",
        behaviorClose: "UNCLEAN",
        result: "The pong was altered.",
        resultClose: "No close frame came.",
      }),
      result("bad", "6.2.1", {
        behaviorClose: "FAILED BY CLIENT",
        resultClose: "The client hung up.",
      }),
      result("bad", "6.1.1", {
        behavior: "UNIMPLEMENTED",
        result: "Not there.",
      }),
    ], about);
    const page = await readFile(overview, "utf8");
    const text = readable(page);
    for (
      const part of [
        "run by Weir 1.2.3. Written 2026-11-21 04:30:00 UTC",
        // Cases, result, counts of behaviour, counts of closing behaviour.
        "good 3 of 5 ✓ All OK 2 1 0 0 0 2 1 0 0 0 0",
        "bad 3 of 5 ✗ 3 not OK 1 0 0 1 1 1 0 0 1 1 0",
        "✗ Fail ! Unclean The pong was altered. No close frame came. 1 case 2.9",
        "✓ Pass ≈ By client The client hung up. 1 case 6.2.1",
        "2 Pings 2.9 ✗ Fail ! Unclean ✓ Pass 1000 2.10 – not run i Info i 1000",
        "6 UTF-8 6.1 Whole 6.1.1 ○ Unimplemented ✓ Pass 1000 4,321 ms 6.2 In parts",
        "Case 6.2.1 What 6.2.1 does. What 6.2.1 expects.",
      ]
    ) {
      assert.ok(text.includes(part), `${part}\n${text}`);
    }
    assert.deepEqual(unbalanced(page), []);
    // The filter hides exactly the rows in which nothing is wrong.
    const good = [...page.matchAll(/<tr id="case-([\d-]+)" class="good">/g)];
    assert.deepEqual(good.map(([, id]) => id), ["2-10"]);
    const ids = new Set(
      [...page.matchAll(/ id="([^"]*)"/g)].map(([, id]) => id),
    );
    for (const [, target] of page.matchAll(/href="#([^"]*)"/g)) {
      assert.ok(ids.has(target), target);
    }
    const names = await readdir(directory);
    for (const [, target] of page.matchAll(/href="([a-z][^"#:]*)"/g)) {
      assert.ok(names.includes(target), target);
    }
    for (const [head] of page.matchAll(/<th\b[^>]*>/g)) {
      assert.match(head, /scope="(?:col|row|colgroup|rowgroup)"/);
    }
  });
});

test("reports: an overview of nothing, and one without failures", async () => {
  await inDirectory(async (directory) => {
    const empty = await writeReports(directory, [], about);
    assert.deepEqual(empty.agents, []);
    assert.equal(await readFile(empty.index, "utf8"), "{}");
    assert.match(
      await readFile(empty.overview, "utf8"),
      /No case has been run/,
    );
    await writeReports(directory, [result("a", "5.4")], about);
    const text = readable(await readFile(empty.overview, "utf8"));
    assert.ok(text.includes("every verdict is OK or informational"));
    assert.ok(text.includes("None: all cases are OK."));
  });
});

test("reports: case numbers are ordered by their parts", () => {
  const ids = ["10.1.1", "2.10", "2.9", "1.1.10", "1.1.2", "9.1.1"];
  assert.deepEqual(ids.sort(compareCaseIds), [
    "1.1.2",
    "1.1.10",
    "2.9",
    "2.10",
    "9.1.1",
    "10.1.1",
  ]);
});

/** WCAG 2.1: relative luminance, and the contrast of two colours. */
function contrast(one: string, other: string): number {
  const luminance = (colour: string) => {
    const [red, green, blue] = [1, 3, 5].map((start) => {
      const part = parseInt(colour.slice(start, start + 2), 16) / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
}

for (const [name, palette] of [["light", light], ["dark", dark]] as const) {
  test(`reports: every text has a contrast of 4.5:1 or more, ${name}`, () => {
    assert.equal(Math.round(contrast("#000000", "#ffffff")), 21);
    for (const [text, background] of textColours(palette)) {
      const found = contrast(text, background);
      assert.ok(found >= 4.5, `${text} on ${background}: ${found}`);
    }
  });
}

function textColours(palette: Palette): [string, string][] {
  const pairs = [
    palette.page,
    palette.panel,
    palette.received,
    palette.transmitted,
    ...Object.values(palette.verdicts),
  ];
  return [
    ...pairs.map((
      { text, background },
    ): [string, string] => [text, background]),
    ...[palette.quiet, palette.link].flatMap((text): [string, string][] => [
      [text, palette.page.background],
      [text, palette.panel.background],
    ]),
  ];
}
