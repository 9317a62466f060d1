"""Which stored text does a new one match: an index of texts with ids and payloads, in memory or in a folder."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import numpy as np
from tqdm import tqdm

from textsim.config.cores import available_cores
from textsim.errors import InputError, shown
from textsim.io.atomic import MANIFEST, atomic_folder, write_json
from textsim.matching.index.entries import entries
from textsim.matching.index.folder import FORMAT, Manifest, folder_number, remove_partial
from textsim.matching.index.ranking import WEIGHT, shared_characters
from textsim.matching.index.snapshot import Candidates, Snapshot, unit
from textsim.matching.index.store import Store
from textsim.matching.index.tables import Row
from textsim.matching.index.writer import Batch, update_graph, write_rows
from textsim.matching.matcher import CHUNK_ROWS
from textsim.matching.text_matcher import PairScores, TextMatcher, TokenizedTexts

# Rows that are looked at more closely, of those with the largest cosines.
_CANDIDATES = 50
# Queries, and cosines, at a time.
_BLOCK_QUERIES = 64
_BLOCK_COSINES = 1 << 22
_FILTERS_KEPT = 64


class Hit(NamedTuple):
    """A stored text that was found.

    Attributes:
        id: of its entry.
        text: the stored text; of an entry's phrasings the one that matches best.
        score: what the matcher scores it with the text searched for, in [0, 1].
        probability: that the two match, in [0, 1].
        decision: "match", "unsure" or "no match".
        cosine: of the two texts' vectors, in [-1, 1].
        payload: the further columns of its row, by name.
    """

    id: str
    text: str
    score: float
    probability: float
    decision: str
    cosine: float
    payload: dict[str, Any]


@dataclass
class _Opened:
    """A store, what was last seen of it, and the keys that filters leave of that."""

    store: Store
    number: tuple[int, int] | None
    snapshot: Snapshot
    allowed: dict[tuple[tuple[str, str], ...], np.ndarray] = field(default_factory=dict)


class TextIndex:
    """Stored texts, searched for those that a new text matches. `build` makes one, `open` opens one in a folder.

    A text has an id, under which it may have other phrasings, and a payload, such as an answer and a category: a hit
    brings both along. Up to 10,000 texts, and any number in memory, all cosines are computed; in a folder of more,
    nearly all of the nearest texts are found by a graph (extra "index"), see `info`.

    Any number of threads and processes may search while one adds, removes or compacts: a search sees all changes
    that had ended when it began. What `add` and `remove` have returned from is on the disk. A folder that is built
    anew in the place of an open one is taken over by the next search.

    Attributes:
        matcher: the model.
        path: the folder; None in memory.

    Example:
        >>> index = TextIndex.build(TextMatcher.load("zh-general"), ["怎样还花呗", "如何申请退货", "忘记密码怎么办"])
        >>> index.search("密码忘了", k=1)[0].text
        '忘记密码怎么办'
    """

    def __init__(self, matcher: TextMatcher, store: Store) -> None:
        self.matcher, self.path = matcher, store.folder
        self._refreshing = threading.RLock()
        self._opened = self._first_look(store)

    @classmethod
    def build(
        cls,
        matcher: TextMatcher,
        rows: Iterable[Any],
        path: str | os.PathLike[str] | None = None,
        *,
        overwrite: bool = False,
        progress: bool = False,
    ) -> TextIndex:
        """Makes an index.

        Args:
            matcher: the loaded model.
            rows: texts, records, `Entry` tuples or a data frame, see `entries`; or an `EntryFile`. Rows without an id
                are numbered from 1.
            path: the folder to make, which appears when it is complete; None keeps the index in memory.
            overwrite: whether an index at `path` may be replaced, in one step, even while it is searched.
            progress: whether to show progress on standard error.

        Raises:
            InputError: no matcher of texts; or a text, id or payload that cannot be stored: names its place.
            ArtifactError: `path` exists and may not be replaced, or no folder can be made there.
            MissingDependencyError: more than 10,000 rows are for a folder, and usearch is not installed.
        """
        if not isinstance(matcher, TextMatcher):
            raise InputError(f"matcher: expected a loaded TextMatcher. Received {shown(matcher)}.")
        if path is None:
            store = Store(None, create=True)
            _fill(store, matcher, rows, progress)
            return cls(matcher, store)
        path = Path(path)
        if overwrite:
            remove_partial(path)
        with atomic_folder(path, overwrite=overwrite, format=FORMAT) as folder:
            store = Store(folder, create=True)
            try:
                _fill(store, matcher, rows, progress)
                store.finish()
            finally:
                store.close()
            write_json(folder / MANIFEST, Manifest.of(matcher).to_dict())
        return cls(matcher, Store(path))

    @classmethod
    def open(cls, path: str | os.PathLike[str], matcher: TextMatcher | None = None) -> TextIndex:
        """Opens the index in a folder.

        Args:
            path: the folder.
            matcher: the model that it was made with; None loads it from where it lay then.

        Raises:
            ArtifactError: there is no index, its model is not there, or the matcher is of another model.
        """
        folder = Path(path)
        manifest = Manifest.read(folder)
        if matcher is None:
            matcher = manifest.load_matcher(folder)
        else:
            manifest.check(matcher, folder)
        return cls(matcher, Store(folder))

    def __len__(self) -> int:
        """How many texts are stored."""
        return self._current().snapshot.texts

    def __contains__(self, id: object) -> bool:
        """Whether a text of this id is stored."""
        with self._current().store.read() as reading:
            return isinstance(id, str) and reading.has_id(id)

    def __enter__(self) -> TextIndex:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the files of the index."""
        self._opened.store.close()

    def add(self, rows: Iterable[Any], *, replace: bool = False, progress: bool = False) -> int:
        """Stores further texts: all of them, or none where it raises or is killed.

        Args:
            rows: as `build` takes them. An id and text that are stored already get the new payload.
            replace: whether other texts of the ids that are given are removed.
            progress: whether to show progress on standard error.

        Returns:
            How many rows there were.

        Raises:
            InputError: a text, id or payload that cannot be stored; names its place.
        """
        opened = self._current()
        with opened.store.write() as writing, _bar(progress) as bar:
            count = write_rows(writing, self.matcher, _batches(self.matcher, rows), replace=replace, bar=bar)
            update_graph(writing)
        self._look_again()
        return count

    def remove(self, ids: Iterable[str]) -> int:
        """Removes all texts of some ids, and returns how many there were. An id that is not stored has none.

        Raises:
            InputError: an id is not a text.
        """
        if isinstance(ids, str):
            raise InputError("ids: expected a list of ids. Received one text. Pass [id].")
        ids = list(ids)
        for id in ids:
            if not isinstance(id, str):
                raise InputError(f"ids: expected texts. Received {shown(id)}.")
        with self._current().store.write() as writing:
            count = sum(writing.remove(id) for id in dict.fromkeys(ids))
        self._look_again()
        return count

    def compact(self) -> None:
        """Frees the space of removed texts, and makes the graph anew."""
        store = self._current().store
        with store.write() as writing:
            update_graph(writing, anew=True)
        store.shrink()
        self._look_again()
