"""Rows to the arrays of a dataset folder, in nearly constant memory."""
