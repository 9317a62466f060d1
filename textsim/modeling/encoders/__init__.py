"""Encoders: what turns a sentence's tokens, or a numeric vector, into features."""
