"""The computations in which training spends its time."""
