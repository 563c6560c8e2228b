"""A lecture: how hidden states become the input of the classifier, on a network of 40 weights.

It uses Keras's own SimpleRNN, on numbers small enough to follow by hand.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from sentiment.inspection.unrolled import Cell, SmallNetwork
from sentiment.utils import environment

SAMPLES, TIMESTEPS, FEATURES, UNITS = 8, 3, 2, 5
PASSES = 20  # over the samples; each step trains on one sample
_LEARNING_RATE = 0.05

environment.configure_libraries()
with environment.suppress_stderr():
    import keras


@dataclass(frozen=True)
class LectureStep:
    """One training step on one sample; both numbers count from 1.

    state: float32 (5,), the sample's final state right after the step.
    """

    number: int
    sample: int
    loss: float
    state: np.ndarray


@dataclass(frozen=True)
class Readouts:
    """Three summaries of the states h_1 … h_T of each sample, float32 (8, 5) each.

    The classifier reads `final`; `mean` and `largest` pool over all timesteps.
    """

    final: np.ndarray
    mean: np.ndarray
    largest: np.ndarray


class LectureExample:
    """Eight samples of three timesteps of two features, and a network that reads them.

    samples: float32 (8, 3, 2); labels: int (8,), 1 if the first feature ends above its start.
    """

    def __init__(self, seed: int = 0):
        keras.utils.set_random_seed(seed)
        random = np.random.default_rng(seed)
        self.samples = random.normal(size=(SAMPLES, TIMESTEPS, FEATURES)).astype(np.float32)
        self.labels = (self.samples[:, -1, 0] > self.samples[:, 0, 0]).astype(int)
        inputs = keras.Input((TIMESTEPS, FEATURES))
        self.rnn = keras.layers.SimpleRNN(UNITS, return_state=True, name="rnn")
        _, state = self.rnn(inputs)
        self._classifier = keras.layers.Dense(1, activation="sigmoid", name="classifier")
        self._network = keras.Model(inputs, self._classifier(state))
        self._network.compile(keras.optimizers.Adam(_LEARNING_RATE), "binary_crossentropy")
        self._final_state = keras.Model(inputs, state)
        # The same cell with the same weights; it outputs the state after every timestep.
        encoder = keras.layers.SimpleRNN(UNITS, return_sequences=True, name="encoder")
        self._encoder = keras.Sequential([inputs, encoder])

    @property
    def parameters(self) -> int:
        """Weights of the recurrent layer: 2·5 + 5·5 + 5 = 40."""
        return self.rnn.count_params()

    def network(self) -> SmallNetwork:
        """Return a copy of the current weights; those of the classifier are float32 (5,)."""
        kernel, bias = self._classifier.get_weights()
        return SmallNetwork(Cell(*self.rnn.get_weights()), kernel[:, 0], float(bias[0]))

    def train(self) -> Iterator[LectureStep]:
        """Train on one sample at a time, in order, `PASSES` times over all of them."""
        for number in range(SAMPLES * PASSES):
            sample = number % SAMPLES
            rows = slice(sample, sample + 1)
            loss = self._network.train_on_batch(self.samples[rows], self.labels[rows])
            state = self._final_state.predict_on_batch(self.samples[rows])[0]
            yield LectureStep(number + 1, sample + 1, float(loss), state)

    def states(self) -> np.ndarray:
        """Return the final state of each sample, float32 (8, 5)."""
        return self._final_state.predict_on_batch(self.samples)

    def probabilities(self) -> np.ndarray:
        """Return P(label 1) of each sample, float32 (8,)."""
        return self._network.predict_on_batch(self.samples)[:, 0]

    def encode(self) -> np.ndarray:
        """Return the state after every timestep of each sample, float32 (8, 3, 5)."""
        self._encoder.set_weights(self.rnn.get_weights())
        return self._encoder.predict_on_batch(self.samples)

    def readouts(self) -> Readouts:
        """Return the final state and two readouts that a classifier could use instead."""
        states = self.encode()
        return Readouts(states[:, -1], states.mean(axis=1), states.max(axis=1))
