"""Arrays in, scores out: encoders, poolings, heads, losses and the Siamese model over them. Knows no files."""
