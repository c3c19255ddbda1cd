// Functions that run in the page, and so know the DOM.

/**
 * The text of an element.
 *
 * @param {string} selector
 */
export function textOf(selector) {
  return document.querySelector(selector)?.textContent.trim() ?? "–";
}

/**
 * Clicks on an element.
 *
 * @param {{ click(): void }} element
 */
export function click(element) {
  element.click();
}

/**
 * Clicks on the element that a selector finds.
 *
 * @param {string} selector
 */
export function clickOn(selector) {
  document.querySelector(selector).click();
}

/** How wide everything in the page is, in pixels. */
export function widthOfPage() {
  return document.documentElement.scrollWidth;
}

/**
 * The texts whose contrast is below 4.5 to 1, which is what WCAG 2.2 asks for in
 * section 1.4.3.
 */
export function lowContrast() {
  const luminance = (color) => {
    const [red, green, blue] = color.match(/[\d.]+/g).slice(0, 3).map(
      (part) => {
        const value = Number(part) / 255;
        return value <= 0.04045
          ? value / 12.92
          : ((value + 0.055) / 1.055) ** 2.4;
      },
    );
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const backgroundOf = (element) => {
    for (let at = element; at !== null; at = at.parentElement) {
      const { backgroundColor } = getComputedStyle(at);
      if (!backgroundColor.endsWith(", 0)")) return backgroundColor;
    }
    return "rgb(255, 255, 255)";
  };
  const found = [];
  let seen = 0;
  for (const element of document.querySelectorAll("body *")) {
    const text = [...element.childNodes]
      .filter(({ nodeType }) => nodeType === Node.TEXT_NODE)
      .map(({ textContent }) => textContent.trim()).join("");
    if (text === "" || element.getClientRects().length === 0) continue;
    seen++;
    const [lighter, darker] = [
      getComputedStyle(element).color,
      backgroundOf(element),
    ].map(luminance).sort((first, second) => second - first);
    const contrast = (lighter + 0.05) / (darker + 0.05);
    if (contrast < 4.5) found.push(`${text}: ${contrast.toFixed(2)}`);
  }
  return seen > 30 ? found : [`only ${seen} texts were looked at`];
}
