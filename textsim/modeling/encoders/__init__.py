"""Encoders: what turns a sentence's tokens, or a numeric vector, into features.

A sequence encoder maps a `TokenBatch` to one vector a token, float (batch, steps, output_dim), with zeros at
padding; a pooling then makes one vector a sentence. A vector encoder maps float (batch, dim) to float (batch,
output_dim). Both sides of a pair pass through the same encoder in one call.
"""
