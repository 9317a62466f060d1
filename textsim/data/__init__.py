"""Rows from files and frames, checked once, and the dataset folders made of them. Needs no Keras."""
