/** Checks that text is UTF-8 while it comes in, as early as can be told. */
export class Utf8Validator {
  #decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

  /**
   * Takes a piece of text.
   *
   * @returns Whether all that has come so far is the beginning of some text.
   */
  push(octets: Uint8Array): boolean {
    return this.#decode(octets, true);
  }

  /** Whether the text may end here: not within a code point. */
  end(): boolean {
    return this.#decode(new Uint8Array(0), false);
  }

  #decode(octets: Uint8Array, stream: boolean): boolean {
    try {
      this.#decoder.decode(octets, { stream });
      return true;
    } catch {
      return false;
    }
  }
}
