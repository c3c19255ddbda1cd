/**
 * The five payloads of the compression cases: made here, always the same, and
 * as large and as compressible as the files that the reference suite sends.
 * Integers only, so that every runtime makes the same octets.
 */

import { concatenate } from "../peer/octets.ts";

/** The name of one of the five payloads. */
export type PayloadName = "json" | "bitmap" | "verse" | "html" | "document";

/** A payload, of which cases send one stretch after the other. */
export interface PayloadData {
  /** What it is, for people. */
  readonly description: string;
  /** Whether it goes out as binary messages, or as text. */
  readonly isBinary: boolean;
  /** Its size in octets. */
  readonly size: number;
  /** Its length in what is counted: octets if binary, else characters. */
  readonly length: number;
  /**
   * The octets of a stretch of it.
   *
   * @param from Where it begins, in octets if binary, else in characters.
   * @param to Where it ends: at or before `from`, it goes past the end of the
   * payload and on from its beginning.
   */
  slice(from: number, to: number): Uint8Array;
}

/** Numbers that look random and are always the same (xorshift32). */
class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  /** An integer from 0 to `limit - 1`. */
  below(limit: number): number {
    let state = this.#state;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    this.#state = state;
    return (state >>> 0) % limit;
  }

  /** Low integers more often than high ones, all below 2 ** `bits`. */
  skewed(bits: number): number {
    return this.below(1 << (1 + this.below(bits)));
  }

  /** One of several. */
  pick<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)];
  }
}

const rivers = [
  "Isar",
  "Regen",
  "Naab",
  "Altmuehl",
  "Wertach",
  "Iller",
  "Vils",
  "Paar",
  "Ammer",
  "Loisach",
];

/** Adds records while they fit into `size` with `tail`, and fills the rest. */
function fill(
  head: string,
  record: (index: number) => string,
  tail: string,
  size: number,
): string {
  const records = [head];
  let left = size - head.length - tail.length;
  for (let index = 0;; index++) {
    const next = record(index);
    if (next.length > left) break;
    records.push(next);
    left -= next.length;
  }
  return records.join("") + " ".repeat(left) + tail;
}

/** Readings of gauges along some rivers, as JSON. All ASCII. */
function makeJson(size: number): string {
  const random = new Random(0x6a736f6e);
  const stations = 260;
  const record = (index: number): string => {
    const station = index % stations;
    const river = rivers[Math.floor(index / stations) % rivers.length];
    const year = 2001 + Math.floor(index / stations);
    const next = random.below(40) === 0 ? "RISING" : "STEADY";
    const group = `${1 + Math.floor(station / 40)}.${1 + station % 40}`;
    const opening = station > 0
      ? ""
      : `${index === 0 ? "" : "\n   },\n"}   "${river}/${year}": {`;
    return `${opening}${station > 0 ? "," : ""}
      "${group}": {
         "condition": "OK",
         "tendency": "${next}",
         "level": ${
      random.below(3) > 0 ? 2 + random.below(2) : random.below(600)
    },
         "threshold": 1000,
         "readings": "${river.toLowerCase()}_${year}_gauge_${
      group.replace(".", "_")
    }.json"
      }`;
  };
  return fill("{\n", record, "\n   }\n}\n", size);
}

