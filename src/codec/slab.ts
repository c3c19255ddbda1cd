/**
 * The memory that short frames are written into.
 *
 * @module
 */
import { copyStart, socketMemory } from "./socket_memory.ts";

/** How many bytes a {@linkcode Slab} has to be taken. */
export const slabLength: number = 64 * 1024;

/** So many slabs are used again; what a turn needs beyond them goes to the collector. */
const keptSlabs = 8;

/**
 * Memory that all encoders share: each takes what it needs behind what was taken
 * before. That stays as it is until it is given back; when all has been, the slab
 * is used from its start again.
 */
export class Slab {
  /** The memory. */
  readonly bytes: Uint8Array<ArrayBuffer> = socketMemory(
    copyStart + slabLength,
  );
  /** Where the bytes end that were taken. */
  used: number = copyStart;
  #givenBack: number = copyStart;

  /** Whether none are taken. */
  get free(): boolean {
    return this.used === copyStart;
  }

  /** Whether so many more can be taken. */
  hasRoomFor(length: number): boolean {
    return this.used + length <= this.bytes.length;
  }

  /** So many bytes that were taken are not needed any more. */
  giveBack(length: number): void {
    this.#givenBack += length;
    if (this.#givenBack === this.used) {
      this.#givenBack = this.used = copyStart;
    }
  }
}

let current = new Slab();
/** Those that may be used again, from the oldest to the newest. */
const slabs = [current];

/** A slab with room for so many bytes, at most {@linkcode slabLength}. */
export function slabWithRoom(length: number): Slab {
  if (current.hasRoomFor(length)) return current;
  const free = slabs.find((slab) => slab.free);
  if (free !== undefined) return current = free;
  current = new Slab();
  if (slabs.push(current) > keptSlabs) slabs.shift();
  return current;
}

/** Gives memory back that was taken, if it is some that can be used again. */
export function giveBackToSlab({ buffer, length }: Uint8Array): void {
  for (const slab of slabs) {
    if (slab.bytes.buffer === buffer) {
      slab.giveBack(length);
      return;
    }
  }
}
