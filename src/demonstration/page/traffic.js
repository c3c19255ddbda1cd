// How many messages this page has sent and received, over all its connections.

let total = 0;

/** Counts messages that were sent or have arrived. */
export function countMessages(number = 1) {
  total += number;
}

/** All of them so far. */
export function totalMessages() {
  return total;
}