/** The same as a page, with some characters beyond ASCII. */
function makeHtml(size: number): string {
  const random = new Random(0x68746d6c);
  // Two octets each in UTF-8.
  const beyondAscii = "äöüßéèàµΩλκαφως·°±×÷çñåøÆŁš";
  const grades = Array.from(
    { length: 120 },
    (_, grade) =>
      `td.grade_${grade} {\n   color: #${
        (0x100000 + random.below(0xefffff)).toString(16)
      };\n   ${random.pick(["padding", "margin", "border-width"])}: ${
        random.below(32)
      }px;\n}\n`,
  );
  const head = `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Gauges along the rivers</title>
<style>
body { font-family: sans-serif; margin: 1em auto; max-width: 60em; }
table { border-collapse: collapse; width: 100%; }
td.gauge { border: 1px solid #cccccc; padding: 4px; text-align: right; }
td.steady { background-color: #99ff99; }
td.rising { background-color: #ffcc66; }
${grades.join("")}</style>
</head>
<body>
<h1>Gauges along the rivers</h1>
<p>Characters beyond ASCII: ${beyondAscii}</p>
<table>
`;
  const record = (index: number): string => {
    const cells = rivers.map((river, column) => {
      const rising = random.below(20) === 0;
      const level = random.below(2) > 0 ? 2 : random.below(900);
      return `      <td class="gauge ${rising ? "rising" : "steady"}">` +
        `<a href="${river.toLowerCase()}_${
          2001 + column
        }_gauge_${index}.html">${
          rising ? "Rising" : "Steady"
        }</a> <b>${level} cm</b></td>\n`;
    });
    return `   <tr class="station" id="station_${index}">\n${cells.join("")}` +
      "   </tr>\n";
  };
  return fill(
    head,
    record,
    "</table>\n</body>\n</html>\n",
    size - beyondAscii.length,
  );
}

const latin1 = (text: string): Uint8Array =>
  Uint8Array.from(text, (character) => character.charCodeAt(0));

const smallWords = (
  "und die der in ich nicht den das mit ein du ist zu er sich es so an sie " +
  "auf wie mir dem von als was wir nur mich dich hat doch wenn aus noch man " +
  "dir auch nun hier bei sein eine durch da zum mein uns war im um für über"
).split(" ");

const onsets = (
  "b br d dr f fl fr g gl gr h k kl kn l m n pf r s sch schl schw sp st str t " +
  "tr v w z zw"
).split(" ");
const vowels = "a e i o u ä ö ü au ei ie eu aa ee".split(" ");
const codas = (
  "b ch cht ck g hl hm hn l ld ll lm m mm n nd ng nn nst r rg rm rn rt s sch " +
  "ß st t tz"
).split(" ");
const endings = ["", "e", "en", "er", "et", "es", "lich", "ung", "te", "ten"];

/** A word as it might be German. */
function makeWord(random: Random): string {
  const syllable = (): string =>
    random.pick(onsets) + vowels[random.skewed(3) % vowels.length] +
    random.pick(codas);
  const stem = random.below(5) === 0 ? syllable() + syllable() : syllable();
  const word = stem + random.pick(endings);
  return random.below(3) === 0 ? word[0].toUpperCase() + word.slice(1) : word;
}

/** Verse of words that sound German, in UTF-8. */
function makeVerse(size: number): Uint8Array {
  const random = new Random(0x76657273);
  const words = Array.from({ length: 1 << 13 }, () => makeWord(random));
  const speakers = ["DER MÜLLER", "DIE WÄCHTERIN", "DER FLUSS", "CHOR"];
  const word = (): string =>
    random.below(100) < 33
      ? smallWords[random.skewed(6) % smallWords.length]
      : words[
        random.below(3) > 0 ? random.below(words.length) : random.skewed(13)
      ];
  const record = (index: number): string => {
    const line = Array.from({ length: 5 + random.below(4) }, word).join(" ");
    const opening = index % 24 === 0
      ? `\n${random.pick(speakers)}:\n`
      : index % 8 === 0
      ? "\n"
      : "";
    return `${opening}  ${line[0].toUpperCase()}${line.slice(1)}${
      random.pick([",", ",", ";", ".", "!", ""])
    }\n`;
  };
  // Counted in octets before it is filled up: most umlauts are two of them.
  const octets = new TextEncoder();
  const asLatin1 = (text: string): string =>
    Array.from(octets.encode(text), (octet) => String.fromCharCode(octet))
      .join("");
  return latin1(
    fill("DAS WEHR\n", (index) => asLatin1(record(index)), "\n", size),
  );
}

