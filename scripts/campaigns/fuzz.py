"""Every reader of files, given bytes that are nearly right: each is read, or refused with an error of textsim's own.

What fails is kept as a file, to be read again by a test: see `replay`.
"""

from __future__ import annotations

import gzip
import io
import json
import pickle
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from campaigns.common import Outcome, TookTooLong, limits
from textsim.artifacts.weights import read_weights
from textsim.config.settings import Recipe
from textsim.data.row_kinds import PAIRS, TEXTS, TRIPLETS
from textsim.data.rows import read_rows
from textsim.data.vectors import iter_vector_pairs
from textsim.errors import TextsimError
from textsim.io.manifest import read_manifest
from textsim.text.tokenizers import JiebaTokenizer, tokenizer_from_config
from textsim.text.vocabulary import Vocabulary
from textsim.text.word_lists import read_dictionary
from textsim.text.word_vectors import read_word_vectors

TOKENS = (
    b"\n", b"\r", b"\r\n", b"\t", b",", b";", b'"', b'""', b"'", b" ", b"\0", b"\xff", b"\xfe\xff", b"\xff\xfe",
    b"\xef\xbb\xbf", b"\xe8\x8a\xb1", b"\xbb\xa8", "\u3000".encode(), "\U0001f600".encode(), b"0", b"-1", b"1e999",
    b"nan", b"inf", b"9" * 40, b"9" * 5000, b"{", b"}", b"[", b"]", b":", b"null", b"true", b"\\u0000", b"\\ud800",
    b"sep=,\n", b"text_a", b"label", b"PK\x03\x04", b"\x1f\x8b", b"BZh9", b"\x80\x04", b"\x93NUMPY", b"#", b"\x1a",
)  # fmt: skip


class Target(NamedTuple):
    """A reader: the ending of its files, files that it reads, and what reads one."""

    suffix: str
    seeds: tuple[bytes, ...]
    read: Callable[[Path], Any]


def _all(rows: Any) -> int:
    return sum(len(chunk) for chunk in rows)


def _rows(kind: Any, **options: Any) -> Callable[[Path], Any]:
    return lambda path: _all(read_rows(path, kind, **options))


