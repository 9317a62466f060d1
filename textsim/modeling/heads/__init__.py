"""Heads: two vectors to one score in [0, 1]. A file each, with its ONNX form and the shapes of its weights.

These files import Keras inside functions alone: a process that scores reads the ONNX forms, and has no Keras.
"""

from textsim.modeling.heads.base import DistanceHead, Head, LogitHead

__all__ = ["DistanceHead", "Head", "LogitHead"]
