/** 7: the closing handshake, begun by the fuzzing peer. */
import type { Case, CaseRun, ExpectedClose } from "../case.ts";
import type { FuzzingPeer } from "../peer/fuzzing_peer.ts";
import {
  hexadecimal,
  octetsOf,
  octetsOfHexadecimal,
  repeat,
} from "../peer/octets.ts";
import { normalClose, textMessage } from "./frame_case.ts";

const allClean = "A clean close with 1000.";

/** An invalid close frame: answered with 1002, or TCP is dropped. */
const rejected: ExpectedClose = {
  closedByMe: true,
  closeCode: [1002],
  requireClean: false,
};
const rejection = "A close with 1002, or TCP is dropped.";

const notUtf8 = octetsOfHexadecimal(
  "cebae1bdb9cf83cebcceb5 eda080 656469746564",
);

/** In these cases a wrong close code is a failure of the case itself. */
function wrongCodeFails(run: CaseRun): void {
  if (run.behaviorClose === "WRONG CODE") {
    run.behavior = "FAILED";
    run.result = run.resultClose;
  }
}

interface CloseCase {
  id: string;
  description: string;
  expectation: string;
  close: ExpectedClose;
  send(peer: FuzzingPeer): void;
  judge?(run: CaseRun): void;
}

/** Nothing is to come but the close. */
function closeCase(definition: CloseCase): Case {
  const { id, description, expectation, close, send } = definition;
  return {
    id,
    description,
    expectation,
    open(run): void {
      run.suppressClose = true;
      run.expected.OK = [];
      run.expectedClose = close;
      send(run.peer);
      run.peer.killAfter(1);
    },
    judge: definition.judge ?? wrongCodeFails,
  };
}

const afterCloseCases: readonly Case[] = [
  {
    id: "7.1.1",
    description: "Sends a text message, and closes when it comes back.",
    expectation: "The message comes back, then a clean close with 1000.",
    open(run): void {
      run.expected.OK = [textMessage("Hello World!")];
      run.expectedClose = normalClose;
      run.peer.sendFrame({ opcode: 1, payload: octetsOf("Hello World!") });
      run.peer.killAfter(1);
    },
    judge: wrongCodeFails,
  },
  closeCase({
    id: "7.1.2",
    description: "Sends two close frames.",
    expectation: `${allClean} The second close frame is ignored.`,
    close: normalClose,
    send(peer): void {
      peer.sendClose(1000);
      peer.sendFrame({ opcode: 8 });
    },
  }),
  closeCase({
    id: "7.1.3",
    description: "Sends a ping after a close frame.",
    expectation: `${allClean} No pong.`,
    close: normalClose,
    send(peer): void {
      peer.sendClose(1000);
      peer.sendFrame({ opcode: 9 });
    },
  }),
  closeCase({
    id: "7.1.4",
    description: "Sends a text message after a close frame.",
    expectation: `${allClean} The message is ignored.`,
    close: normalClose,
    send(peer): void {
      peer.sendClose(1000);
      peer.sendFrame({ opcode: 1, payload: octetsOf("Hello World!") });
    },
  }),
  closeCase({
    id: "7.1.5",
    description: "Sends a text message in two fragments with a close frame " +
      "between.",
    expectation: allClean,
    close: normalClose,
    send(peer): void {
      peer.sendFrame({
        opcode: 1,
        fin: false,
        payload: octetsOf("fragment1"),
      });
      peer.sendClose(1000);
      peer.sendFrame({ opcode: 0, payload: octetsOf("fragment2") });
    },
  }),
  {
    id: "7.1.6",
    description: "Sends a text message of 256 KiB, a small one, a close " +
      "frame and a ping, all at once.",
    expectation: "For information only: whether the messages come back " +
      "before the close depends on how the peer goes about its work.",
    open(run): void {
      const { peer } = run;
      run.suppressClose = true;
      run.expected.OK = [textMessage("Hello World!")];
      run.expected["NON-STRICT"] = [];
      run.expectedClose = normalClose;
      peer.sendFrame({
        opcode: 1,
        payload: octetsOf("BAsd7&jh23"),
        repeatLength: 256 * 1024,
      });
      peer.sendFrame({ opcode: 1, payload: octetsOf("Hello World!") });
      peer.sendClose(1000);
      peer.sendFrame({ opcode: 9 });
      peer.killAfter(1);
    },
    judge(run): void {
      if (run.behavior === "OK") {
        run.result = "The message was processed before the close.";
      } else if (run.behavior === "NON-STRICT") {
        run.result = "The close was processed before the message came back.";
      }
      run.behavior = "INFORMATIONAL";
      run.behaviorClose = "INFORMATIONAL";
    },
  },
];

