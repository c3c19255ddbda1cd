// This page's end of a flood, as a worker of its own, so that the page itself
// has nothing to do with it.
//
// It takes `{ address, slow }` once and `{ slow }` later on. It posts
// what it has done every so often, and at last `{ over: true }`.

/** How long a slow reader takes for one message, in milliseconds. */
const slowReading = 50;
/** How long it reads until messages of the page have their turn, in milliseconds. */
const mostReading = 10;
/** How often it tells what it has done, in milliseconds. */
const tellInterval = 125;

const done = { messages: 0, bytes: 0 };
let slow = false;

addEventListener("message", ({ data }) => {
  slow = data.slow;
  if (data.address === undefined) return;
  setInterval(() => {
    postMessage({ ...done, at: performance.now() });
  }, tellInterval);
  // What ends it does not matter to the page.
  read(data.address).catch(() => {}).then(() => postMessage({ over: true }));
});

/** Reads from a `WebSocketStream`, which has backpressure. */
async function read(address) {
  const { readable } = await new WebSocketStream(address).opened;
  let begun = performance.now();
  for await (const message of readable) {
    done.messages++;
    done.bytes += message.byteLength;
    if (slow) await wait(slowReading);
    else if (performance.now() - begun < mostReading) continue;
    else await wait(0);
    begun = performance.now();
  }
}

function wait(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
