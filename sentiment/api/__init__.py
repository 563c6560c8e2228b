"""The stages and the scikit-learn estimator, for programs and notebooks."""
