/**
 * A queue of what waits for the application.
 *
 * @module
 */

/** After so many were taken, the array lets go of their places. */
const takenInARow = 1024;

/** First in, first out. */
export class ItemQueue<Item> {
  readonly #items: (Item | undefined)[] = [];
  #head = 0;

  /** How many wait. */
  get length(): number {
    return this.#items.length - this.#head;
  }

  /** Puts one behind the others. */
  push(item: Item): void {
    this.#items.push(item);
  }

  /** Takes the oldest; there has to be one. */
  shift(): Item {
    const item = this.#items[this.#head];
    this.#items[this.#head++] = undefined;
    if (this.#head === takenInARow) {
      this.#items.splice(0, takenInARow);
      this.#head = 0;
    }
    return item as Item;
  }
}
