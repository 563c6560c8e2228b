"""The lecture: how hidden states become the input of the final classifier layer.

Knows Keras's own SimpleRNN, on numbers small enough to follow by hand; knows nothing of reviews,
of the other stages or of how its results are printed.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from sentiment.inspection.unrolled import Cell, SmallNetwork
from sentiment.utils import environment

SAMPLES, TIMESTEPS, FEATURES, UNITS = 8, 3, 2, 5
PASSES = 20  # over the samples; each step trains on one sample
_RATE = 0.05

environment.configure_libraries()
with environment.suppress_stderr():
    import keras


@dataclass(frozen=True)
class LectureStep:
    """One training step on one sample, and the final state that it gives right after."""

    number: int
    sample: int
    loss: float
    state: np.ndarray  # float32 (5,)


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

    samples: float32 (8, 3, 2); labels: int (8,), 1 where the first feature ends above its start.
    """

    def __init__(self, seed: int = 0):
        keras.utils.set_random_seed(seed)
        draws = np.random.default_rng(seed)
        self.samples = draws.normal(size=(SAMPLES, TIMESTEPS, FEATURES)).astype(np.float32)
        self.labels = (self.samples[:, -1, 0] > self.samples[:, 0, 0]).astype(int)
        inputs = keras.Input((TIMESTEPS, FEATURES))
        self.rnn = keras.layers.SimpleRNN(UNITS, return_state=True, name="rnn")
        _, state = self.rnn(inputs)
        self._classifier = keras.layers.Dense(1, activation="sigmoid", name="classifier")
        self._network = keras.Model(inputs, self._classifier(state))
        self._network.compile(keras.optimizers.Adam(_RATE), "binary_crossentropy")
        self._reader = keras.Model(inputs, state)
        # The same cell, its weights included, giving the state after every timestep.
        encoder = keras.layers.SimpleRNN(UNITS, return_sequences=True, name="encoder")
        self._encoder = keras.Sequential([inputs, encoder])

    @property
    def parameters(self) -> int:
        """Weights of the recurrent layer: 2·5 + 5·5 + 5 = 40."""
        return self.rnn.count_params()

    def network(self) -> SmallNetwork:
        """Return the weights as they are now, those of the classifier as float32 (5,)."""
        kernel, bias = self._classifier.get_weights()
        return SmallNetwork(Cell(*self.rnn.get_weights()), kernel[:, 0], float(bias[0]))

    def train(self) -> Iterator[LectureStep]:
        """Train on one sample at a time, in order, `PASSES` times over."""
        for number in range(SAMPLES * PASSES):
            sample = number % SAMPLES
            rows = slice(sample, sample + 1)
            loss = self._network.train_on_batch(self.samples[rows], self.labels[rows])
            state = self._reader.predict_on_batch(self.samples[rows])[0]
            yield LectureStep(number + 1, sample + 1, float(loss), state)

    def states(self) -> np.ndarray:
        """Return the final state of each sample, float32 (8, 5)."""
        return self._reader.predict_on_batch(self.samples)

    def probabilities(self) -> np.ndarray:
        """Return P(label 1) of each sample, float32 (8,)."""
        return self._network.predict_on_batch(self.samples)[:, 0]

    def encode(self) -> np.ndarray:
        """Return the state after every timestep of each sample, float32 (8, 3, 5)."""
        self._encoder.set_weights(self.rnn.get_weights())
        return self._encoder.predict_on_batch(self.samples)

    def readouts(self) -> Readouts:
        """Return what a classifier could read instead of the final state."""
        states = self.encode()
        return Readouts(states[:, -1], states.mean(axis=1), states.max(axis=1))
