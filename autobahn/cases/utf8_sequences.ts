/**
 * Octets that are UTF-8 (RFC 3629) and octets that are not, after Markus
 * Kuhn's "UTF-8 decoder capability and stress test".
 */
import { octetsOfHexadecimal } from "../peer/octets.ts";

/** A few sequences that have something in common. */
export interface Utf8Group {
  name: string;
  sequences: readonly { octets: Uint8Array; isValid: boolean }[];
}

function group(
  name: string,
  sequences: { valid?: readonly string[]; invalid?: readonly string[] },
): Utf8Group {
  const octets = (isValid: boolean, digits: readonly string[] = []) =>
    digits.map((digits) => ({ octets: octetsOfHexadecimal(digits), isValid }));
  return {
    name,
    sequences: [
      ...octets(true, sequences.valid),
      ...octets(false, sequences.invalid),
    ],
  };
}

function digitsOf(octets: Iterable<number>): string {
  return Array.from(octets, (octet) => octet.toString(16).padStart(2, "0"))
    .join("");
}

function range(first: number, beyond: number): number[] {
  return Array.from({ length: beyond - first }, (_, index) => first + index);
}

/** The Greek word κόσμε, octet by octet. */
const kosme = "ce ba e1 bd b9 cf 83 ce bc ce b5".split(" ");
const endsOfCodePoints = [2, 5, 7, 9, 11];

const prefixes: Utf8Group = {
  name: "All prefixes of a valid text",
  sequences: kosme.map((_, index) => ({
    octets: octetsOfHexadecimal(kosme.slice(0, index + 1).join("")),
    isValid: endsOfCodePoints.includes(index + 1),
  })),
};

const cutOff = [
  "c0",
  "e080",
  "f08080",
  "f8808080",
  "fc80808080",
  "df",
  "efbf",
  "f7bfbf",
  "fbbfbfbf",
  "fdbfbfbfbf",
];

const leadOctets = [[0xc0, 0xdf], [0xe0, 0xef], [0xf0, 0xf7], [0xf8, 0xfb], [
  0xfc,
  0xfd,
]];

/** U+nFFFE and U+nFFFF of all planes, in the order of their octets. */
const nonCharacters = ["f0", "f1", "f2", "f3", "f4"].flatMap((first) =>
  ["8f", "9f", "af", "bf"]
    .filter((second) => first === "f4" ? second === "8f" : true)
    .filter((second) => !(first === "f0" && second === "8f"))
    .flatMap((second) => [`${first}${second}bfbe`, `${first}${second}bfbf`])
);

/** The groups of 6.5 to 6.23, in this order. */
export const utf8Sequences: readonly Utf8Group[] = [
  group("Valid text", {
    valid: [
      "68656c6c6f 24 776f726c64",
      "68656c6c6f c2a2 776f726c64",
      "68656c6c6f e282ac 776f726c64",
      "68656c6c6f f0a4ada2 776f726c64",
      kosme.join(""),
    ],
  }),
  prefixes,
  group("First code point of each length", {
    valid: ["00", "c280", "e0a080", "f0908080"],
  }),
  group("First sequence of 5 and of 6 octets", {
    invalid: ["f888808080", "fc8480808080"],
  }),
  group("Last code point of each length", {
    valid: ["7f", "dfbf", "efbfbf", "f48fbfbf"],
  }),
  group("Last sequence of 4, 5 and 6 octets", {
    invalid: ["f7bfbfbf", "fbbfbfbfbf", "fdbfbfbfbfbf"],
  }),
  group("Code points beside a boundary", {
    valid: ["ed9fbf", "ee8080", "efbfbd", "f48fbfbf"],
    invalid: ["f4908080"],
  }),
  group("Continuation octets without a lead", {
    invalid: [
      "80",
      "bf",
      "80bf",
      "80bf80",
      "80bf80bf",
      "80bf80bf80",
      "80bf80bf80bf",
      digitsOf(range(0x80, 0xbf)),
    ],
  }),
  group("Lead octets followed by a space", {
    invalid: leadOctets.map(([first, beyond]) =>
      digitsOf(range(first, beyond).flatMap((octet) => [octet, 0x20]))
    ),
  }),
  group("Last continuation octet missing", { invalid: cutOff }),
  group("Incomplete sequences in a row", { invalid: [cutOff.join("")] }),
  group("Octets that never occur", { invalid: ["fe", "ff", "fefeffff"] }),
  group("Overlong forms of a slash", {
    invalid: ["c0af", "e080af", "f08080af", "f8808080af", "fc80808080af"],
  }),
  group("Highest overlong form of each length", {
    invalid: ["c1bf", "e09fbf", "f08fbfbf", "f887bfbfbf", "fc83bfbfbfbf"],
  }),
  group("Overlong forms of NUL", {
    invalid: ["c080", "e08080", "f0808080", "f880808080", "fc8080808080"],
  }),
  group("Single surrogates", {
    invalid: [
      "eda080",
      "edadbf",
      "edae80",
      "edafbf",
      "edb080",
      "edbe80",
      "edbfbf",
    ],
  }),
  group("Paired surrogates", {
    invalid: ["eda080", "edadbf", "edae80", "edafbf"].flatMap((high) =>
      ["edb080", "edbfbf"].map((low) => high + low)
    ),
  }),
  group("Noncharacters, which are valid", {
    valid: ["efbfbe", "efbfbf", ...nonCharacters],
  }),
  group("Specials, such as the replacement character", {
    valid: range(0xb9, 0xc0).map((last) => "efbf" + last.toString(16)),
  }),
];
