"""Look inside a trained model: explanations, hidden states, units."""
