/**
 * Who is measured: Weir in its ways, and what users of each runtime have today.
 *
 * @module
 */
import { root, type Runtime, type RuntimeName } from "../tests/toolchain.ts";
import type { Buffers, Deflate, Mode } from "./servers/arguments.ts";

/** A server program in one configuration. */
export interface Contender {
  /** What `--peer` calls it. */
  name: string;
  /** What a table calls it. */
  title: string;
  /** Its program in `bench/servers/`. */
  program: string;
  /** The runtimes it runs on. */
  runtimes: readonly RuntimeName[];
  /** How it compresses, where compression is measured. */
  deflate: Deflate;
  /** Which workloads it takes part in. */
  takesPart: {
    /** Messages without compression. */
    plain: boolean;
    /** Opening handshakes. */
    handshakes: boolean;
    /** Those that are about compression. */
    compressed: boolean;
    /** Those that take long: memory, latency, growth. */
    long: boolean;
    /** Broadcasts. */
    broadcast: boolean;
    /** The message of one gigabyte. */
    large: boolean;
    /** Whether `--quick` measures it. */
    quick: boolean;
  };
}

const everywhere: readonly RuntimeName[] = ["node", "deno", "bun"];
const everything = {
  plain: true,
  handshakes: true,
  compressed: true,
  long: true,
  broadcast: true,
  large: true,
  quick: true,
};
const onlyCompressed = {
  plain: false,
  handshakes: false,
  compressed: true,
  long: false,
  broadcast: false,
  large: false,
  quick: true,
};

/** All of them, in the order in which tables show them. */
export const contenders: readonly Contender[] = [
  {
    name: "weir",
    title: "Weir, hooks",
    program: "weir_hooks.ts",
    runtimes: everywhere,
    deflate: "auto",
    takesPart: { ...everything, large: false },
  },
  {
    name: "weir-zlib",
    title: "Weir, hooks, zlib, context takeover",
    program: "weir_hooks.ts",
    runtimes: everywhere,
    deflate: "zlib",
    takesPart: onlyCompressed,
  },
  {
    name: "weir-streams",
    title: "Weir, streams",
    program: "weir_streams.ts",
    runtimes: everywhere,
    deflate: "auto",
    takesPart: { ...everything, compressed: false },
  },
  {
    name: "weir-pipeline",
    title: "Weir, pipeline not fused",
    program: "weir_pipeline.ts",
    runtimes: everywhere,
    deflate: "off",
    takesPart: {
      plain: true,
      handshakes: false,
      compressed: false,
      long: false,
      broadcast: false,
      large: false,
      quick: false,
    },
  },
  {
    name: "ws",
    title: "ws",
    program: "ws.ts",
    runtimes: ["node"],
    deflate: "auto",
    takesPart: everything,
  },
  {
    name: "ws-takeover",
    title: "ws, context takeover",
    program: "ws.ts",
    runtimes: ["node"],
    deflate: "takeover",
    takesPart: { ...onlyCompressed, quick: false },
  },
  {
    name: "crossws",
    title: "crossws",
    program: "crossws.ts",
    runtimes: ["node"],
    deflate: "auto",
    takesPart: { ...everything, quick: false },
  },
  {
    name: "deno",
    title: "Deno.upgradeWebSocket",
    program: "deno.ts",
    runtimes: ["deno"],
    deflate: "off",
    takesPart: { ...everything, compressed: false },
  },
  {
    name: "bun",
    title: "Bun.serve",
    program: "bun.ts",
    runtimes: ["bun"],
    deflate: "auto",
    takesPart: everything,
  },
];

/** What the others of a runtime are compared with. */
export const referencePeers: Record<RuntimeName, string> = {
  node: "ws",
  deno: "deno",
  bun: "bun",
};

/** How a server is started. */
export function serverCommand(
  runtime: Runtime,
  program: string,
  mode: Mode,
  deflate: Deflate,
  buffers: Buffers,
): string[] {
  const before = {
    node: ["--disable-warning=ExperimentalWarning"],
    deno: ["run", "--allow-all", "--quiet"],
    bun: ["run"],
  };
  return [
    runtime.path,
    ...before[runtime.name],
    `${root}bench/servers/${program}`,
    `--mode=${mode}`,
    `--deflate=${deflate}`,
    `--buffers=${buffers}`,
  ];
}
