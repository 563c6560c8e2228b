"""Train a network with TensorFlow, from a prepared dataset to a saved model."""
