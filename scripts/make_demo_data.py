"""Makes the files of resources/demo from questions.tsv, which is written by hand, and scikit-learn's digits.

    python scripts/make_demo_data.py            writes the files and prints their counts
    python scripts/make_demo_data.py --check    writes nothing; exit code 1 where a file is not what is made

Every choice is an order by SHA-256 (no random generator), so the files do not depend on library versions;
characters.vec is trained with gensim and is compared within VECTOR_TOLERANCE.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import math
import re
import sys
import unicodedata
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

DEMO = Path(__file__).resolve().parent.parent / "resources" / "demo"
QUESTIONS = "questions.tsv"
VECTORS = "characters.vec"
SPLITS = ("train", "dev")

DEV_EVERY = 5  # the 5th, 10th, ... group of each domain goes to dev
NEAR_PER_MISS = 2  # pairs that each near miss is used in
RELATED_PER_GROUP = 2  # negatives against other groups of the domain, most shared characters first
EASY_PER_GROUP = 2  # negatives against another domain

DIGIT_TRAIN_SAMPLES = 1300  # of 1,797; the rest is dev, so no image is on both sides
DIGIT_ROWS = {"train": 1400, "dev": 400}

VECTOR_SIZE = 32
# Of a vector's length: processors differ in the last bits, and training carries them on (0.0025 seen).
VECTOR_TOLERANCE = 0.005

Pair = tuple[str, str, int]
Triplet = tuple[str, str, str]


@dataclass
class Group:
    """Questions with one intent, and near misses that ask for something else.

    ``again`` holds the near misses which are asked in other words too: (near miss, in other words), both in
    ``near``. Without them, "one side is a near miss" would be enough to know that a pair is negative.
    """

    domain: str
    name: str
    same: list[str] = field(default_factory=list)
    near: list[str] = field(default_factory=list)
    again: list[tuple[str, str]] = field(default_factory=list)

    @property
    def split(self) -> str:
        return "dev" if int(self.name.rsplit("-", 1)[1]) % DEV_EVERY == 0 else "train"


def digest(*parts: object) -> int:
    """An integer which looks random and is the same everywhere."""
    return int.from_bytes(hashlib.sha256("\t".join(map(str, parts)).encode()).digest()[:8], "big")


def read_groups(path: Path) -> list[Group]:
    """Reads questions.tsv (domain, group, role, text).

    Roles: "same" (asks what its group asks), "near" (asks for something else) and "again" (asks what the near
    miss on the line above asks).

    Raises:
        ValueError: a line without four columns, an unknown role, "again" that does not follow a near miss of
            its group, or a text that stands twice.
    """
    groups: dict[str, Group] = {}
    first_line: dict[str, int] = {}
    last = ("", "")
    lines = path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    for number, line in enumerate(lines[1:], start=2):
        where = f"{path.name}, line {number}"
        columns = line.split("\t")
        if len(columns) != 4:
            raise ValueError(f"{where}: expected 4 columns (domain, group, role, text). Received {columns}.")
        domain, name, role, text = columns
        if role not in ("same", "near", "again"):
            raise ValueError(f"{where}: expected the role 'same', 'near' or 'again'. Received {role!r}.")
        if text in first_line:
            raise ValueError(f"{where}: {text!r} stands on line {first_line[text]} already.")
        first_line[text] = number
        group = groups.setdefault(name, Group(domain, name))
        if role == "again":
            if last != (name, "near"):
                raise ValueError(f"{where}: expected 'again' right below a near miss of its group.")
            group.again.append((group.near[-1], text))
        (group.same if role == "same" else group.near).append(text)
        last = (name, role)
    return list(groups.values())


def shared_characters(left: str, right: str) -> float:
    """Jaccard similarity of the two sets of characters, in [0, 1]."""
    return len(set(left) & set(right)) / len(set(left) | set(right))


def make_pairs(groups: Sequence[Group]) -> list[Pair]:
    """Pairs inside the given groups (1), and against near misses, related groups and other domains (0)."""
    labels: dict[frozenset[str], int] = {}

    def add(candidates: Iterable[tuple[str, str]], label: int, count: int | None = None) -> None:
        new = (pair for pair in candidates if frozenset(pair) not in labels)
        for pair in itertools.islice(new, count):
            labels[frozenset(pair)] = label

    for group in groups:
        add(itertools.combinations(group.same, 2), 1)
        add(group.again, 1)
        questions = itertools.cycle(group.same)
        add(((next(questions), miss) for miss in group.near for _ in range(NEAR_PER_MISS)), 0)

        others = [other for other in groups if other is not group]
        related = [q for other in others if other.domain == group.domain for q in other.same]
        pairs = itertools.product(group.same, related)
        add(sorted(pairs, key=lambda pair: (-shared_characters(*pair), pair)), 0, RELATED_PER_GROUP)

        far = [q for other in others if other.domain != group.domain for q in other.same]
        pairs = itertools.product(group.same, far)
        add(sorted(pairs, key=lambda pair: digest("easy", *pair)), 0, EASY_PER_GROUP)

    # Neither the side nor the place in the file may give the label away.
    rows = []
    for texts, label in labels.items():
        text_a, text_b = sorted(texts, key=lambda text: digest("side", text, *sorted(texts)))
        rows.append((text_a, text_b, label))
    return sorted(rows, key=lambda row: digest("row", *row))


def make_triplets(groups: Sequence[Group]) -> list[Triplet]:
    """Each question with the next and the next but one of its group, and with near misses in turn.

    A near miss that is asked in other words is an anchor too, with a question of the group as its negative.
    """
    rows = []
    for group in groups:
        for step, (place, anchor) in itertools.product((1, 2), enumerate(group.same)):
            positive = group.same[(place + step) % len(group.same)]
            rows.append((anchor, positive, group.near[(place + step) % len(group.near)]))
        rows.extend((miss, reworded, group.same[0]) for miss, reworded in group.again)
        rows.extend((reworded, miss, group.same[1]) for miss, reworded in group.again)
    return sorted(rows, key=lambda row: digest("row", *row))


def table(header: Sequence[str], rows: Iterable[Sequence[object]], delimiter: str = "\t") -> str:
    return "".join(delimiter.join(map(str, row)) + "\n" for row in itertools.chain([header], rows))


def make_texts(groups: Sequence[Group]) -> dict[str, str]:
    """File name -> content of the pair and triplet files."""
    files = {}
    for split in SPLITS:
        members = [group for group in groups if group.split == split]
        files[f"pairs_{split}.tsv"] = table(("text_a", "text_b", "label"), make_pairs(members))
        files[f"triplets_{split}.tsv"] = table(("anchor", "positive", "negative"), make_triplets(members))
    return files


def make_digits() -> dict[str, str]:
    """File name -> content of the vector-pair files: two 8x8 images (0 to 16 a pixel) of one digit or two."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    images = digits.data.astype(int).tolist()
    classes = digits.target.tolist()
    samples = {
        "train": range(DIGIT_TRAIN_SAMPLES),
        "dev": range(DIGIT_TRAIN_SAMPLES, len(images)),
    }
    header = [f"{side}_{pixel}" for side in ("left", "right") for pixel in range(64)] + ["same"]
    files = {}
    for split in SPLITS:
        rows: dict[frozenset[int], list[int]] = {}
        for draw in itertools.count():
            if len(rows) == DIGIT_ROWS[split]:
                break
            same = len(rows) % 2
            left = samples[split][digest(split, "left", draw) % len(samples[split])]
            matching = [i for i in samples[split] if i != left and (classes[i] == classes[left]) == same]
            right = matching[digest(split, "right", draw) % len(matching)]
            rows.setdefault(frozenset((left, right)), [*images[left], *images[right], same])
        files[f"digits_{split}.csv"] = table(header, rows.values(), delimiter=",")
    return files


