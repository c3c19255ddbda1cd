/** 10: a message that the sender divides by itself. */
import type { Case } from "../case.ts";
import { octetsOf, repeat } from "../peer/octets.ts";
import { normalClose } from "./frame_case.ts";

const length = 65_536;
const fragmentSize = 1300;

/** 10.1.1. */
export const autoFragmentCases: readonly Case[] = [{
  id: "10.1.1",
  description: `Sends a text message of ${length} octets, divided ` +
    `automatically into frames of ${fragmentSize}.`,
  expectation: "The message comes back, then a clean close with 1000. The " +
    "number of frames sent is what it has to be.",
  open(run): void {
    const payload = repeat(octetsOf("*"), length);
    run.peer.autoFragmentSize = fragmentSize;
    run.expected.OK = [["message", payload, false]];
    run.expectedClose = normalClose;
    run.peer.sendMessage(payload);
    run.peer.killAfter(10);
  },
  judge(run): void {
    const { wasOpen, wireLog } = run.peer;
    const begun = wireLog.sentFrames[1] ?? 0;
    const continued = wireLog.sentFrames[0] ?? 0;
    const expected = Math.floor(length / fragmentSize);
    if (!wasOpen) {
      run.behavior = "FAILED";
      run.result = "The connection was never open.";
    } else if (begun !== 1 || continued !== expected) {
      run.behavior = "FAILED";
      run.result = `${begun} text and ${continued} continuation frames were ` +
        `sent, not 1 and ${expected}.`;
    }
  },
}];
