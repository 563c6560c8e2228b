// Runs the recurrent layers and the classifier, as sentiment/inference/classifier.py does.
//
// Matrices are Float64Arrays, row after row. T: words of a text; H: units of a layer and direction;
// S: numbers of the state of all directions.
export class Network {
  // weights: matrices by name, as in weights.npz.
  constructor(weights, settings, temperature) {
    const names = settings.bidirectional ? ["forward", "backward"] : ["forward"];
    this.directions = names;
    this.units = settings.units;
    this.stateSize = names.length * settings.units;
    this.readout = settings.readout;
    this.temperature = temperature;
    this.kernel = weights["classifier.kernel"];
    this.bias = weights["classifier.bias"][0];
    this.layers = Array.from({ length: settings.layers }, (_, index) =>
      names.map((name) => ({
        isBackward: name === "backward",
        kernel: weights[`rnn_${index + 1}.${name}.kernel`],
        recurrentKernel: weights[`rnn_${index + 1}.${name}.recurrent_kernel`],
        bias: weights[`rnn_${index + 1}.${name}.bias`],
      })),
    );
  }

  // The states of the last layer at each word, T × S, and what the classifier reads, S.
  run(inputs, length) {
    let values = inputs;
    for (const layer of this.layers) {
      const projected = layer.map((direction) => project(values, length, direction));
      values = new Float64Array(length * this.stateSize);
      layer.forEach((direction, index) => {
        this.runDirection(projected[index], length, direction, values, index * this.units);
      });
    }
    return { states: values, final: this.read(values, length) };
  }

  // Writes h_t = tanh(x_t·kernel + bias + h_(t-1)·recurrent_kernel) into columns of `states`.
  runDirection(projected, length, { isBackward, recurrentKernel }, states, offset) {
    const { units, stateSize } = this;
    let previous = new Float64Array(units);
    let current = new Float64Array(units);
    for (let step = 0; step < length; step++) {
      const word = isBackward ? length - 1 - step : step;
      advance(projected, word * units, previous, recurrentKernel, current);
      states.set(current, word * stateSize + offset);
      [previous, current] = [current, previous];
    }
  }

  // What the classifier reads of the states of a text.
  read(states, length) {
    const { stateSize, units } = this;
    const final = new Float64Array(stateSize);
    if (length === 0) return final;
    for (let unit = 0; unit < stateSize; unit++) {
      const isBackward = unit >= units;
      final[unit] =
        this.readout === "last"
          ? states[(isBackward ? 0 : length - 1) * stateSize + unit]
          : pool(states, length, stateSize, unit, this.readout);
    }
    return final;
  }

  // The log-odds of positive, calibrated.
  logit(final) {
    let sum = this.bias;
    for (let unit = 0; unit < final.length; unit++) sum += final[unit] * this.kernel[unit];
    return sum / this.temperature;
  }

  // Yields the log-odds after each word from `first` on, each of the text that ends with it.
  *logitsAfterEach(inputs, length, first = 0) {
    const finalOf = this.beginnings(inputs, length);
    for (let count = first + 1; count <= length; count++) yield this.logit(finalOf(count));
  }

  // A function from a number of words to what the classifier reads of so many first words.
  beginnings(inputs, length) {
    const size = inputs.length / length;
    if (this.layers.length > 1 || this.readout !== "last") {
      return (count) => this.run(inputs.subarray(0, count * size), count).final;
    }
    // Forward the states of the whole text hold; backward each beginning is read from its end.
    const { states } = this.run(inputs, length);
    const backward = this.layers[0][1];
    const projected = backward && project(inputs, length, backward);
    return (count) => {
      const start = (count - 1) * this.stateSize;
      const final = states.slice(start, start + this.stateSize);
      if (backward) final.set(lastState(projected, count, backward), this.units);
      return final;
    };
  }
}

// The state after the first word of the first `count` ones, which are read backward.
function lastState(projected, count, { recurrentKernel, bias }) {
  let previous = new Float64Array(bias.length);
  let current = new Float64Array(bias.length);
  for (let word = count - 1; word >= 0; word--) {
    advance(projected, word * bias.length, previous, recurrentKernel, current);
    [previous, current] = [current, previous];
  }
  return previous;
}

// x·kernel + bias of each word, T × H.
function project(inputs, length, { kernel, bias }) {
  const units = bias.length;
  const size = kernel.length / units;
  const projected = new Float64Array(length * units);
  for (let word = 0; word < length; word++) {
    const start = word * units;
    projected.set(bias, start);
    for (let row = 0; row < size; row++) {
      const value = inputs[word * size + row];
      const weights = row * units;
      for (let unit = 0; unit < units; unit++)
        projected[start + unit] += value * kernel[weights + unit];
    }
  }
  return projected;
}

// Writes the state that follows `previous` into `state`.
function advance(projected, start, previous, recurrentKernel, state) {
  const units = state.length;
  for (let unit = 0; unit < units; unit++) state[unit] = projected[start + unit];
  for (let row = 0; row < units; row++) {
    const value = previous[row];
    const weights = row * units;
    for (let unit = 0; unit < units; unit++) state[unit] += value * recurrentKernel[weights + unit];
  }
  for (let unit = 0; unit < units; unit++) state[unit] = Math.tanh(state[unit]);
}

// The mean or the maximum of one number of the states.
function pool(states, length, stateSize, unit, kind) {
  let sum = 0;
  let largest = Number.NEGATIVE_INFINITY;
  for (let place = unit; place < length * stateSize; place += stateSize) {
    sum += states[place];
    largest = Math.max(largest, states[place]);
  }
  return kind === "mean" ? sum / length : largest;
}

export function sigmoid(logit) {
  return 1 / (1 + Math.exp(-logit));
}
