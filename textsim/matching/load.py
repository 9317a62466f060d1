"""Loads a model as the matcher of its kind."""

from __future__ import annotations

import os

from textsim.artifacts.saved_model import load_model
from textsim.errors import InputError
from textsim.matching.text_matcher import TextMatcher
from textsim.matching.vector_matcher import VectorMatcher


def load_matcher(
    path_or_name: str | os.PathLike[str], *, threads: int | None = None, simplify: bool = False
) -> TextMatcher | VectorMatcher:
    """Loads a model as the matcher of its kind.

    Args:
        path_or_name: a model folder, or the name of a bundled model.
        threads: that compute; by default one a core. Scores do not depend on it.
        simplify: of texts, traditional to simplified characters first, see `TextMatcher`.

    Raises:
        ArtifactError: there is no such model, or a file of it is missing or altered.
        InputError: `simplify` is asked of a model of vectors.

    Example:
        >>> from textsim import load_matcher
        >>> type(load_matcher("zh-general")).__name__
        'TextMatcher'
    """
    saved = load_model(path_or_name)
    if saved.kind == "text":
        return TextMatcher(saved, threads=threads, simplify=simplify)
    if simplify:
        raise InputError(
            f"simplify: expected a model of texts. Received {os.fspath(path_or_name)}, one of kind {saved.kind!r}: "
            "leave out simplify."
        )
    return VectorMatcher(saved, threads=threads)
