"""Many trainings: hyperparameter sweeps and the comparison of readouts."""
