/** 5: messages, and what may not be one, in several frames. */
import type { Case, CaseRun } from "../case.ts";
import type { FrameToSend } from "../peer/frame_sender.ts";
import { octetsOf } from "../peer/octets.ts";
import {
  atOnce,
  frameCase,
  frameWise,
  normalClose,
  octetWise,
  type Pace,
  pong,
  protocolError,
  textMessage,
} from "./frame_case.ts";

const paces: readonly (readonly [how: string, pace: Pace])[] = [
  ["all at once", atOnce],
  ["frame by frame", frameWise],
  ["octet by octet", octetWise],
];

function frame(
  opcode: number,
  fin: boolean,
  payload: string,
  pace: Pace = atOnce,
): FrameToSend {
  return { opcode, fin, payload: octetsOf(payload), ...pace };
}

function failure(
  id: string,
  description: string,
  frames: FrameToSend[],
): Case {
  return frameCase({
    id,
    description,
    expectation: "The connection is failed at once with 1002.",
    frames,
    expected: [],
    close: protocolError,
    killAfter: 1,
  });
}

const fragmentedControlFrames = [
  { id: "5.1", name: "ping", opcode: 9 },
  { id: "5.2", name: "pong", opcode: 10 },
].map(({ id, name, opcode }) =>
  failure(id, `Sends a ${name} in two fragments.`, [
    frame(opcode, false, "fragment1"),
    frame(0, true, "fragment2"),
  ])
);

const fragmentedMessages = paces.map(([how, pace], index) =>
  frameCase({
    id: `5.${index + 3}`,
    description: `Sends a text message in two fragments, ${how}.`,
    expectation: "The message comes back, then a clean close with 1000.",
    frames: [
      frame(1, false, "fragment1", pace),
      frame(0, true, "fragment2", pace),
    ],
    expected: [textMessage("fragment1fragment2")],
    close: normalClose,
    closeAfter: 1,
  })
);

const pingsWithin = paces.map(([how, pace], index) =>
  frameCase({
    id: `5.${index + 6}`,
    description:
      `Sends a text message in two fragments with a ping between, ${how}.`,
    expectation: "A pong comes, then the message, then a clean close " +
      "with 1000.",
    frames: [
      frame(1, false, "fragment1", pace),
      frame(9, true, "ping payload", pace),
      frame(0, true, "fragment2", pace),
    ],
    expected: [pong("ping payload"), textMessage("fragment1fragment2")],
    close: normalClose,
    closeAfter: 1,
  })
);

const strayContinuations = [true, false].flatMap((fin, kind) =>
  paces.map(([how, pace], index) =>
    failure(
      `5.${9 + 3 * kind + index}`,
      `Sends a continuation frame with FIN = ${fin} that continues nothing, ` +
        `then a text message, ${how}.`,
      [
        frame(0, fin, "non-continuation payload", pace),
        frame(1, true, "Hello, world!", pace),
      ],
    )
  )
);

const repeatedStrayContinuations = [false, true].map((fin, index) => {
  const frames = [
    frame(0, fin, "fragment1"),
    frame(1, false, "fragment2"),
    frame(0, true, "fragment3"),
  ];
  return failure(
    `5.${16 + index}`,
    `Sends twice: a continuation frame with FIN = ${fin} that continues ` +
      "nothing, and a text message in two fragments.",
    [...frames, ...frames],
  );
});

function longPauseCase(id: string, how: string, pace: Pace): Case {
  const pings = ["pongme 1!", "pongme 2!"];
  return {
    id,
    description: "Sends two fragments of a text message and a ping, waits a " +
      "second, and sends two more fragments, another ping and the last " +
      `fragment, ${how}.`,
    expectation: "The first pong comes before the message has ended, then " +
      "the second, then the message, then a clean close with 1000.",
    open(run: CaseRun): void {
      const { peer } = run;
      run.expected.OK = [
        pong(pings[0]),
        pong(pings[1]),
        textMessage("fragment1fragment2fragment3fragment4fragment5"),
      ];
      run.expectedClose = normalClose;
      peer.sendFrame(frame(1, false, "fragment1", pace));
      peer.sendFrame(frame(0, false, "fragment2", pace));
      peer.sendFrame(frame(9, true, pings[0], pace));
      peer.continueLater(1, () => {
        peer.sendFrame(frame(0, false, "fragment3", pace));
        peer.sendFrame(frame(0, false, "fragment4", pace));
        peer.sendFrame(frame(9, true, pings[1], pace));
        peer.sendFrame(frame(0, true, "fragment5", pace));
        peer.closeAfter(1);
      });
    },
  };
}

/** 5.1 to 5.20. */
export const fragmentationCases: readonly Case[] = [
  ...fragmentedControlFrames,
  ...fragmentedMessages,
  ...pingsWithin,
  ...strayContinuations,
  frameCase({
    id: "5.15",
    description: "Sends a text message in two fragments, a continuation " +
      "frame with FIN = false that continues nothing, and a text message, " +
      "all at once.",
    expectation: "The first message comes back, then the connection is " +
      "failed at once with 1002.",
    frames: [
      frame(1, false, "fragment1"),
      frame(0, true, "fragment2"),
      frame(0, false, "fragment3"),
      frame(1, true, "fragment4"),
    ],
    expected: [textMessage("fragment1fragment2")],
    nonStrict: [],
    close: protocolError,
    killAfter: 1,
  }),
  ...repeatedStrayContinuations,
  failure(
    "5.18",
    "Sends a text message in two fragments that both have the opcode of text.",
    [frame(1, false, "fragment1"), frame(1, true, "fragment2")],
  ),
  longPauseCase("5.19", "all that belongs together at once", atOnce),
  longPauseCase("5.20", "frame by frame", frameWise),
];
