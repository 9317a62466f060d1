"""File formats: what turns a file into numbered rows and back."""
