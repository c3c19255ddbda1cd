/** The `WebSocket` of the runtime that runs this file, as a client. */

import { answerRequests, pick } from "./answer_requests.ts";
import {
  type ScenarioOptions,
  standardScenarios,
} from "./standard_websocket.ts";

// Deno leaves the end of a large message over TLS in its own buffers until the
// next send(), to any server: https://github.com/denoland/deno/issues/36862.
const scenarios = standardScenarios(WebSocket, "Deno" in globalThis);

await answerRequests(({ scenario, url, options }) =>
  pick(scenarios, scenario)(url, options as ScenarioOptions | undefined)
);
