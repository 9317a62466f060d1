"""What can go wrong with a user's input, as exceptions.

Every message says where, what was expected, what was received and, where there is one, the remedy. The
command line turns these alone into one line on standard error and exit code 2; any other exception is a bug
and keeps its traceback.
"""

from __future__ import annotations

from typing import Any


class TextsimError(Exception):
    """Base of every error that a user of textsim can cause and mend.

    Example:
        >>> from textsim import TextMatcher, TextsimError
        >>> try:
        ...     TextMatcher.load("no-such")
        ... except TextsimError as error:
        ...     print(error)
        there is no folder 'no-such', and unknown bundled model 'no-such'. Expected one of: zh-general, zh-open.
    """


class ConfigError(TextsimError):
    """A setting is unknown, out of range, or does not fit another setting.

    Example:
        >>> from textsim import Recipe
        >>> Recipe().replace(["training.epochs=0"])
        Traceback (most recent call last):
        textsim.errors.ConfigError: changes: training.epochs: Input should be greater than or equal to 1. Received 0.
    """


class DataFormatError(TextsimError):
    """A data file does not hold what it should. Names the file, and the line or the row and column.

    Example:
        >>> from pathlib import Path
        >>> from textsim import TextMatcher, score_file
        >>> _ = Path("bad.tsv").write_text("text_a\\ttext_b\\n花呗怎么还款\\n", encoding="utf-8")
        >>> score_file(TextMatcher.load("zh-general"), "bad.tsv", "scores.tsv", progress=False)
        Traceback (most recent call last):
        textsim.errors.DataFormatError: bad.tsv, line 2: ...
    """


class UnknownNameError(ConfigError):
    """A name is not registered. Lists the names that are.

    Example:
        >>> from textsim.registry import HEADS
        >>> HEADS.check("cosin")
        Traceback (most recent call last):
        textsim.errors.UnknownNameError: unknown head 'cosin'. Expected one of: cosine, ... Did you mean 'cosine'? ...
    """


class ArtifactError(TextsimError):
    """A dataset or model folder is missing, incomplete, altered, or of another format version.

    Example:
        >>> from textsim import PairDataset
        >>> PairDataset.open("no-such-folder")
        Traceback (most recent call last):
        textsim.errors.ArtifactError: no-such-folder: no such folder. Expected a dataset folder ...
    """


class InputError(TextsimError, ValueError):
    """An argument of the Python API is not what the function takes.

    Example:
        >>> from textsim import TextMatcher
        >>> TextMatcher.load("zh-general").score("花呗怎么还款", None)
        Traceback (most recent call last):
        textsim.errors.InputError: text_b: expected a text (str). Received NoneType: None. Is a cell missing?
    """


class MissingDependencyError(TextsimError, ImportError):
    """An optional library is needed and not installed. Names the extra that brings it.

    Example:
        >>> from textsim.extras import needed_for
        >>> with needed_for("reading Parquet"):
        ...     raise ModuleNotFoundError(name="pyarrow")
        Traceback (most recent call last):
        textsim.errors.MissingDependencyError: reading Parquet needs ...
    """


def shown(value: Any) -> str:
    """A value as messages show it: its type, and no more than 80 characters of it."""
    try:
        text = repr(value)
    except RecursionError:
        text = "nested too deeply to be shown"
    return f"{type(value).__name__}: {text if len(text) <= 80 else text[:77] + '...'}"