/** A bitmap of 512 by 512 grey pixels: soft hills under a fine grain. */
function makeBitmap(size: number): Uint8Array {
  const random = new Random(0x626d7020);
  const side = 512;
  const pixels = 14 + 40 + 4 * 256;
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  bytes.set(latin1("BM"));
  view.setUint32(2, size, true);
  view.setUint32(10, pixels, true);
  view.setUint32(14, 40, true);
  view.setInt32(18, side, true);
  view.setInt32(22, side, true);
  view.setUint16(26, 1, true);
  view.setUint16(28, 8, true);
  view.setUint32(34, side * side, true);
  view.setUint32(46, 256, true);
  for (let grey = 0; grey < 256; grey++) {
    bytes.fill(grey, 54 + 4 * grey, 54 + 4 * grey + 3);
  }
  const cell = 64;
  const corners = Array.from(
    { length: (side / cell + 1) ** 2 },
    () => 30 + random.below(196),
  );
  const corner = (x: number, y: number): number =>
    corners[y * (side / cell + 1) + x];
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const left = Math.floor(x / cell);
      const below = Math.floor(y / cell);
      const [dx, dy] = [x % cell, y % cell];
      const height = (corner(left, below) * (cell - dx) * (cell - dy) +
        corner(left + 1, below) * dx * (cell - dy) +
        corner(left, below + 1) * (cell - dx) * dy +
        corner(left + 1, below + 1) * dx * dy) / (cell * cell);
      const grain = random.below(15) + random.below(15) - 14;
      bytes[pixels + y * side + x] = Math.floor(height) + grain;
    }
  }
  return bytes;
}

/** Objects of a PDF: most packed already, some plain drawings. */
function makeDocument(size: number): Uint8Array {
  const random = new Random(0x70646620);
  const pieces: Uint8Array[] = [latin1("%PDF-1.4\n")];
  const trailer = latin1("trailer\n<< /Root 1 0 R >>\n%%EOF\n");
  let left = size - pieces[0].length - trailer.length;
  for (let object = 1; left > 0; object++) {
    // As in documents with their fonts behind their pages.
    const isPacked = random.below(100) < (left > size * 0.4 ? 97 : 25);
    const length = 3000 + random.below(9000);
    const content = isPacked
      ? Uint8Array.from({ length }, () => random.below(256))
      : latin1(
        fill(
          "q\n",
          (line) =>
            `${random.below(612)} ${random.below(792)} ${20 + line % 7} ${
              random.below(100)
            } re\nf\n0.5 w\n/Pattern cs\n`,
          "Q",
          length,
        ),
      );
    const filter = isPacked ? " /Filter /FlateDecode" : "";
    const piece = new Uint8Array([
      ...latin1(`${object} 0 obj\n<< /Length ${length}${filter} >>\nstream\n`),
      ...content,
      ...latin1("\nendstream\nendobj\n"),
    ]).subarray(0, left);
    pieces.push(piece);
    left -= piece.length;
  }
  pieces.push(trailer);
  return concatenate(pieces);
}

/** Makes something when it is first asked for. */
function once<T>(make: () => T): () => T {
  let made: { value: T } | null = null;
  return () => (made ??= { value: make() }).value;
}

function binary(
  description: string,
  size: number,
  make: (size: number) => Uint8Array,
): PayloadData {
  const bytes = once(() => make(size));
  return {
    description,
    isBinary: true,
    size,
    length: size,
    slice(from, to) {
      if (to > from) return bytes().slice(from, to);
      const slice = new Uint8Array(size - from + to);
      slice.set(bytes().subarray(from));
      slice.set(bytes().subarray(0, to), size - from);
      return slice;
    },
  };
}

function text(
  description: string,
  size: number,
  make: (size: number) => string,
): PayloadData {
  const characters = once(() => make(size));
  const encoder = new TextEncoder();
  return {
    description,
    isBinary: false,
    size,
    get length() {
      return characters().length;
    },
    slice(from, to) {
      return encoder.encode(
        to > from
          ? characters().slice(from, to)
          : characters().slice(from) + characters().slice(0, to),
      );
    },
  };
}

/** The five payloads. Each is made when it is first used. */
export const payloadData: Readonly<Record<PayloadName, PayloadData>> = {
  json: text("Readings of gauges as JSON", 194_056, makeJson),
  bitmap: binary("A grey bitmap of 512 by 512 pixels", 263_222, makeBitmap),
  verse: binary("German-sounding verse", 222_218, makeVerse),
  html: text("A table as HTML", 263_647, makeHtml),
  document: binary("A document like a PDF", 1_042_328, makeDocument),
};
