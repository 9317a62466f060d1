"""What an encoder is."""

from __future__ import annotations

from typing import ClassVar, Literal

import keras


class Encoder(keras.layers.Layer):
    """Base of encoders.

    Attributes:
        reads: "tokens" for a sequence encoder, "vectors" for a vector encoder.
        recurrent: whether the first half of the features has read the sentence up to its last token, and the
            second half back to its first one, so that the `last` pooling makes sense.
    """

    reads: ClassVar[Literal["tokens", "vectors"]] = "tokens"
    recurrent: ClassVar[bool] = False
