"""The first hit of a search: which are right, and from which probability on one is a match.

A threshold chosen on pairs does not serve a search: the best of thousands passes it now and then. So questions are
searched for that training did not see (intents/*.txt), in indexes of several sizes: some have an answer there, some a
near miss alone, some nothing that is like them.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple, get_args

import numpy as np

from textsim.artifacts.pretrained import find_model
from textsim.artifacts.saved_model import SavedModel, copy_model, load_model
from textsim.evaluation.calibrate_search import SearchFit, fit_search
from textsim.matching.index.search import margin_of
from textsim.matching.index.text_index import TextIndex
from textsim.matching.text_matcher import TextMatcher
from zh_general.intents import topics

FIELDS = ("commerce", "life", "open", "services")
"""Whose sentences are questions, as people search for them."""

REPEATED = Path(__file__).with_name("repeated.txt")
"""Intents that stand in several topics: on a line the first phrasing of each."""

Form = Literal["one phrasing", "all phrasings", "no ids"]
"""What is stored of an entry: one text; all, under its id; or all, each for itself, as in a file of lines."""

SIZES = {100: 9, 500: 3, 2300: 3}
"""Entries of an index, the last about all that there are, and how many indexes of each form are drawn."""

TOPICS_STORED, STORED = 0.7, 6 / 7
"""Of the topics that are asked about, and of the entries of those. So of ten questions six are answered, one is a near
miss of what is stored, and three are of something else."""

PRECISION = 0.85
"""Of the first hits that are taken for matches, so many shall be right. The sentences are harder than what people ask:
most have near misses, and their phrasings were written to have few words in common. Of 3,000 texts of LCQMC's dev file
it is about 0.96, by a sample that was read: the file does not label all that match."""


class Asked(NamedTuple):
    """A question, and the name of the entry that answers it, which may not be stored."""

    text: str
    entry: str


def read_entries() -> tuple[dict[str, list[str]], list[dict[str, list[str]]]]:
    """All phrasings of each entry, by its name; and those that training did not see, likewise, of each topic."""
    lines = REPEATED.read_text(encoding="utf-8").splitlines()
    names = {text.strip(): line.split("|")[0].strip() for line in lines for text in line.split("|")}
    entries: dict[str, list[str]] = {}
    unseen: list[dict[str, list[str]]] = []
    for held_out in (True, False):
        for topic_name, topic in topics(held_out):
            if topic_name.split()[0] not in FIELDS:
                continue
            here = {names.get(phrasings[0], phrasings[0]): phrasings for phrasings in topic}
            for name, phrasings in here.items():
                entries[name] = list(dict.fromkeys([*entries.get(name, []), *phrasings]))
            if held_out:
                unseen.append(here)
    return entries, unseen


def draw(size: int, form: Form, rng: random.Random) -> tuple[list[dict[str, str]], list[Asked]]:
    """The rows of an index of about so many entries, and questions to search it for."""
    entries, unseen = read_entries()
    asked: dict[str, str] = {}
    stored: list[str] = []
    # A small index is asked about fewer topics, so that their entries find room.
    for topic in rng.sample(unseen, min(len(unseen), size // 5)):
        kept = rng.random() < TOPICS_STORED
        for name, phrasings in topic.items():
            if name not in asked:
                asked[name] = rng.choice(phrasings)
                if kept and rng.random() < STORED:
                    stored.append(name)
    others = [name for name in entries if not any(name in topic for topic in unseen)]
    stored += rng.sample(others, min(len(others), size - len(stored)))
    rows = []
    for name in stored:
        texts = [text for text in entries[name] if text != asked.get(name)]
        for text in [rng.choice(texts)] if form == "one phrasing" else texts:
            rows.append({"text": text, "entry": name} | ({} if form == "no ids" else {"id": name}))
    return rows, [Asked(text, name) for name, text in asked.items()]


def first_hits(matcher: TextMatcher, rows: list[dict[str, str]], asked: list[Asked]) -> np.ndarray:
    """Of each question whether it has an answer and whether the first hit is it; and that hit's score, margin and
    cosine: float64 (questions, 5)."""
    stored = {row["entry"] for row in rows}
    index = TextIndex.build(matcher, rows, progress=False)
    found = index.search_many([question.text for question in asked], 2)
    return np.array(
        [
            (
                entry in stored,
                hits[0].payload["entry"] == entry,
                hits[0].score,
                margin_of([hit.score for hit in hits]),
                hits[0].cosine,
            )
            for (_, entry), hits in zip(asked, found, strict=True)
        ],
        np.float64,
    )


def searches(matcher: TextMatcher) -> Iterator[tuple[int, Form, np.ndarray]]:
    """The size and form of each index, and what `first_hits` finds in it."""
    for size, draws in SIZES.items():
        for form in get_args(Form):
            for seed in range(draws):
                rows, asked = draw(size, form, random.Random(f"{seed} {size} {form}"))
                yield size, form, first_hits(matcher, rows, asked)


def search_fit(saved: SavedModel) -> SearchFit:
    """The calibration of a model's first hits. Prints what it accepts.

    The questions recur in several indexes: the confidence of the precision is less than it would be of as many others.
    """
    found = list(searches(TextMatcher(saved)))
    _, right, *first = np.concatenate([values for *_, values in found]).T
    fit = fit_search(right, *first, precision=PRECISION)
    if not fit.reachable:
        raise SystemExit(f"searches: a precision of {PRECISION} is not reached")
    print(fit.format())
    print(
        "| entries | stored | questions | answered | accepted and right | precision | accepted without answer |"
    )
    print("|---|---|---|---|---|---|---|")
    for size in SIZES:
        for form in get_args(Form):
            answered, right, *first = np.concatenate(
                [values for *where, values in found if where == [size, form]]
            ).T
            accepted = fit.curve(*first) >= fit.curve.min_probability
            print(
                f"| {size:,} | {form} | {len(right):,} | {answered.mean():.2f} | "
                f"{np.sum(right * accepted) / answered.sum():.3f} | {right[accepted].mean():.3f} | "
                f"{accepted[answered == 0].mean():.3f} |"
            )
    return fit


def with_searches(saved: SavedModel) -> SavedModel:
    """A model whose first hits are calibrated."""
    calibration = saved.calibration.model_copy(update={"search": search_fit(saved).curve})
    return dataclasses.replace(saved, calibration=calibration)


def calibrate_folder(model: str) -> None:
    """Calibrates the first hits of a model that is made, a folder or the name of a bundled one, in its place."""
    folder = find_model(model)
    copy_model(folder, with_searches(load_model(folder)), folder, overwrite=True)
