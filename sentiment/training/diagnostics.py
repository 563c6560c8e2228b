"""Find out why a network does not learn, from measurements on it."""

from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from sentiment.config import ModelSettings
from sentiment.data.examples import Examples
from sentiment.data.labels import label_name
from sentiment.evaluation.metrics import majority_share, wilson_interval
from sentiment.inference.weights import layer_name
from sentiment.nn.layers import TimePooling
from sentiment.utils.text import count_of

_FEW_REVIEWS = 100  # with fewer for validation, the interval of an accuracy is ±10 % or wider
_REVIEWS = 32  # of about median length, whose gradients are measured
_SATURATED = 0.99  # size of a unit from which its slope, 1 - h², is below 0.02


@dataclass(frozen=True)
class Diagnosis:
    """Measurements on a network that may not be learning.

    gradients: mean norm over reviews of dL/dh_t at the first, the middle and the last step;
    saturated: share of units of final states beyond ±0.99; truncated: share of reviews that are
    cut; learning_rate: the one at the start of training; validation_reviews: their number.
    """

    gradients: tuple[float, float, float]
    saturated: float
    truncated: float
    learning_rate: float
    validation_reviews: int

    def findings(self) -> list[str]:
        """Return the measurements in one sentence, then advice in one or more."""
        first, middle, last = self.gradients
        measurements = (
            f"gradient norm of the loss with respect to the hidden state: first step {first:.1e}, "
            f"middle {middle:.1e}, last {last:.1e}; saturated units {self.saturated:.0%}; "
            f"truncated reviews {self.truncated:.0%}; learning rate {self.learning_rate:g}"
        )
        advice = []
        if first < 1e-3 * last:
            advice.append(
                "the gradient vanishes on its way back, so early words teach nothing: use a "
                "--recurrent-rate near 0.02, which keeps the recurrent kernel close to the identity"
            )
        if first > 1e3 * last:
            advice.append("the gradient explodes on its way back: try --clip 1")
        if self.saturated > 0.5:
            advice.append("most units are saturated: lower --learning-rate")
        if self.truncated > 0.5:
            advice.append("most reviews are cut: raise --longest-review")
        if self.learning_rate < 1e-4:
            advice.append("the learning rate is very small: raise --learning-rate")
        if self.learning_rate > 0.03:
            advice.append("the learning rate is very large: lower --learning-rate")
        if self.validation_reviews < _FEW_REVIEWS:
            advice.append(
                f"{count_of(self.validation_reviews, 'validation review')} can hardly tell a good "
                "model from chance: label more texts, or raise --validation-share"
            )
        return [
            measurements,
            *(advice or ["nothing stands out: check the labels, and try more --epochs"]),
        ]


def near_chance(accuracy: float, labels: np.ndarray) -> bool:
    """Return True if the 95 % interval of `accuracy` reaches that of always predicting one label.

    labels: 0 or 1, (N,), those that the accuracy was measured on.
    """
    low, _ = _interval(accuracy, labels)
    return low <= majority_share(labels)


def chance_message(accuracy: float, labels: np.ndarray) -> str:
    """Return one sentence that compares `accuracy` with always predicting the majority label."""
    low, high = _interval(accuracy, labels)
    majority = label_name(int(np.mean(labels) >= 0.5))
    share = f"{100 * majority_share(labels):.1f} %"
    return (
        f"validation accuracy {100 * accuracy:.1f} % (95 % interval {100 * low:.0f} to "
        f"{100 * high:.0f} %) is not clearly above always answering {majority} ({share})"
    )


def _interval(accuracy: float, labels: np.ndarray) -> tuple[float, float]:
    return wilson_interval(round(accuracy * len(labels)), len(labels))


def saturated_share(states: np.ndarray) -> float:
    """Return the share of units beyond ±0.99 in final states, float32 (N, S)."""
    return float(np.mean(np.abs(states) > _SATURATED))


def gradient_norms(
    network: keras.Model, model: ModelSettings, examples: Examples
) -> tuple[float, float, float]:
    """Return the mean norm over reviews of dL/dh_t at the first, the middle and the last step.

    h_t is the state of the last layer's forward direction; L is the cross-entropy of a review in
    nats. Some reviews of about median length are cut to the shortest of them, so none is padded.
    Without a token there is no gradient, and the norms are 0.
    """
    if not len(examples.features):
        return 0.0, 0.0, 0.0
    ids, labels = _equal_lengths(examples)
    layer = network.get_layer(layer_name(model.layers))
    inputs, *_ = tf.nest.flatten(keras.Model(network.input, layer.input)(ids))
    backward_state = network(ids)["state"][:, model.units :]
    if model.bidirectional:
        layer = layer.forward_layer
    layer = _returning_all_states(layer, inputs.shape[-1])
    classifier = network.get_layer("classifier")

    def norm(step: int) -> float:
        before, *states = _read(layer, inputs[:, :step], [])
        with tf.GradientTape() as tape:
            tape.watch(states)
            after, final, *_ = _read(layer, inputs[:, step:], states)
            if model.readout != "last":
                outputs = tf.concat([before[:, :-1], states[0][:, tf.newaxis], after], axis=1)
                final = TimePooling(model.readout)(outputs)
            logits = classifier(tf.concat([final, backward_state], axis=1))[:, 0]
            loss = tf.nn.sigmoid_cross_entropy_with_logits(labels=labels, logits=logits)
        return float(tf.reduce_mean(tf.norm(tape.gradient(loss, states[0]), axis=1)))

    steps = ids.shape[1]
    return norm(1), norm((steps + 1) // 2), norm(steps)


def _equal_lengths(examples: Examples) -> tuple[np.ndarray, np.ndarray]:
    """Return ids, int32 (B, T, K), and labels, float32 (B,), of reviews cut to one length."""
    lengths = np.diff(examples.offsets)
    order = np.argsort(lengths, kind="stable")
    order = order[lengths[order] > 0]
    start = max(0, (len(order) - _REVIEWS) // 2)
    rows = order[start : start + _REVIEWS]
    shortest = int(lengths[rows].min())
    starts = examples.offsets[rows + 1] - shortest
    ids = examples.features[starts[:, None] + np.arange(shortest)]
    return ids, examples.labels[rows]


def _returning_all_states(layer: keras.layers.RNN, input_size: int) -> keras.layers.RNN:
    """Return a copy of `layer` that outputs the states of all steps, and the last."""
    config = layer.get_config() | {"return_sequences": True, "return_state": True}
    copy = type(layer).from_config(config)
    copy.build((None, None, input_size))
    copy.set_weights(layer.get_weights())
    return copy


def _read(layer: keras.layers.RNN, inputs: tf.Tensor, states: list[tf.Tensor]) -> list[tf.Tensor]:
    """Return the outputs of all steps, (B, T, H), and the last states, from `states` or zeros."""
    if inputs.shape[1] == 0:
        return [tf.zeros((inputs.shape[0], 0, layer.units)), *states]
    return layer(inputs, initial_state=states or None)
