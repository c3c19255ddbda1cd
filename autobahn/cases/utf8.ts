/** 6: text that is UTF-8, and text that is not. */
import type { Case, CaseRun } from "../case.ts";
import {
  concatenate,
  hexadecimal,
  octetsOf,
  octetsOfHexadecimal,
} from "../peer/octets.ts";
import {
  frameCase,
  invalidText,
  normalClose,
  textMessage,
} from "./frame_case.ts";
import { utf8Sequences } from "./utf8_sequences.ts";

const echoed = "The message comes back, then a clean close with 1000.";
const failed = "The connection is failed at once with 1007.";

const greeting = octetsOf("Hello-µ@ßöäüàá-UTF-8!!");
const firstHalf = octetsOf("Hello-µ@ßöä");
const secondHalf = octetsOf("üàá-UTF-8!!");
const kosme = octetsOfHexadecimal("cebae1bdb9cf83cebcceb5");
const edited = octetsOf("edited");
const surrogate = concatenate([kosme, octetsOfHexadecimal("eda080"), edited]);
/** Invalid from its second octet on: it would be U+110000. */
const tooHigh = octetsOfHexadecimal("f4908080");

function emptyFragmentsCase(
  id: string,
  description: string,
  payloads: readonly string[],
): Case {
  return frameCase({
    id,
    description,
    expectation: echoed,
    frames: payloads.map((payload, index) => ({
      opcode: index === 0 ? 1 : 0,
      fin: index === payloads.length - 1,
      payload: octetsOf(payload),
    })),
    expected: [textMessage(payloads.join(""))],
    close: normalClose,
    closeAfter: 1,
  });
}

function validCase(
  id: string,
  how: string,
  payload: Uint8Array,
  fragmentSize?: number,
): Case {
  return {
    id,
    description: `Sends text that is UTF-8, ${how}.\n` +
      `Octets: ${hexadecimal(payload)}`,
    expectation: echoed,
    open(run): void {
      run.expected.OK = [["message", payload, false]];
      run.expectedClose = normalClose;
      run.peer.sendMessage(payload, { fragmentSize });
      run.peer.closeAfter(1);
    },
  };
}

function invalidCase(id: string, how: string, fragmentSize?: number): Case {
  return {
    id,
    description: `Sends text that is not UTF-8, ${how}.\n` +
      `Octets: ${hexadecimal(surrogate)}`,
    expectation: failed,
    open(run): void {
      run.expected.OK = [];
      run.expectedClose = invalidText;
      run.peer.sendMessage(surrogate, { fragmentSize });
      run.peer.killAfter(1);
    },
  };
}

/** Text that becomes invalid with its second part, a second after the first. */
function failFastCase(
  id: string,
  unit: "frames" | "chops of one frame",
  parts: readonly Uint8Array[],
): Case {
  const isFramed = unit === "frames";
  return {
    id,
    description: `Sends text in three ${unit}, a second apart. ` +
      "The second makes it invalid.\n" +
      `Octets: ${parts.map(hexadecimal).join(" | ")}`,
    expectation: "The first part is accepted; nothing happens for a second. " +
      "The second part fails the connection at once with 1007. " +
      "If it does so only after the third, that is not strict.",
    open(run: CaseRun): void {
      const { peer } = run;
      run.expected.OK = [["timeout", "A"]];
      run.expected["NON-STRICT"] = [["timeout", "A"], ["timeout", "B"]];
      run.expectedClose = invalidText;
      const send = (index: number): void => {
        if (isFramed) {
          peer.sendFrame({
            opcode: index === 0 ? 1 : 0,
            fin: index === 2,
            payload: parts[index],
          });
        } else {
          if (index === 0) {
            peer.beginMessage(concatenate(parts).length);
          }
          peer.sendMessageData(parts[index]);
          if (index === 2) {
            peer.endMessage();
          }
        }
      };
      send(0);
      peer.continueLater(1, () => {
        if (peer.state !== "open") {
          return;
        }
        run.received.push(["timeout", "A"]);
        send(1);
        peer.continueLater(1, () => {
          if (peer.state !== "open") {
            return;
          }
          run.received.push(["timeout", "B"]);
          send(2);
          peer.killAfter(1);
        }, "B");
      }, "A");
    },
  };
}

const wholeSequence = [kosme, tooHigh, edited];
const whole = concatenate(wholeSequence);
/** The second part is the octet that makes it invalid, and nothing else. */
const byOctet = [
  whole.subarray(0, 12),
  whole.subarray(12, 13),
  whole.subarray(13),
];

const sequenceCases = utf8Sequences.flatMap(({ sequences }, group) =>
  sequences.map(({ octets, isValid }, index): Case => ({
    id: `6.${group + 5}.${index + 1}`,
    description: `Sends text that is ${isValid ? "" : "not "}UTF-8 ` +
      `in one frame.\nOctets: ${hexadecimal(octets)}`,
    expectation: isValid ? echoed : failed,
    open(run): void {
      run.expected.OK = isValid ? [["message", octets, false]] : [];
      run.expectedClose = isValid ? normalClose : invalidText;
      run.peer.sendMessage(octets);
      run.peer.killAfter(0.5);
    },
  }))
);

/** 6.1.1 to 6.23.7. */
export const utf8Cases: readonly Case[] = [
  emptyFragmentsCase("6.1.1", "Sends an empty text message.", [""]),
  emptyFragmentsCase(
    "6.1.2",
    "Sends an empty text message in three fragments.",
    ["", "", ""],
  ),
  emptyFragmentsCase(
    "6.1.3",
    "Sends a text message in three fragments. The first and last are empty.",
    ["", "middle frame payload", ""],
  ),
  validCase("6.2.1", "in one frame", greeting),
  frameCase({
    id: "6.2.2",
    description: "Sends text that is UTF-8 in two fragments, divided between " +
      `code points.\nOctets: ${hexadecimal(firstHalf)} | ` +
      hexadecimal(secondHalf),
    expectation: echoed,
    frames: [
      { opcode: 1, fin: false, payload: firstHalf },
      { opcode: 0, fin: true, payload: secondHalf },
    ],
    expected: [["message", greeting, false]],
    close: normalClose,
    closeAfter: 1,
  }),
  validCase("6.2.3", "in fragments of one octet", greeting, 1),
  validCase("6.2.4", "in fragments of one octet", kosme, 1),
  invalidCase("6.3.1", "in one frame"),
  invalidCase("6.3.2", "in fragments of one octet", 1),
  failFastCase("6.4.1", "frames", wholeSequence),
  failFastCase("6.4.2", "frames", byOctet),
  failFastCase("6.4.3", "chops of one frame", wholeSequence),
  failFastCase("6.4.4", "chops of one frame", byOctet),
  ...sequenceCases,
];

/** The names of 6.5 to 6.23. */
export const utf8Subcategories: Readonly<Record<string, string>> = Object
  .fromEntries(
    utf8Sequences.map(({ name }, group) => [`6.${group + 5}`, name]),
  );
