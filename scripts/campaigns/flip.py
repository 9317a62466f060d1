"""Folders in which something was flipped, cut off, swapped or removed: they are refused, or read as they were."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from campaigns.common import Outcome, TookTooLong, limits, texts, write_model, write_pairs
from textsim.artifacts.saved_model import load_model
from textsim.data.dataset import PairDataset
from textsim.data.preprocess import preprocess
from textsim.errors import TextsimError
from textsim.matching.load import load_matcher


def run(seed: int, count: int, work: Path) -> Outcome:
    """Damages `count` copies of folders."""
    outcome = Outcome()
    rng = np.random.default_rng(seed)
    folders = samples(work, rng)
    whole = {folder: observe(folder) for folder in folders}
    for trial in range(count):
        folder = folders[int(rng.integers(len(folders)))]
        copy = work / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(folder, copy)
        what = damage(copy, rng)
        where = f"flip --seed {seed}, trial {trial}, {folder.name}: {what}"
        try:
            with limits():
                same = observe(copy) == whole[folder]
        except TextsimError:
            outcome.count("refused")
        except (Exception, TookTooLong) as error:
            outcome.count("failed")
            outcome.problem(f"{where}: {type(error).__name__}: {error}")
        else:
            outcome.count("read as before" if same else "read as another")
            if not same:
                outcome.problem(f"{where}: read as another, and nothing said")
    return outcome


def samples(work: Path, rng: np.random.Generator) -> list[Path]:
    """Models and datasets of texts and of vectors."""
    folders = [write_model(work / name, name) for name in ("bilstm-attention", "transformer", "vector-l1")]
    folders.append(write_model(work / "words", "word-vectors", words=True))
    pairs = write_pairs(work / "pairs.tsv", rng, 60)
    preprocess(pairs, work / "pairs", dev_fraction=0.3, progress=False)
    triplets = work / "triplets.tsv"
    lines = ["\t".join(texts(rng, 3)) for _ in range(20)]
    triplets.write_text("\n".join(lines) + "\n", encoding="utf-8")
    preprocess(triplets, work / "triplets", kind="triplets", dev_fraction=0.3, progress=False)
    np.savez(
        work / "vectors.npz",
        left=rng.normal(size=(20, 3)).astype("f4"),
        right=rng.normal(size=(20, 3)).astype("f4"),
        labels=(np.arange(20) % 2).astype("f4"),
    )
    preprocess(work / "vectors.npz", work / "vectors", dev_fraction=0.3, standardize=True, progress=False)
    return [*folders, work / "pairs", work / "triplets", work / "vectors"]


def observe(folder: Path) -> str:
    """A hash of all that a model folder scores, or a dataset folder holds."""
    seen = hashlib.sha256()

    def add(value: Any) -> None:
        seen.update(value.tobytes() if isinstance(value, np.ndarray) else repr(value).encode())

    if (folder / "settings.json").exists() or not (folder / "config.json").exists():
        dataset = PairDataset.open(folder)
        for name in ("kind", "max_length", "embedding", "scaler"):
            add(getattr(dataset, name))
        add(None if dataset.vocabulary is None else dataset.vocabulary.tokens)
        add(None if dataset.tokenizer is None else dataset.tokenizer.to_config())
        for name, split in dataset.splits.items():
            add(name)
            for array in (*split.sides, split.labels):
                add(None if array is None else np.asarray(array))
        if dataset.sentences is not None:
            for split_name in dataset.splits:
                for chunk in dataset.rows(split_name):
                    add((chunk.texts, chunk.labels))
            add(np.asarray(dataset.sentences.ids))
            add(np.asarray(dataset.sentences.offsets))
        return seen.hexdigest()
    saved = load_model(folder)
    for name in ("kind", "recipe", "dim", "output_dim", "threshold", "max_length", "members"):
        add(getattr(saved, name))
    add(None if saved.vocabulary is None else saved.vocabulary.tokens)
    add(None if saved.tokenizer is None else saved.tokenizer.to_config())
    matcher: Any = load_matcher(folder)
    rng = np.random.default_rng(0)
    if saved.kind == "text":
        words = texts(rng, 8)
        scores = matcher.score_pairs(list(zip(words[:4], words[4:], strict=True)))
    else:
        vectors = rng.normal(size=(8, saved.dim)).astype("f4")
        scores = matcher.score_pairs(vectors[:4], vectors[4:])
    if not (np.isfinite(scores).all() and (scores >= 0).all() and (scores <= 1).all()):
        raise AssertionError(f"scores {scores} are not in [0, 1]")
    add(scores)
    return seen.hexdigest()


def damage(folder: Path, rng: np.random.Generator) -> str:
    """Damages one file of a folder, and says how."""
    paths = sorted(folder.iterdir())
    path = paths[int(rng.integers(len(paths)))]
    content = bytearray(path.read_bytes())
    kinds: list[Callable[[], str]] = [
        lambda: _flip(path, content, rng),
        lambda: _flip(path, content, rng),
        lambda: _flip(path, content, rng),
        lambda: _cut(path, content, rng),
        lambda: _zero(path, content, rng),
        lambda: _swap(path, paths, rng),
        lambda: _remove(path),
    ]
    return kinds[int(rng.integers(len(kinds)))]()


def _flip(path: Path, content: bytearray, rng: np.random.Generator) -> str:
    if not content:
        return _remove(path)
    place, bit = int(rng.integers(len(content))), int(rng.integers(8))
    content[place] ^= 1 << bit
    path.write_bytes(content)
    return f"bit {bit} of byte {place} of {path.name} flipped"


def _cut(path: Path, content: bytearray, rng: np.random.Generator) -> str:
    size = int(rng.integers(len(content) + 1))
    path.write_bytes(content[:size])
    return f"{path.name} cut to {size} bytes"


def _zero(path: Path, content: bytearray, rng: np.random.Generator) -> str:
    begin = int(rng.integers(len(content) + 1))
    end = min(len(content), begin + 512)
    path.write_bytes(content[:begin] + bytes(end - begin) + content[end:])
    return f"bytes {begin} to {end} of {path.name} zeroed"


def _swap(path: Path, paths: list[Path], rng: np.random.Generator) -> str:
    other = paths[int(rng.integers(len(paths)))]
    first, second = path.read_bytes(), other.read_bytes()
    path.write_bytes(second)
    other.write_bytes(first)
    return f"{path.name} and {other.name} swapped"


def _remove(path: Path) -> str:
    path.unlink()
    return f"{path.name} removed"
