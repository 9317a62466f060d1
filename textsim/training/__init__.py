"""Training, its callbacks, evaluation and reports."""