const payloadLengthCases: readonly Case[] = [
  closeCase({
    id: "7.3.1",
    description: "Sends an empty close frame.",
    expectation: allClean,
    close: normalClose,
    send: (peer) => peer.sendClose(),
  }),
  closeCase({
    id: "7.3.2",
    description: "Sends a close frame of one octet.",
    expectation: rejection,
    close: rejected,
    send: (peer) => peer.sendClose(null, octetsOf("a")),
  }),
  closeCase({
    id: "7.3.3",
    description: "Sends a close frame with a code only.",
    expectation: allClean,
    close: normalClose,
    send: (peer) => peer.sendClose(1000),
  }),
  closeCase({
    id: "7.3.4",
    description: "Sends a close frame with a code and a reason.",
    expectation: allClean,
    close: normalClose,
    send: (peer) => peer.sendClose(1000, octetsOf("Hello World!")),
  }),
  closeCase({
    id: "7.3.5",
    description: "Sends a close frame with a reason of 123 octets, " +
      "the most there can be.",
    expectation: allClean,
    close: normalClose,
    send: (peer) => peer.sendClose(1000, repeat(octetsOf("*"), 123)),
  }),
  closeCase({
    id: "7.3.6",
    description: "Sends a close frame with a reason of 124 octets, " +
      "one too many.",
    expectation: rejection,
    close: rejected,
    send: (peer) => peer.sendClose(1000, repeat(octetsOf("*"), 124)),
  }),
];

const reasonCase: Case = closeCase({
  id: "7.5.1",
  description: "Sends a close frame with a reason that is not UTF-8.",
  expectation: "A close with 1002 or 1007, or TCP is dropped.",
  close: { closedByMe: true, closeCode: [1002, 1007], requireClean: false },
  send: (peer) => peer.sendClose(1000, notUtf8),
  judge(run): void {
    wrongCodeFails(run);
    // It cannot be shown as text.
    run.peer.closing.localCloseReason =
      run.peer.closing.localCloseReason === null ? "?" : hexadecimal(notUtf8);
  },
});

const validCodes = [
  1000,
  1001,
  1002,
  1003,
  1007,
  1008,
  1009,
  1010,
  1011,
  3000,
  3999,
  4000,
  4999,
];
const invalidCodes = [0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999];

const validCodeCases = validCodes.map((code, index) =>
  closeCase({
    id: `7.7.${index + 1}`,
    description: `Sends a close frame with the valid code ${code}.`,
    expectation: "A clean close with 1000 or the same code.",
    close: { closedByMe: true, closeCode: [1000, code], requireClean: true },
    send: (peer) => peer.sendClose(code),
  })
);

const invalidCodeCases = invalidCodes.map((code, index) =>
  closeCase({
    id: `7.9.${index + 1}`,
    description: `Sends a close frame with the invalid code ${code}.`,
    expectation: rejection,
    close: rejected,
    send: (peer) => peer.sendClose(code),
  })
);

const undefinedCodeCases = [5000, 65_535].map((code, index) =>
  closeCase({
    id: `7.13.${index + 1}`,
    description: `Sends a close frame with the code ${code}.`,
    expectation: "For information only: RFC 6455 says nothing of codes from " +
      "5000 on.",
    close: {
      closedByMe: true,
      closeCode: [1000, code, 1002],
      requireClean: false,
    },
    send: (peer) => peer.sendClose(code),
    judge(run): void {
      run.behavior = "INFORMATIONAL";
      run.behaviorClose = "INFORMATIONAL";
      run.result = "RFC 6455 does not say what is to happen.";
    },
  })
);

/** 7.1.1 to 7.13.2. */
export const closeCases: readonly Case[] = [
  ...afterCloseCases,
  ...payloadLengthCases,
  reasonCase,
  ...validCodeCases,
  ...invalidCodeCases,
  ...undefinedCodeCases,
];
