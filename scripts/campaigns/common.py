"""What every campaign uses: small data and models, the outcome, and limits of time and memory."""

from __future__ import annotations

import contextlib
import hashlib
import resource
import signal
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from textsim.artifacts.saved_model import SavedModel, save_model
from textsim.artifacts.shapes import weight_shapes
from textsim.config.recipes import RECIPES
from textsim.config.settings import Recipe
from textsim.text.tokenizers import CharTokenizer, JiebaTokenizer
from textsim.text.vocabulary import Vocabulary

CHARACTERS = "花呗怎么还款天气明你好吗不是我的了一二三"
DIM = 6
SECONDS = 30
"""What a trial that neither runs nor writes much may compute."""
_NARROW = {
    "bilstm": {"units": [5]},
    "cnn": {"filters": 4},
    "transformer": {"width": 8, "heads": 2, "layers": 1, "feed_forward": 6},
    "dense": {"units": [6, 5]},
    "attention": {"heads": 2, "hidden": 4},
    "interaction": {"units": [5]},
}


@dataclass
class Outcome:
    """What a campaign found.

    Attributes:
        trials: how many were made.
        counts: how many of them ended in which way.
        problems: what was lost, wrong in silence, or no error of textsim's own; each with what repeats it.
    """

    trials: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def count(self, way: str) -> None:
        self.trials += 1
        self.counts[way] = self.counts.get(way, 0) + 1

    def problem(self, what: str) -> None:
        self.problems.append(what)
        print(f"PROBLEM {what}", file=sys.stderr, flush=True)

    def summary(self) -> str:
        ways = ", ".join(f"{count:,} {way}" for way, count in sorted(self.counts.items()))
        return f"{self.trials:,} trials: {ways or 'none'}; {len(self.problems):,} problems"


class TookTooLong(Exception):
    """A trial ran out of its time."""


@contextlib.contextmanager
def limits(seconds: int = SECONDS) -> Iterator[None]:
    """Ends what computes too long with `TookTooLong`. In the main thread only."""

    def end(*_: Any) -> None:
        raise TookTooLong(f"more than {seconds} s")

    before = signal.signal(signal.SIGPROF, end)
    # Of this process's own time: a machine may be busy with others.
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def ending_when_interrupted(trials: Iterable[int]) -> Iterator[int]:
    """The trials, until someone presses Ctrl-C: what was found by then is told."""
    asked: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: asked.append(number))
    try:
        for trial in trials:
            if asked:
                return
            yield trial
    finally:
        signal.signal(signal.SIGINT, before)


def peak_bytes() -> int:
    """The most memory that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def texts(rng: np.random.Generator, count: int) -> list[str]:
    letters = list(CHARACTERS)
    return ["".join(rng.choice(letters, rng.integers(2, 9))) for _ in range(count)]


def write_pairs(path: Path, rng: np.random.Generator, rows: int) -> Path:
    """Labelled pairs, the positive ones with a character in common."""
    lines = []
    for row in range(rows):
        a, b = texts(rng, 2)
        lines.append(f"{a}\t{a[:2] + b if row % 2 else b}\t{row % 2}\n")
    path.write_text("".join(lines), encoding="utf-8")
    return path


def narrow(recipe: Recipe) -> Recipe:
    """The recipe with small layers."""
    values = recipe.to_dict()
    for kind in ("encoder", "pooling", "projection", "head"):
        if values[kind] is not None:
            values[kind].update(_NARROW.get(values[kind]["name"], {}))
    return Recipe.from_dict(values)


def small_model(name: str, seed: int = 0, words: bool = False) -> SavedModel:
    """A model of a recipe, narrow and with random weights."""
    rng = np.random.default_rng(seed)
    recipe = narrow(RECIPES[name])
    text = recipe.embedding is not None
    vocabulary = Vocabulary(list(dict.fromkeys(CHARACTERS)))
    found = weight_shapes(recipe, DIM, len(vocabulary) if text else None)
    assert found is not None
    shapes, width = found
    tokenizer = JiebaTokenizer(["花呗", "还款"], stop_words=["了"]) if words else CharTokenizer()
    return SavedModel(
        kind="text" if text else "vectors",
        recipe=recipe,
        dim=DIM,
        output_dim=width,
        weights={path: rng.normal(0, 0.5, shape).astype(np.float32) for path, shape in shapes.items()},
        tokenizer=tokenizer if text else None,
        vocabulary=vocabulary if text else None,
        max_length=8 if text else None,
        scaler=None if text else (np.zeros(DIM, np.float32), np.ones(DIM, np.float32)),
        metrics={"accuracy": 0.5},
        provenance={"rows": {"train": 3}},
    )


def write_model(folder: Path, name: str, seed: int = 0, words: bool = False) -> Path:
    save_model(small_model(name, seed, words), folder)
    return folder


def digest(folder: Path) -> dict[str, str]:
    """The SHA-256 of every file, by its path in the folder, or under "" of a file."""
    paths = [folder] if folder.is_file() else [path for path in folder.rglob("*") if path.is_file()]
    return {
        "" if path == folder else path.relative_to(folder).as_posix(): hashlib.sha256(
            path.read_bytes()
        ).hexdigest()
        for path in sorted(paths)
    }
