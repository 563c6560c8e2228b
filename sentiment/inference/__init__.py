"""Run a trained classifier with NumPy: the model format, predictions, scoring of files."""
