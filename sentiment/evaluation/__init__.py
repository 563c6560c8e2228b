"""Measure a trained model, and compare runs on the same reviews."""
