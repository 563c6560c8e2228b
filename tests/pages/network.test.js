import assert from "node:assert/strict";
import { test } from "node:test";
import { Network, sigmoid } from "../../sentiment/reports/static/model/network.js";

// One unit each way that reads one number: h = tanh(x + h_before / 2) forward, tanh(2x) backward.
const WEIGHTS = {
  "rnn_1.forward.kernel": Float64Array.of(1),
  "rnn_1.forward.recurrent_kernel": Float64Array.of(0.5),
  "rnn_1.forward.bias": Float64Array.of(0),
  "rnn_1.backward.kernel": Float64Array.of(2),
  "rnn_1.backward.recurrent_kernel": Float64Array.of(0),
  "rnn_1.backward.bias": Float64Array.of(0),
  "classifier.kernel": Float64Array.of(1, 10),
  "classifier.bias": Float64Array.of(0.25),
};
const SETTINGS = { units: 1, layers: 1, bidirectional: true, readout: "last" };

function near(actual, expected) {
  assert.equal(actual.length, expected.length);
  actual.forEach((value, index) => {
    assert.ok(Math.abs(value - expected[index]) < 1e-12, `${value} is not ${expected[index]}`);
  });
}

test("the final state is the last one forward and the first one backward", () => {
  const network = new Network(WEIGHTS, SETTINGS, 2);
  const { states, final } = network.run(Float64Array.of(0.3, -0.1), 2);
  const forward = [Math.tanh(0.3), Math.tanh(-0.1 + Math.tanh(0.3) / 2)];
  near(states, [forward[0], Math.tanh(0.6), forward[1], Math.tanh(-0.2)]);
  near(final, [forward[1], Math.tanh(0.6)]);
  near([network.logit(final)], [(0.25 + forward[1] + 10 * Math.tanh(0.6)) / 2]);
});

test("a text without words has a state of zeros", () => {
  const network = new Network(WEIGHTS, SETTINGS, 1);
  near(network.run(new Float64Array(0), 0).final, [0, 0]);
});

for (const readout of ["last", "mean", "max"]) {
  for (const bidirectional of [true, false]) {
    test(`after each word: ${readout}, ${bidirectional ? "both ways" : "forward"}`, () => {
      const settings = { ...SETTINGS, bidirectional, readout };
      const kernel = bidirectional ? WEIGHTS["classifier.kernel"] : Float64Array.of(1);
      const network = new Network({ ...WEIGHTS, "classifier.kernel": kernel }, settings, 1);
      const inputs = Float64Array.of(0.3, -0.1, 0.7, 0.2);
      const each = [1, 2, 3, 4].map((count) =>
        network.logit(network.run(inputs.subarray(0, count), count).final),
      );
      near([...network.logitsAfterEach(inputs, 4)], each);
      near([...network.logitsAfterEach(inputs, 4, 2)], each.slice(2));
    });
  }
}

test("a pool takes the mean or the maximum over all words", () => {
  const settings = { ...SETTINGS, bidirectional: false };
  const inputs = Float64Array.of(0.3, -0.1);
  const states = [Math.tanh(0.3), Math.tanh(-0.1 + Math.tanh(0.3) / 2)];
  near(new Network(WEIGHTS, { ...settings, readout: "mean" }, 1).run(inputs, 2).final, [
    (states[0] + states[1]) / 2,
  ]);
  near(new Network(WEIGHTS, { ...settings, readout: "max" }, 1).run(inputs, 2).final, [
    Math.max(...states),
  ]);
});

test("the sigmoid has no trouble with large numbers", () => {
  near([sigmoid(0), sigmoid(1000), sigmoid(-1000)], [0.5, 1, 0]);
});
