/**
 * What a stage of the codec is, and how stages are joined without streams.
 *
 * @module
 */

/**
 * Where a stage puts its output: the part of a
 * `TransformStreamDefaultController` that stages use. In a `TransformStream` it
 * is that controller; in a fused pipeline it is the next stage.
 */
export interface StageController<Output> {
  /** Passes a chunk on. */
  enqueue(chunk: Output): void;
  /** Fails everything downstream. */
  error(reason: unknown): void;
  /**
   * In a fused pipeline: a promise while what follows has enough, which resolves
   * when it wants more. Stages that work on their own time wait for it.
   */
  readonly ready?: Promise<void> | undefined;
}

/**
 * A WHATWG `Transformer`: the object that the `TransformStream` constructor
 * takes. Each stage is written once and used both ways.
 */
export interface Stage<Input, Output> {
  /**
   * Takes a chunk. Output is enqueued in the same order; a promise means that
   * the stage wants no more input until it has settled.
   *
   * @throws If the chunk can't be processed; the stage takes no more then.
   */
  transform(
    chunk: Input,
    controller: StageController<Output>,
  ): void | Promise<void>;
  /** Called at the input's end. Throws if the input was not complete. */
  flush?(controller: StageController<Output>): void | Promise<void>;
}

/**
 * Joins a stage to what follows it: chunks that are enqueued run through the
 * stage in the same call, and what it throws comes out of `enqueue()`.
 *
 * Nobody waits for a promise that the stage returns. A `Blob`, which a message
 * encoder has to read first, may come out behind messages that were enqueued
 * after it, and is an unhandled rejection if that fails: read it before, or use
 * the stream.
 *
 * @param stage The stage.
 * @param next The controller of what follows: a sink, or another fused stage.
 */
export function fuse<Input, Output>(
  stage: Stage<Input, Output>,
  next: StageController<Output>,
): StageController<Input> {
  return new FusedStage(stage, next);
}

class FusedStage<Input, Output> implements StageController<Input> {
  readonly #stage: Stage<Input, Output>;
  readonly #next: StageController<Output>;

  constructor(stage: Stage<Input, Output>, next: StageController<Output>) {
    this.#stage = stage;
    this.#next = next;
  }

  get ready(): Promise<void> | undefined {
    return this.#next.ready;
  }

  enqueue(chunk: Input): void {
    this.#stage.transform(chunk, this.#next);
  }

  error(reason: unknown): void {
    this.#next.error(reason);
  }
}
