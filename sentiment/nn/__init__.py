"""The Keras network: layers, initializers, optimizer."""