def _npz(**arrays: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


def _npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def _kv() -> bytes:
    from gensim.models import KeyedVectors

    made = KeyedVectors(2)
    made.add_vectors(["花", "呗"], np.ones((2, 2), np.float32))
    return pickle.dumps(made)


def _targets() -> dict[str, Target]:
    pairs = "花呗怎么还\t怎样还花呗\t1\n天气\t你好\t0\n".encode()
    named = 'text_a,text_b,label\n"花,呗",怎样,1\n天,"好 ""吗""",0\n'.encode()
    lines = "\n".join(json.dumps({"text_a": "花", "text_b": "呗", "label": k}) for k in (0, 1)).encode()
    vectors = b"left_0,left_1,right_0,right_1,label\n0.1,2,3,4,1\n1,2,3,-4e-2,0\n"
    text_vectors = "3 2\n花 0.1 -2\n呗 3e-2 4\n好 5 6\n".encode()
    binary = b"2 2\n" + b"".join(w.encode() + b" " + np.ones(2, "<f4").tobytes() for w in ("花", "呗"))
    matrix = np.arange(12, dtype=np.float32).reshape(3, 4)
    weights = _npz(**{"embedding/table": matrix, "scaler/mean": matrix[0], "scaler/scale": matrix[1]})
    wanted = ["花", "呗", "好"]
    config = {"name": "char", "latin": "runs", "normalizer": {"nfkc": True, "lowercase": True}}
    jieba = {"name": "jieba", "user_dictionary": [["花呗", 3, "n"]], "hmm": True, "stop_words": ["的"]}
    manifest = {"format": "x", "version": 1, "files": {"a": {"bytes": 1, "sha256": "0" * 64}}}

    def settings(path: Path) -> None:
        from textsim.io.manifest import read_json_object

        tokenizer_from_config(read_json_object(path))

    return {
        "tsv": Target(
            ".tsv", (pairs, pairs.decode().encode("gb18030"), pairs.decode().encode("utf-16")), _rows(PAIRS)
        ),
        "csv": Target(".csv", (named, b"sep=;\n" + pairs.replace(b"\t", b";")), _rows(PAIRS)),
        "csv, skipped": Target(".csv", (named,), _rows(PAIRS, on_bad_row="skip")),
        "texts": Target(".txt", (pairs, named), _rows(TEXTS)),
        "triplets": Target(".tsv", (pairs,), _rows(TRIPLETS, on_bad_row="skip")),
        "jsonl": Target(".jsonl", (lines,), _rows(PAIRS)),
        "json": Target(".json", (b"[" + lines.replace(b"\n", b",") + b"]",), _rows(PAIRS)),
        "gzip": Target(".tsv.gz", (gzip.compress(pairs),), _rows(PAIRS)),
        "vector columns": Target(".csv", (vectors,), lambda path: _all(iter_vector_pairs(path))),
        "npz": Target(
            ".npz",
            (_npz(left=matrix, right=matrix, labels=np.ones(3)),),
            lambda path: _all(iter_vector_pairs(path)),
        ),
        "npy": Target(".npy", (_npy(matrix),), lambda path: _all(iter_vector_pairs(path))),
        "word vectors": Target(
            ".vec",
            (text_vectors, text_vectors.partition(b"\n")[2], binary, gzip.compress(text_vectors), _kv()),
            lambda path: read_word_vectors(path, wanted),
        ),
        "user dictionary": Target(
            ".txt", ("花呗 3 n\n苹果 Pro\n还款\n".encode(),), lambda path: list(read_dictionary(path))
        ),
        "stop words": Target(".txt", ("的\n了\n".encode(),), lambda path: JiebaTokenizer(stop_words=path)),
        "vocabulary": Target(".txt", ("[PAD]\n[UNK]\n花\n呗\n".encode(),), Vocabulary.load),
        "recipe": Target(
            ".json",
            (Recipe().to_json().encode(),),
            lambda path: Recipe.from_json(path.read_text("utf-8", "replace")),
        ),
        "tokenizer": Target(".json", (json.dumps(config).encode(), json.dumps(jieba).encode()), settings),
        "manifest": Target(".json", (json.dumps(manifest).encode(),), lambda path: read_manifest_of(path)),
        "weights": Target(".npz", (weights,), read_weights),
    }


def read_manifest_of(path: Path) -> Any:
    """Reads a file as the manifest of its folder."""
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        Path(folder, "manifest.json").write_bytes(path.read_bytes())
        return read_manifest(folder, "x")


def run(seed: int, count: int, work: Path, keep: Path | None = None) -> Outcome:
    """Reads `count` files; what fails is kept in the folder `keep`."""
    outcome = Outcome()
    rng = np.random.default_rng(seed)
    targets = _targets()
    names = sorted(targets)
    for trial in range(count):
        name = names[int(rng.integers(len(names)))]
        target = targets[name]
        content = mutate(target.seeds[int(rng.integers(len(target.seeds)))], rng)
        error = _read(target, work / f"input{target.suffix}", content)
        if error is None:
            outcome.count("read")
        elif isinstance(error, TextsimError):
            outcome.count("refused")
        else:
            outcome.count("failed")
            outcome.problem(f"fuzz --seed {seed}, trial {trial}, {name}: {type(error).__name__}: {error}")
            if keep is not None:
                keep.mkdir(parents=True, exist_ok=True)
                kept = f"{name.replace(', ', '-').replace(' ', '-')}.{seed}-{trial}{target.suffix}"
                (keep / kept).write_bytes(content)
    return outcome


def replay(path: Path, work: Path) -> BaseException | None:
    """Reads a file that was kept, and returns what it raised."""
    name = path.name.partition(".")[0]
    target = next(t for n, t in _targets().items() if n.replace(", ", "-").replace(" ", "-") == name)
    return _read(target, work / f"input{target.suffix}", path.read_bytes())


def _read(target: Target, path: Path, content: bytes) -> BaseException | None:
    path.write_bytes(content)
    try:
        with limits():
            target.read(path)
    except (Exception, TookTooLong) as error:
        return error
    return None


def mutate(content: bytes, rng: np.random.Generator) -> bytes:
    """Content with a few changes: bytes flipped, taken out, doubled, or tokens put in."""
    made = bytearray(content)
    for _ in range(int(rng.integers(1, 5))):
        place = int(rng.integers(len(made) + 1))
        end = min(len(made), place + int(rng.integers(1, 20)))
        kind = int(rng.integers(6))
        if kind == 0 and place < len(made):
            made[place] ^= 1 << int(rng.integers(8))
        elif kind == 1:
            del made[place:end]
        elif kind == 2:
            made[place:place] = made[place:end] * int(rng.integers(1, 4))
        elif kind == 3:
            del made[place:]
        else:
            made[place : place + kind % 2] = TOKENS[int(rng.integers(len(TOKENS)))]
    return bytes(made)


def guided(name: str, seconds: int, work: Path) -> None:
    """Fuzzes one reader along its branches with atheris, which ends the process at the first finding.

    What it shall see the branches of is imported under `atheris.instrument_imports`, this module too.
    """
    import atheris

    target = _targets()[name]
    corpus = work / "corpus"
    corpus.mkdir()
    for k, seed in enumerate(target.seeds):
        (corpus / str(k)).write_bytes(seed)

    def one(content: bytes) -> None:
        error = _read(target, work / f"input{target.suffix}", content)
        if error is not None and not isinstance(error, TextsimError):
            raise error

    atheris.Setup(["fuzz", str(corpus), f"-max_total_time={seconds}", "-max_len=4096"], one)
    atheris.Fuzz()
