// Where the reports of the conformance run go, and what if they can't.

import assert from "node:assert/strict";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { findCase } from "../../autobahn/cases/index.ts";
import { runFuzzingClient } from "../../autobahn/fuzzing_client.ts";
import { Progress } from "../../autobahn/progress.ts";
import { foldersFor, prepareFolder } from "../../autobahn/report_folders.ts";
import { report, reportOutcomes } from "../../autobahn/run_context.ts";
import { type AgentOutcome, totalsOf } from "../../autobahn/summary.ts";
import { inFolder } from "./command.ts";
import { startEchoServer } from "./mutants/echo_server.ts";

/** Collects what the user is told. */
class Listener {
  text = "";
  readonly progress: Progress = new Progress({
    write: (text) => this.text += text,
  });
}

/** The results of a case or two. */
async function resultsFor(agent: string, ...ids: string[]) {
  const server = await startEchoServer();
  const cases = ids.map((id) => findCase(id)!);
  const results = await Array.fromAsync(
    runFuzzingClient({ url: server.url, agent, cases }),
  );
  await server.close();
  assert.equal(results.length, ids.length);
  return results;
}

test("the folder of a file is where the reports go, all others have one for each end", () => {
  const both = ["servers", "clients"] as const;
  const found = (...given: Parameters<typeof foldersFor>) =>
    both.map((kind) => foldersFor(...given)[kind]);
  assert.deepEqual(
    found(undefined),
    both.map((kind) => join("reports", kind)),
  );
  assert.deepEqual(found("out"), both.map((kind) => join("out", kind)));
  // A file from the reference suite has ./reports/clients.
  assert.deepEqual(found(undefined, "./reports/clients"), [
    "./reports/clients",
    "./reports/clients",
  ]);
  assert.deepEqual(
    found("out", "./reports/clients"),
    both.map((kind) => join("out", kind)),
  );
});

test("a folder is made, and nothing is left in it", async () => {
  await inFolder(async (folder) => {
    const made = join(folder, "some", "where");
    prepareFolder(made);
    prepareFolder(made);
    assert.deepEqual(readdirSync(made), []);
    await Promise.resolve();
  });
});

test("a folder that can't be written into is an error that names it", async () => {
  await inFolder(async (folder) => {
    const file = join(folder, "file");
    writeFileSync(file, "");
    for (const path of [file, join(file, "servers")]) {
      assert.throws(() => prepareFolder(path), {
        name: "ReportFolderError",
        message:
          `Cannot write reports into ${JSON.stringify(path)}: there is a ` +
          `file of that name. Name another folder with --outdir.`,
      });
    }
    if (existsSync("/proc/self")) {
      assert.throws(() => prepareFolder("/proc/self/reports"), {
        name: "ReportFolderError",
        message: /^Cannot write reports into "\/proc\/self\/reports": .+$/,
      });
    }
    await Promise.resolve();
  });
});

test("reports that could not be written are a problem, and nothing is lost", async () => {
  const results = await resultsFor("a", "1.1.1");
  await inFolder(async (folder) => {
    const file = join(folder, "file");
    writeFileSync(file, "");
    const outcomes: AgentOutcome[] = [
      { agent: "a", expected: 1, verdicts: results, seconds: 1 },
    ];
    const listener = new Listener();
    assert.deepEqual(
      await reportOutcomes(file, results, outcomes, listener.progress),
      [],
    );
    assert.match(listener.text, /^Cannot write reports into .+\n$/);
    assert.match(outcomes[0].problem!, /^Cannot write reports into/);
    assert.deepEqual(totalsOf(outcomes), { passed: 1, failed: 1 });
  });
});

test("earlier reports that can't be read are told of", async () => {
  const results = await resultsFor("b", "1.1.1");
  await inFolder(async (folder) => {
    const { progress } = new Listener();
    await report(folder, await resultsFor("a", "1.1.1"), progress);
    writeFileSync(join(folder, "index.json"), "no JSON");
    const listener = new Listener();
    await report(folder, results, listener.progress);
    assert.equal(
      listener.text,
      `Some earlier reports in ${folder} could not be read, and are left ` +
        `out: index.json\n`,
    );
    const calm = new Listener();
    await report(folder, results, calm.progress);
    assert.equal(calm.text, "");
  });
});
