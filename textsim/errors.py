"""What can go wrong with a user's input, as exceptions.

Every message says where, what was expected, what was received and, where there is one, the remedy. The
command line turns these alone into one line on standard error and exit code 2; any other exception is a bug
and keeps its traceback.
"""

from __future__ import annotations

from typing import Any


class TextsimError(Exception):
    """Base of every error that a user of textsim can cause and mend."""


class ConfigError(TextsimError):
    """A setting is unknown, out of range, or does not fit another setting."""


class DataFormatError(TextsimError):
    """A data file does not hold what it should. Names the file, and the line or the row and column."""


class UnknownNameError(ConfigError):
    """A name is not registered. Lists the names that are."""


class ArtifactError(TextsimError):
    """A dataset or model folder is missing, incomplete, altered, or of another format version."""


class InputError(TextsimError, ValueError):
    """An argument of the Python API is not what the function takes."""


class MissingDependencyError(TextsimError, ImportError):
    """An optional library is needed and not installed. Names the extra that brings it."""


def shown(value: Any) -> str:
    """A value as messages show it: its type, and no more than 80 characters of it."""
    text = repr(value)
    return f"{type(value).__name__}: {text if len(text) <= 80 else text[:77] + '...'}"
