"""Why a network does not learn, from measurements made on it.

Knows Keras and the network's layers; knows nothing of runs or of how findings are shown.
"""

from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from sentiment.config import ModelSettings
from sentiment.data.examples import Examples
from sentiment.nn.network import TimePooling
from sentiment.nn.simple_rnn import FusedSimpleRNN

NEAR_CHANCE = 0.05  # accuracy above the larger class's share that still counts as chance
_REVIEWS = 32  # of about median length, whose gradients are measured
_SATURATED = 0.99  # size of a unit from which its slope, 1 - h², is below 0.02


@dataclass(frozen=True)
class Diagnosis:
    """What was measured.

    gradients: mean norm over reviews of dL/dh_t at the first, the middle and the last step;
    saturated: share of units of final states beyond ±0.99; truncated: share of reviews that are
    cut; learning_rate: the one training began with.
    """

    gradients: tuple[float, float, float]
    saturated: float
    truncated: float
    learning_rate: float

    def findings(self) -> list[str]:
        """Return what was measured, and what to look at, in sentences."""
        first, middle, last = self.gradients
        told = [
            f"gradient norm of the loss by the hidden state: first step {first:.1e}, "
            f"middle {middle:.1e}, last {last:.1e}; saturated units {self.saturated:.0%}; "
            f"truncated reviews {self.truncated:.0%}; learning rate {self.learning_rate:g}"
        ]
        if first < 1e-3 * last:
            told.append(
                "the gradient vanishes on its way back, so that early words teach nothing: "
                "use a --recurrent-rate near 0.02, which keeps the recurrent kernel near identity"
            )
        if first > 1e3 * last:
            told.append("the gradient explodes on its way back: try --clip 1")
        if self.saturated > 0.5:
            told.append("most units are saturated: lower --learning-rate")
        if self.truncated > 0.5:
            told.append("most reviews are cut: raise --longest-review")
        if self.learning_rate < 1e-4:
            told.append("the learning rate is very small: raise --learning-rate")
        if self.learning_rate > 0.03:
            told.append("the learning rate is very large: lower --learning-rate")
        if len(told) == 1:
            told.append("nothing stands out: check the labels, and try more --epochs")
        return told


def near_chance(accuracy: float, labels: np.ndarray) -> bool:
    """Return whether `accuracy` is hardly above that of always saying the larger class."""
    share = float(np.mean(labels))
    return accuracy < max(share, 1.0 - share) + NEAR_CHANCE


def saturated_share(states: np.ndarray) -> float:
    """Return the share of units beyond ±0.99 in final states, float32 (N, S)."""
    return float(np.mean(np.abs(states) > _SATURATED))


def gradient_norms(
    network: keras.Model, model: ModelSettings, examples: Examples
) -> tuple[float, float, float]:
    """Return the mean norm over reviews of dL/dh_t at the first, the middle and the last step.

    h_t is the state of the last layer, read forward; L the cross-entropy of a review in nats.
    Some reviews of about median length are cut to the shortest of them, so that none is padded.
    """
    ids, labels = _alike(examples)
    layer = network.get_layer(f"rnn_{model.layers}")
    entering, *_ = tf.nest.flatten(keras.Model(network.input, layer.input)(ids))
    rest_of_state = network(ids)["state"][:, model.units :]
    if model.bidirectional:
        layer = layer.forward_layer
    layer = _telling_all(layer)
    classifier = network.get_layer("classifier")

    def norm(step: int) -> float:
        before, state = _read(layer, entering[:, :step], None)
        with tf.GradientTape() as tape:
            tape.watch(state)
            after, final = _read(layer, entering[:, step:], state)
            if model.readout != "last":
                states = tf.concat([before[:, :-1], state[:, tf.newaxis], after], axis=1)
                final = TimePooling(model.readout)(states)
            logits = classifier(tf.concat([final, rest_of_state], axis=1))[:, 0]
            loss = tf.nn.sigmoid_cross_entropy_with_logits(labels=labels, logits=logits)
        return float(tf.reduce_mean(tf.norm(tape.gradient(loss, state), axis=1)))

    steps = ids.shape[1]
    return norm(1), norm((steps + 1) // 2), norm(steps)


def _alike(examples: Examples) -> tuple[np.ndarray, np.ndarray]:
    """Return ids, int32 (B, T, K), and labels, float32 (B,), of reviews of one length."""
    lengths = np.diff(examples.offsets)
    order = np.argsort(lengths, kind="stable")
    order = order[lengths[order] > 0]
    start = max(0, (len(order) - _REVIEWS) // 2)
    rows = order[start : start + _REVIEWS]
    shortest = int(lengths[rows].min())
    starts = examples.offsets[rows + 1] - shortest
    ids = examples.features[starts[:, None] + np.arange(shortest)]
    return ids, examples.labels[rows]


def _telling_all(layer: FusedSimpleRNN) -> FusedSimpleRNN:
    """Return a copy of `layer` that puts out the states of all steps, and the last."""
    copy = FusedSimpleRNN.from_config(
        layer.get_config() | {"return_sequences": True, "return_state": True}
    )
    copy.build((None, None, layer.cell.kernel.shape[0]))
    copy.set_weights(layer.get_weights())
    return copy


def _read(layer, entering, state):
    """Return the states of all steps, (B, T, H), and the last, (B, H), from `state` or zeros."""
    if entering.shape[1] == 0:
        return tf.zeros((entering.shape[0], 0, layer.units)), state
    return layer(entering, initial_state=state)
