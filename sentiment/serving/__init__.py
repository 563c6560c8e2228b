"""The HTTP service: classify and explain texts, and show a model, over HTTP."""
