import assert from "node:assert/strict";
import { test } from "node:test";

import {
  type DeflateOptions,
  resolveDeflateOptions,
} from "../../src/deflate/options.ts";

const defaults = {
  backend: "auto",
  threshold: 1024,
  serverNoContextTakeover: false,
  clientNoContextTakeover: false,
  serverMaxWindowBits: 15,
  clientMaxWindowBits: 15,
  level: -1,
  memLevel: 8,
};

test("deflate is on with its defaults unless it is said otherwise", () => {
  assert.deepEqual(resolveDeflateOptions(), defaults);
  assert.deepEqual(resolveDeflateOptions(undefined), defaults);
  assert.deepEqual(resolveDeflateOptions(true), defaults);
  assert.deepEqual(resolveDeflateOptions({}), defaults);
});

test("deflate: false is null", () => {
  assert.equal(resolveDeflateOptions(false), null);
});

test("an option that is undefined has its default", () => {
  const options: DeflateOptions = {
    backend: undefined,
    threshold: undefined,
    serverNoContextTakeover: undefined,
    clientNoContextTakeover: undefined,
    serverMaxWindowBits: undefined,
    clientMaxWindowBits: undefined,
    level: undefined,
    memLevel: undefined,
  };
  assert.deepEqual(resolveDeflateOptions(options), defaults);
});

const accepted: { [name in keyof Required<DeflateOptions>]: unknown[] } = {
  backend: ["auto", "standard", "zlib"],
  threshold: [0, 1, 1024, 0.5, Infinity],
  serverNoContextTakeover: [true, false],
  clientNoContextTakeover: [true, false],
  serverMaxWindowBits: [8, 9, 10, 11, 12, 13, 14, 15],
  clientMaxWindowBits: [8, 9, 10, 11, 12, 13, 14, 15],
  level: [-1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
  memLevel: [1, 2, 3, 4, 5, 6, 7, 8, 9],
};

for (const [name, values] of Object.entries(accepted)) {
  test(`deflate.${name} takes ${values.join(", ")}`, () => {
    for (const value of values) {
      assert.deepEqual(resolveDeflateOptions({ [name]: value }), {
        ...defaults,
        [name]: value,
      });
    }
  });
}

const refused: [
  name: string,
  error: "RangeError" | "TypeError",
  rule: string,
  values: [value: unknown, shown: string][],
][] = [
  [
    "backend",
    "TypeError",
    'is "auto", "standard" or "zlib" (default "auto")',
    [["", '""'], ["Zlib", '"Zlib"'], ["Standard", '"Standard"'], [1, "1"]],
  ],
  [
    "threshold",
    "RangeError",
    "is a number of bytes, 0 or above (default 1024)",
    [[-1, "-1"], [NaN, "NaN"], ["1024", '"1024"'], [true, "true"]],
  ],
  ...["serverNoContextTakeover", "clientNoContextTakeover"].map((name) =>
    [name, "TypeError", "is true or false (default false)", [
      [1, "1"],
      [0, "0"],
      ["true", '"true"'],
      ["", '""'],
    ]] satisfies typeof refused[number]
  ),
  ...["serverMaxWindowBits", "clientMaxWindowBits"].map((name) =>
    [name, "RangeError", "is an integer from 8 to 15 (default 15)", [
      [7, "7"],
      [16, "16"],
      [0, "0"],
      [-9, "-9"],
      [9.5, "9.5"],
      [NaN, "NaN"],
      [Infinity, "Infinity"],
      ["10", '"10"'],
      [true, "true"],
    ]] satisfies typeof refused[number]
  ),
  [
    "level",
    "RangeError",
    "is an integer from -1 to 9 (default -1)",
    [[-2, "-2"], [10, "10"], [1.5, "1.5"], ["6", '"6"'], [NaN, "NaN"]],
  ],
  [
    "memLevel",
    "RangeError",
    "is an integer from 1 to 9 (default 8)",
    [[0, "0"], [10, "10"], [8.5, "8.5"], ["8", '"8"'], [NaN, "NaN"]],
  ],
];

for (const [name, error, rule, values] of refused) {
  for (const [value, shown] of values) {
    test(`deflate.${name} is not ${shown}`, () => {
      assert.throws(
        () => resolveDeflateOptions({ [name]: value }),
        { name: error, message: `deflate.${name} ${rule}, not ${shown}` },
      );
    });
  }
}

const notOptions: [value: unknown, shown: string][] = [
  [null, "null"],
  ["auto", '"auto"'],
  [0, "0"],
  [1, "1"],
  [["zlib"], "an object of type Array"],
  [Symbol("on"), "Symbol(on)"],
];

for (const [value, shown] of notOptions) {
  test(`deflate is not ${typeof value} ${shown}`, () => {
    assert.throws(() => resolveDeflateOptions(value as DeflateOptions), {
      name: "TypeError",
      message:
        "deflate is true, false or an object of options (default true), not " +
        shown,
    });
  });
}
