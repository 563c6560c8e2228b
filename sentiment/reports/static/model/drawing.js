// Draws P(positive) after each word and the hidden units, as reports/svg.py does.
const SVG = "http://www.w3.org/2000/svg";
const LEFT = 92; // pixels beside the drawing
const TOP = 14;
const CURVE_HEIGHT = 150; // pixels from P 0 to P 1
const HEAT_TOP = TOP + CURVE_HEIGHT + 26;
const MIN_NAMED_WIDTH = 14; // pixels of a column that has its word below it
const MAX_WORD_LENGTH = 14; // characters of a word there

function svgElement(name, attributes = {}, text = "") {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.textContent = text;
  return element;
}

function clamp(value, low, high) {
  return Math.max(low, Math.min(high, value));
}

// reading: tokens, probabilities after each, states (T × S), network; colors: RGB of the signs of a
// unit; chosen: index of a word, or -1.
export function drawReading(reading, colors, chosen) {
  const { tokens, probabilities, network } = reading;
  const size = network.stateSize;
  const column = clamp(Math.floor(900 / tokens.length), 3, 34);
  const row = clamp(Math.floor(260 / size), 1, 11);
  const bottom = HEAT_TOP + size * row;
  const width = LEFT + tokens.length * column + 60;
  const height = bottom + (column >= MIN_NAMED_WIDTH ? 100 : 26);
  const drawing = svgElement("svg", {
    width,
    height,
    viewBox: `0 0 ${width} ${height}`,
    role: "img",
    "aria-label": `P(positive) after each of ${tokens.length} words, and the hidden units`,
  });
  drawing.append(
    ...curve(probabilities, column),
    ...heatMap(reading, colors, column, row),
    ...axis(tokens, column, bottom),
  );
  if (chosen >= 0) {
    const x = LEFT + chosen * column;
    drawing.append(
      svgElement("rect", { class: "chosen", x, y: TOP, width: column, height: bottom - TOP }),
    );
  }
  return drawing;
}

function curve(probabilities, column) {
  const points = Array.from(probabilities, (probability, index) => [
    LEFT + (index + 0.5) * column,
    TOP + CURVE_HEIGHT * (1 - probability),
  ]);
  const right = LEFT + probabilities.length * column;
  const parts = [0, 0.5, 1].flatMap((tick) => {
    const y = TOP + CURVE_HEIGHT * (1 - tick);
    return [
      svgElement("line", { class: "grid", x1: LEFT, x2: right, y1: y, y2: y }),
      svgElement("text", { class: "left", x: LEFT - 8, y: y + 4 }, tick.toFixed(1)),
    ];
  });
  parts.push(svgElement("polyline", { class: "curve", points: points.join(" ") }));
  if (column >= MIN_NAMED_WIDTH) {
    parts.push(...points.map(([cx, cy]) => svgElement("circle", { r: 3, cx, cy })));
  }
  const [x, y] = points[points.length - 1];
  const value = probabilities[probabilities.length - 1].toFixed(3);
  parts.push(svgElement("circle", { class: "final", r: 6, cx: x, cy: y }));
  parts.push(svgElement("text", { x: x + 11, y: y + 4 }, value));
  return parts;
}

// A picture with a pixel for each number: the sign is the hue and the size the opacity. The frames
// mark the final state, which is all that the classifier reads.
function heatMap({ tokens, states, network }, colors, column, row) {
  const { directions, units, stateSize, readout } = network;
  const parts = [
    svgElement("image", {
      class: "heat",
      x: LEFT,
      y: HEAT_TOP,
      width: tokens.length * column,
      height: stateSize * row,
      preserveAspectRatio: "none",
      href: picture(states, tokens.length, stateSize, colors),
    }),
  ];
  directions.forEach((name, index) => {
    const y = HEAT_TOP + index * units * row;
    const height = units * row;
    const isPool = readout !== "last";
    const first = isPool || index === 1 ? 0 : tokens.length - 1;
    const columns = isPool ? tokens.length : 1;
    parts.push(
      svgElement("text", { class: "left", x: LEFT - 8, y: y + height / 2 + 4 }, name),
      svgElement("rect", {
        class: "final",
        x: LEFT + first * column - 1,
        y: y - 1,
        width: columns * column + 2,
        height: height + 2,
      }),
    );
  });
  return parts;
}

function picture(states, steps, size, { positive, negative }) {
  const canvas = document.createElement("canvas");
  canvas.width = steps;
  canvas.height = size;
  const context = canvas.getContext("2d");
  const pixels = context.createImageData(steps, size);
  for (let step = 0; step < steps; step++) {
    for (let unit = 0; unit < size; unit++) {
      const value = states[step * size + unit];
      const color = value > 0 ? positive : negative;
      pixels.data.set([...color, 255 * Math.abs(value)], 4 * (unit * steps + step));
    }
  }
  context.putImageData(pixels, 0, 0);
  return canvas.toDataURL();
}

function axis(tokens, column, bottom) {
  if (column < MIN_NAMED_WIDTH) {
    const numbers = tokens.map((_, index) => index + 1).filter((n) => n === 1 || n % 50 === 0);
    return numbers.map((number) =>
      svgElement(
        "text",
        { class: "middle", x: LEFT + (number - 0.5) * column, y: bottom + 18 },
        number,
      ),
    );
  }
  return tokens.map((token, index) => {
    const characters = [...token];
    const isLong = characters.length > MAX_WORD_LENGTH;
    const shown = isLong ? `${characters.slice(0, MAX_WORD_LENGTH - 1).join("")}…` : token;
    const x = LEFT + (index + 0.5) * column + 4;
    const transform = `translate(${x} ${bottom + 8}) rotate(-90)`;
    return svgElement("text", { class: "left", transform }, shown);
  });
}

// Bars of how many of `probabilities` are in each twentieth from 0 to 1, with their counts.
export function drawHistogram(probabilities) {
  const counts = new Array(20).fill(0);
  for (const probability of probabilities) counts[Math.min(19, Math.floor(probability * 20))]++;
  const largest = Math.max(1, ...counts);
  const drawing = svgElement("svg", {
    width: 900,
    height: 190,
    viewBox: "0 0 900 190",
    role: "img",
    "aria-label": `P(positive) of ${probabilities.length} texts: ${counts
      .map(
        (count, index) => `${(index / 20).toFixed(2)} to ${((index + 1) / 20).toFixed(2)} ${count}`,
      )
      .join(", ")}`,
  });
  counts.forEach((count, index) => {
    const height = (130 * count) / largest;
    const x = 10 + index * 44;
    const side = index < 10 ? "negative" : "positive";
    drawing.append(
      svgElement("rect", { class: side, x, y: 155 - height, width: 40, height }),
      svgElement("text", { class: "middle", x: x + 20, y: 150 - height }, count || ""),
    );
    if (index % 2 === 0) {
      drawing.append(svgElement("text", { class: "middle", x, y: 175 }, (index / 20).toFixed(1)));
    }
  });
  drawing.append(svgElement("text", { class: "middle", x: 890, y: 175 }, "1.0"));
  return drawing;
}
