"""How good a model is, and which decision its scores support. Never imports Keras."""
