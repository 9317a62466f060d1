"""Which stored text does a new one match: an index of texts with ids and payloads, in memory or in a folder."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from textsim.errors import InputError, UnknownNameError, shown
from textsim.io.folders import atomic_folder
from textsim.io.manifest import MANIFEST, write_json
from textsim.io.progress import progress_bar
from textsim.matching.index.combining import Combiner
from textsim.matching.index.entries import Batch, EntryFile, batches, clean
from textsim.matching.index.folder import FORMAT, Manifest, open_store, remove_partial, shrink
from textsim.matching.index.info import IndexInfo, describe, measure_recall
from textsim.matching.index.ranking import SharedCharacters
from textsim.matching.index.search import Hit, Search
from textsim.matching.index.snapshot import Snapshot
from textsim.matching.index.store import ReplacedError, Store, file_number
from textsim.matching.index.tables import Writing
from textsim.matching.index.writer import prepare_search, write_rows
from textsim.matching.text_matcher import TextMatcher, TokenizedTexts

_FILTERS_KEPT = 64
# How many hits, whether they are ordered by more than the cosine, and a filter.
_Wanted = tuple[int, bool, tuple[tuple[str, str], ...]]


@dataclass
class _Opened:
    """A database, what was last seen of it, and the keys that filters leave of that."""

    store: Store
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
        tokenizer = matcher.saved.tokenizer
        assert tokenizer is not None
        self._shared = SharedCharacters(tokenizer.normalizer)
        self._refreshing = threading.RLock()
        self._combined: Combiner[TokenizedTexts, list[Hit]] = Combiner(self._search_together)
        self._opened = self._look_at(store)

    @classmethod
    def build(
        cls,
        matcher: TextMatcher,
        rows: Iterable[Any] | EntryFile,
        path: str | os.PathLike[str] | None = None,
        *,
        overwrite: bool = False,
        progress: bool | None = None,
    ) -> TextIndex:
        """Makes an index.

        Args:
            matcher: the loaded model.
            rows: texts, records, `Entry` tuples or a data frame, see `entries`; or an `EntryFile`. Rows without an id
                are numbered from 1.
            path: the folder to make, which appears when it is complete; None keeps the index in memory.
            overwrite: whether an index at `path` may be replaced, in one step, even while it is searched.
            progress: whether to show progress on standard error; by default where that is a terminal.

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
        return cls(matcher, open_store(path, matcher))

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
        if matcher is None:
            matcher = Manifest.read(folder).load_matcher(folder)
        return cls(matcher, open_store(folder, matcher))

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

    def add(
        self, rows: Iterable[Any] | EntryFile, *, replace: bool = False, progress: bool | None = None
    ) -> int:
        """Stores further texts: all of them, or none where it raises or is killed.

        Args:
            rows: as `build` takes them. An id and text that are stored already get the new payload.
            replace: whether other texts of the ids that are given are removed.
            progress: whether to show progress on standard error; by default where that is a terminal.

        Returns:
            How many rows there were.

        Raises:
            InputError: a text, id or payload that cannot be stored; names its place.
        """
        read: Iterable[Batch] = batches(self.matcher, rows)
        if self.path is None:
            # In memory there is one connection, and what gives the rows may search with it.
            read = list(read)
        with self._write() as (store, writing), progress_bar(progress, "encoding", "texts") as bar:
            count = write_rows(writing, self.matcher, read, replace=replace, bar=bar)
            prepare_search(writing, store)
        return count

    def remove(self, ids: Iterable[str]) -> int:
        """Removes all texts of some ids, and returns how many there were. An id that is not stored has none.

        Raises:
            InputError: an id is not a text.
        """
        if isinstance(ids, str) or not isinstance(ids, Iterable):
            raise InputError(f"ids: expected a list of ids. Received {shown(ids)}.")
        ids = list(dict.fromkeys(ids))
        for id in ids:
            if not isinstance(id, str):
                raise InputError(f"ids: expected texts. Received {shown(id)}.")
        with self._write() as (_, writing):
            return sum(map(writing.remove, ids))

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the payloads."""
        with self._current().store.read() as reading:
            return tuple(reading.get("columns"))

    def info(self) -> IndexInfo:
        """What the index holds, and how it searches."""
        opened = self._current()
        model = self.matcher.saved.source if self.path is None else Manifest.read(self.path).model
        return describe(model, opened.store, opened.snapshot)

    def recall(self, queries: int = 200, k: int = 10) -> float:
        """How many of the nearest texts a search finds, as a fraction of those that comparing all would.

        Args:
            queries: stored texts to search for, evenly drawn.
            k: how many neighbours of each count.

        Returns:
            Recall@k in [0, 1]; 1 where all cosines are computed anyway.
        """
        opened = self._current()
        return measure_recall(opened.store, opened.snapshot, queries, k)

    def compact(self) -> None:
        """Frees the space of removed texts, and makes the graph anew."""
        with self._write() as (store, writing):
            prepare_search(writing, store, anew=True)
        shrink(store)

    def search(
        self, text: str, k: int = 5, *, rerank: bool = True, filter: Mapping[str, Any] | None = None
    ) -> list[Hit]:
        """The `k` entries that match a text best, the best first, each by its best phrasing; all where there are fewer.

        A model trained with in-batch negatives, as the recommended recipes are, has learned to find a text's match
        among others by the cosine of their vectors. The 32 texts with the largest are ordered by that; where these are
        so near that they tell little, also by the characters that a text shares with them. Other models have learned to
        score: there the order is by the score.

        Args:
            text: what to search for.
            k: how many hits to return.
            rerank: False orders by the cosine alone.
            filter: values that the payloads of the hits must have, by column; numbers are compared as such, all else as
                text.

        Raises:
            InputError: the text is not a str or is empty, `k` is less than 1, or a value of the filter is a list.
            UnknownNameError: no payload has a column of the filter.
            ArtifactError: the index was damaged, or replaced by one of another model.
        """
        read = self.matcher.read([text], lambda _: "text")
        return self._combined((count_of(k), rerank, wanted_values(filter)), read)

    def search_many(
        self,
        texts: Iterable[str],
        k: int = 5,
        *,
        rerank: bool = True,
        filter: Mapping[str, Any] | None = None,
    ) -> list[list[Hit]]:
        """`search` for each of many texts, on all cores. Raises as that; names the place."""
        if isinstance(texts, str) or not isinstance(texts, Iterable):
            raise InputError(f"texts: expected a list of texts. Received {shown(texts)}. Call search(text).")
        return self.search_read(self.matcher.read(list(texts)), k, rerank=rerank, filter=filter)

    def search_read(
        self,
        texts: TokenizedTexts,
        k: int = 5,
        *,
        rerank: bool = True,
        filter: Mapping[str, Any] | None = None,
    ) -> list[list[Hit]]:
        """`search_many` for texts that have been read, see `TextMatcher.read`."""
        return self._search((count_of(k), rerank, wanted_values(filter)), texts)

    def _search_together(self, wanted: _Wanted, asked: Sequence[TokenizedTexts]) -> list[list[Hit]]:
        """The hits of several threads' texts that are searched for in the same way."""
        return self._search(wanted, TokenizedTexts.joined(asked))

    def _search(self, wanted: _Wanted, texts: TokenizedTexts) -> list[list[Hit]]:
        k, rerank, columns = wanted
        opened = self._current()
        allowed = _allowed(opened, columns) if columns else None
        search = Search(self.matcher, self._shared, opened.store, opened.snapshot, k, rerank, allowed)
        return search.hits(texts)

    @contextlib.contextmanager
    def _write(self) -> Iterator[tuple[Store, Writing]]:
        """A database and a transaction of it; when it has ended, searches of this object see it."""
        with contextlib.ExitStack() as stack:
            while True:
                opened = self._current()
                try:
                    writing = stack.enter_context(opened.store.write())
                    break
                except ReplacedError:
                    # Built anew while it waited for its turn: what is written must be in the new one.
                    if self.path is None or file_number(self.path) is None:
                        raise
            yield opened.store, writing
        with self._refreshing:
            if self._opened.store is opened.store:
                self._opened = self._look_at(opened.store, self._opened.snapshot)

    def _current(self) -> _Opened:
        """The index as it is now."""
        opened = self._opened
        if self.path is None:
            return opened
        number = file_number(self.path)
        # While one folder takes the place of another there may be none.
        if number is not None and number != opened.store.number:
            with self._refreshing:
                if self._opened.store.number != number:
                    # Searches that are under way end with the old one, which is closed after the last of them.
                    self._opened = self._look_at(open_store(self.path, self.matcher))
                return self._opened
        with opened.store.read() as reading:
            change = reading.get("change")
        if change != opened.snapshot.change:
            with self._refreshing:
                if self._opened.store is opened.store and change > self._opened.snapshot.change:
                    self._opened = self._look_at(opened.store, self._opened.snapshot)
                return self._opened
        return opened

    def _look_at(self, store: Store, previous: Snapshot | None = None) -> _Opened:
        return _Opened(store, Snapshot.take(store, self.matcher.output_dim, previous))


