"""The optimizer of a network: lazy Adam, and the learning rate of each weight at each step."""

import keras

from sentiment.config import TrainSettings
from sentiment.nn.lazy_adam import LazyAdam
from sentiment.nn.network import recurrent_layers


def make_optimizer(network: keras.Model, settings: TrainSettings, steps: int) -> LazyAdam:
    """Return the optimizer of a network's weights.

    The learning rate falls linearly to zero over `steps` steps. The weights of the recurrent layers
    get shares of it.
    """
    rate = keras.optimizers.schedules.PolynomialDecay(
        settings.learning_rate, steps, end_learning_rate=0.0
    )
    optimizer = LazyAdam(rate, shares=_rate_shares(network, settings))
    optimizer.build(network.trainable_variables)
    return optimizer


def _rate_shares(network: keras.Model, settings: TrainSettings) -> dict[str, float]:
    """Return the share of the learning rate of each recurrent weight, by the weight's path.

    A weight that only another cell has gets the full rate.
    """
    by_name = {
        "kernel": settings.input_rate,
        "recurrent_kernel": settings.recurrent_rate,
        "bias": settings.recurrent_rate,
    }
    return {
        variable.path: by_name[variable.name]
        for recurrent in recurrent_layers(network)
        for variable in recurrent.layer.trainable_variables
        if variable.name in by_name
    }