def cut_characters(text: str) -> list[str]:
    """Characters of the NFKC lower-case text; a run of Latin letters or of digits stays whole."""
    return re.findall(r"[a-z]+|[0-9]+|\S", unicodedata.normalize("NFKC", text).lower())


def crc32(word: str) -> int:
    return zlib.crc32(word.encode())


def make_vectors(groups: Sequence[Group]) -> str:
    """Skip-gram vectors of the characters in the train groups, as word2vec text, most frequent first."""
    from gensim.models import Word2Vec

    sentences = [cut_characters(text) for g in groups if g.split == "train" for text in g.same + g.near]
    model = Word2Vec(
        sentences,
        vector_size=VECTOR_SIZE,
        sg=1,
        window=5,
        min_count=1,
        epochs=40,
        seed=1,
        workers=1,
        hashfxn=crc32,
        sorted_vocab=0,  # first seen first: gensim's own order leaves ties to the sorting routine
    )
    counts = Counter(itertools.chain.from_iterable(sentences))
    words = sorted(counts, key=lambda word: (-counts[word], word))
    # "+ 0.0" turns a rounded -0.0 into 0.0.
    rows = ([word, *(f"{round(float(x), 4) + 0.0:.4f}" for x in model.wv[word])] for word in words)
    return table((str(len(words)), str(VECTOR_SIZE)), rows, delimiter=" ")


