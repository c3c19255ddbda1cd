// Numbers as people read them.

const units = ["bytes", "KiB", "MiB", "GiB"];
const formats = [0, 1, 2].map((digits) =>
  new Intl.NumberFormat("en", {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  })
);

/** A number of bytes, such as "64 KiB" or "1.5 MiB". */
export function formatBytes(bytes) {
  let unit = 0;
  while (bytes >= 1024 && unit < units.length - 1) {
    bytes /= 1024;
    unit++;
  }
  const digits = unit < 2 || bytes >= 100 ? 0 : 1;
  return `${formats[digits].format(bytes)} ${units[unit]}`;
}

/** A number of bytes a second. */
export function formatRate(bytes) {
  return `${formatBytes(bytes)}/s`;
}

/** A whole number. */
export function formatCount(count) {
  return formats[0].format(count);
}

/** A time in milliseconds, shown in seconds from one on. */
export function formatTime(time) {
  if (time >= 1000) return `${formats[1].format(time / 1000)} s`;
  return `${formats[time < 10 ? 2 : time < 100 ? 1 : 0].format(time)} ms`;
}

/** Bytes as hexadecimal digits. */
export function formatHex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0"))
    .join("");
}
