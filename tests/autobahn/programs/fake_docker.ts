/**
 * Stands in for the `docker` command in tests: has an engine, and "runs" the
 * image of the reference suite by doing what its configuration file says with
 * Weir's own fuzzing client. It writes down how it was called.
 */

import { appendFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import type { CaseResult } from "../../../autobahn/case_result.ts";
import { runFuzzingClient } from "../../../autobahn/fuzzing_client.ts";
import { Progress } from "../../../autobahn/progress.ts";
import { casesFor, report } from "../../../autobahn/run_context.ts";

const args = process.argv.slice(2);
appendFileSync(process.env.FAKE_DOCKER_LOG!, `${JSON.stringify(args)}\n`);
if (args[0] === "info") {
  console.log("Debian GNU/Linux");
} else if (args[0] === "run") {
  const [folder, mounted] = args[args.indexOf("--volume") + 1].split(":");
  const onThisSide = (path: string) => join(folder, path.slice(mounted.length));
  const { outdir, servers, cases } = JSON.parse(
    readFileSync(onThisSide(args.at(-1)!), "utf8"),
  );
  const results: CaseResult[] = [];
  for (const { agent, url } of servers) {
    for await (
      const result of runFuzzingClient({
        url,
        agent,
        cases: casesFor(cases, []),
      })
    ) {
      console.log(
        `Running test case ID ${result.id} for agent ${agent} from peer x`,
      );
      results.push(result);
    }
  }
  await report(onThisSide(outdir), results, new Progress());
  process.exit(0);
} else {
  process.exit(1);
}
