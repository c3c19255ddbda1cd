/**
 * The memory that short frames are written into.
 *
 * @module
 */
import { socketMemory } from "./socket_memory.ts";

/** How many bytes a {@linkcode Slab} has. */
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
  readonly bytes: Uint8Array<ArrayBuffer> = socketMemory(slabLength);
  /** How many of its bytes were taken. */
  used = 0;
  #givenBack = 0;

  /** So many bytes that were taken are not needed any more. */
  giveBack(length: number): void {
    this.#givenBack += length;
    if (this.#givenBack === this.used) this.#givenBack = this.used = 0;
  }
}

let current = new Slab();
/** Those that may be used again, from the oldest to the newest. */
const slabs = [current];

/** A slab with room for so many bytes, at most {@linkcode slabLength}. */
export function slabWithRoom(length: number): Slab {
  if (current.used + length <= slabLength) return current;
  const free = slabs.find((slab) => slab.used === 0);
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
