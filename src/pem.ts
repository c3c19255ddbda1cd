/**
 * Certificates and keys as text.
 *
 * @module
 */
import { describe } from "./describe.ts";

/**
 * Checks an option that is PEM: a path in place of the text, or a `Buffer`, fails
 * with OpenSSL's words otherwise, or is ignored.
 *
 * @param name The option.
 * @throws {TypeError} If it is something else. The value is not in the message, as
 * it may be a key.
 */
export function checkPem(name: string, value: unknown): void {
  if (typeof value === "string" && value.includes("-----BEGIN ")) return;
  const given = typeof value === "string"
    ? `a string without a line "-----BEGIN …-----"`
    : describe(value);
  throw new TypeError(
    `${name} is the text of a PEM file, not ${given}: if the file is at a path, read it as UTF-8 and give what it holds`,
  );
}