def same_vectors(made: str, found: str) -> bool:
    """Whether two word2vec texts list the same words, their vectors within VECTOR_TOLERANCE of each other."""
    lines = [[line.split(" ") for line in text.splitlines()] for text in (made, found)]
    if [[row[0], len(row)] for row in lines[0]] != [[row[0], len(row)] for row in lines[1]]:
        return False
    pairs = [[list(map(float, row[1:])) for row in pair] for pair in zip(*lines, strict=True)]
    return all(math.dist(x, y) <= VECTOR_TOLERANCE * math.hypot(*y) for x, y in pairs[1:])


def make_all(groups: Sequence[Group]) -> dict[str, str]:
    return {**make_texts(groups), **make_digits(), VECTORS: make_vectors(groups)}


def differing(files: dict[str, str], folder: Path) -> list[str]:
    """Names of the files in the folder which are absent or not what is made."""
    names = []
    for name, made in files.items():
        path = folder / name
        found = path.read_bytes().decode("utf-8") if path.is_file() else ""
        if made != found and not (name == VECTORS and same_vectors(made, found)):
            names.append(name)
    return names


def describe(groups: Sequence[Group], files: dict[str, str]) -> str:
    """The counts, one line a file."""
    same, near = sum(len(g.same) for g in groups), sum(len(g.near) - len(g.again) for g in groups)
    again = sum(len(g.again) for g in groups)
    domains = Counter(g.domain for g in groups)
    lines = [
        f"{QUESTIONS}: {len(groups)} groups, {same} paraphrases, {near} near misses ({again} reworded)",
        "  groups by domain: " + ", ".join(f"{domain} {count}" for domain, count in domains.items()),
        "  groups by split: " + ", ".join(f"{s} {sum(g.split == s for g in groups)}" for s in SPLITS),
    ]
    for name, content in files.items():
        rows = content.splitlines()[1:]
        note = f"{len(rows)} rows, {len(content.encode())} bytes"
        if name.startswith(("pairs", "digits")):
            note += f", {sum(row[-1] == '1' for row in rows)} positive"
        lines.append(f"{name}: {note}")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Make the files of resources/demo from questions.tsv.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail where a file differs")
    check = parser.parse_args(arguments).check
    groups = read_groups(DEMO / QUESTIONS)
    files = make_all(groups)
    print(describe(groups, files))
    if check:
        names = differing(files, DEMO)
        if names:
            print(f"Not as made: {', '.join(names)}. Remake with {Path(__file__).name}.", file=sys.stderr)
        return 1 if names else 0
    for name, content in files.items():
        (DEMO / name).write_bytes(content.encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