def count_of(k: Any) -> int:
    """How many hits are asked for; raises InputError unless that is a whole number, at least 1."""
    if not isinstance(k, int | np.integer) or k < 1:
        raise InputError(f"k: expected a whole number, at least 1. Received {k!r}.")
    return int(k)


def wanted_values(filter: Mapping[str, Any] | None) -> tuple[tuple[str, str], ...]:
    """The columns of a filter and their values as text.

    Raises:
        InputError: a value is a list or a mapping, which no cell of a payload is equal to.
    """
    return tuple(
        sorted((clean(str(column)), _filter_text(column, value)) for column, value in (filter or {}).items())
    )


def _allowed(opened: _Opened, wanted: tuple[tuple[str, str], ...]) -> np.ndarray:
    """The keys that a filter leaves."""
    known = opened.allowed.get(wanted)
    if known is None:
        with opened.store.read() as reading:
            columns = reading.get("columns")
            for column, _ in wanted:
                if column not in columns:
                    have = ", ".join(map(repr, columns)) or "none"
                    raise UnknownNameError(
                        f"filter: no payload has a column {column!r}. The index has: {have}."
                    )
            known = reading.keys_where(dict(wanted))
        if len(opened.allowed) < _FILTERS_KEPT:
            opened.allowed[wanted] = known
    return known


def _filter_text(column: str, value: Any) -> str:
    """A value of a filter as SQLite writes a JSON value as text."""
    if isinstance(value, Mapping | list | tuple | set | frozenset | np.ndarray):
        raise InputError(
            f"filter, column {column!r:.80}: expected one text, number, true, false or null. Received {shown(value)}. "
            "Search once for each value."
        )
    if value is None:
        return "null"
    return str(int(value)) if isinstance(value, bool) else clean(str(value))


def _fill(store: Store, matcher: TextMatcher, rows: Iterable[Any] | EntryFile, progress: bool | None) -> None:
    with store.write() as writing, progress_bar(progress, "encoding", "texts") as bar:
        write_rows(writing, matcher, batches(matcher, rows), bar=bar)
        prepare_search(writing, store)
