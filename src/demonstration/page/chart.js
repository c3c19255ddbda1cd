// One line of figures over time.

const namespace = "http://www.w3.org/2000/svg";
const width = 240;
const height = 72;
/** How many values a chart is wide. */
const capacity = 120;

/** A chart in a `<figure>`, with its newest value as text in `.value`. */
export class Chart {
  #values = [];
  #format;
  #least;
  #roundUp;
  #text;
  #line;
  #area;
  #top;

  /**
   * @param figure The element.
   * @param format Makes a text of a value.
   * @param least The least value that the top of the chart may stand for.
   * @param roundUp Makes the top of the chart of the greatest value.
   */
  constructor(figure, { format, least, roundUp }) {
    this.#roundUp = roundUp;
    this.#format = format;
    this.#least = least;
    this.#text = figure.querySelector(".value");
    const svg = element("svg", {
      viewBox: `0 0 ${width} ${height}`,
      preserveAspectRatio: "none",
      "aria-hidden": "true",
    });
    this.#area = element("polygon", { class: "area" });
    this.#line = element("polyline", { class: "line" });
    svg.append(this.#area, this.#line);
    this.#top = document.createElement("span");
    this.#top.className = "top";
    this.#top.setAttribute("aria-hidden", "true");
    const plot = document.createElement("div");
    plot.className = "plot";
    plot.append(svg, this.#top);
    figure.append(plot);
  }

  /** Adds the value of now on the right; the oldest one goes. */
  add(value) {
    this.#values.push(value);
    if (this.#values.length > capacity) this.#values.shift();
    const top = this.#roundUp(Math.max(this.#least, ...this.#values));
    const step = width / (capacity - 1);
    const left = width - (this.#values.length - 1) * step;
    const points = this.#values.map((each, index) => {
      const x = left + index * step;
      const y = height - 1 - (each / top) * (height - 2);
      return `${x.toFixed(1)},${y.toFixed(1)}`;
    });
    this.#line.setAttribute("points", points.join(" "));
    this.#area.setAttribute(
      "points",
      `${left.toFixed(1)},${height} ${points.join(" ")} ${width},${height}`,
    );
    this.#top.textContent = this.#format(top);
    this.#text.textContent = this.#format(value);
  }
}

function element(name, attributes) {
  const created = document.createElementNS(namespace, name);
  for (const [attribute, value] of Object.entries(attributes)) {
    created.setAttribute(attribute, value);
  }
  return created;
}

/** The next power of two, so that the scale does not change all the time. */
export function roundUpToBinary(value) {
  return 2 ** Math.ceil(Math.log2(value));
}

/** The next 1, 2 or 5 with zeros, for the same reason. */
export function roundUpToDecimal(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  const factor = [1, 2, 5, 10].find((each) => each * power >= value);
  return (factor ?? 10) * power;
}
