"""textsim: decide whether two Chinese sentences mean the same.

Public names are resolved on first use, so that importing textsim loads neither TensorFlow nor pandas.
"""

from __future__ import annotations

import importlib
from typing import Any

from textsim.extras import needed_for

__version__ = "0.1.0"

_PUBLIC = {
    "TextMatcher": "textsim.matching.text_matcher",
    "VectorMatcher": "textsim.matching.vector_matcher",
    "TextIndex": "textsim.matching.index.text_index",
    "load_matcher": "textsim.matching.load",
    "score_file": "textsim.matching.files.score",
    "encode_file": "textsim.matching.files.encode",
    "search_file": "textsim.matching.files.search",
    "find_duplicates": "textsim.matching.dedup",
    "dedup_file": "textsim.matching.files.dedup",
    "Recipe": "textsim.config.settings",
    "RECIPES": "textsim.config.recipes",
    "PairDataset": "textsim.data.dataset",
    "preprocess": "textsim.data.preprocess",
    "Reading": "textsim.data.settings",
    "VocabularySettings": "textsim.data.settings",
    "WordVectorSettings": "textsim.data.settings",
    "train": "textsim.training.trainer",
    "mine_files": "textsim.training.augmentation.mining",
    "ensemble": "textsim.training.ensemble",
    "evaluate_file": "textsim.evaluation.evaluate",
    "calibrate": "textsim.evaluation.calibrate",
    "compare": "textsim.evaluation.compare",
    "check": "textsim.evaluation.check",
    "report": "textsim.evaluation.report",
    "measure_drift": "textsim.evaluation.drift",
    "Targets": "textsim.evaluation.decisions",
    "TextsimError": "textsim.errors",
    "ConfigError": "textsim.errors",
    "DataFormatError": "textsim.errors",
    "UnknownNameError": "textsim.errors",
    "ArtifactError": "textsim.errors",
    "InputError": "textsim.errors",
    "MissingDependencyError": "textsim.errors",
}

__all__ = sorted([*_PUBLIC, "__version__"])


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'textsim' has no attribute {name!r}")
    with needed_for(f"textsim.{name}"):
        value = getattr(importlib.import_module(_PUBLIC[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
