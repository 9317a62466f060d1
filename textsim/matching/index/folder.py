"""The folder of an index, and the model that it was made with."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from pydantic import Field

from textsim.artifacts.fingerprint import fingerprint
from textsim.artifacts.saved_model import load_model
from textsim.config.settings import Settings
from textsim.errors import ArtifactError, ConfigError
from textsim.io.manifest import MANIFEST, read_json
from textsim.io.siblings import remove_left_behind
from textsim.matching.index.snapshot import GraphRecord
from textsim.matching.index.store import DATABASE, Store, file_number
from textsim.matching.index.writer import GRAPHS, prepare_search
from textsim.matching.text_matcher import TextMatcher

FORMAT = "textsim-index"
_CHANGING = (DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm", *GRAPHS)


class Manifest(Settings):
    """What an index keeps of its model, and which files it may have.

    Attributes:
        model: the folder that the model was loaded from, or a bundled model's name; None for one that was not loaded.
        fingerprint: of the model, see `textsim.artifacts.fingerprint.fingerprint`.
        simplify: whether texts were read with traditional characters simplified.
        output_dim: width of the vectors.
        files: none, as `textsim.io.manifest` would have it: all change.
        changing: the names of those that there may be.
    """

    format: Literal["textsim-index"] = "textsim-index"
    version: Literal[1] = 1
    model: str | None
    fingerprint: str
    simplify: bool
    output_dim: int = Field(ge=1)
    files: dict[str, None] = Field(default={}, max_length=0)
    changing: tuple[str, ...] = _CHANGING

    @staticmethod
    def of(matcher: TextMatcher) -> Manifest:
        """That of an index to be made with a matcher."""
        tokenizer = matcher.saved.tokenizer
        assert tokenizer is not None
        return Manifest(
            model=matcher.saved.source,
            fingerprint=fingerprint(matcher.saved),
            simplify=tokenizer.normalizer.simplify,
            output_dim=matcher.output_dim,
        )

    @staticmethod
    def read(folder: Path) -> Manifest:
        """That of a folder.

        Raises:
            ArtifactError: the folder is no index, or one of another version; or its database is missing.
        """
        if folder.is_file():
            raise ArtifactError(
                f"{folder} is a file. Expected the folder of an index, as `textsim index build` makes it."
            )
        if not folder.is_dir():
            raise ArtifactError(
                f"there is no folder {str(folder)!r}. Expected an index, as `textsim index build` makes one."
            )
        values = read_json(folder / MANIFEST) if (folder / MANIFEST).is_file() else None
        if not isinstance(values, dict) or values.get("format") != FORMAT:
            found = ", ".join(sorted(os.listdir(folder))[:5]) or "nothing"
            raise ArtifactError(
                f"{folder}/ is no index. Expected a folder as `textsim index build` makes it. Found: {found}."
            )
        try:
            manifest = Manifest.from_dict(values, str(folder / MANIFEST))
        except ConfigError as error:
            raise ArtifactError(f"{error} Was it written by another version of textsim?") from error
        if not (folder / DATABASE).is_file():
            raise ArtifactError(
                f"{folder}/ lacks {DATABASE}, which holds its rows. Restore it from a backup."
            )
        return manifest

    def load_matcher(self, folder: Path) -> TextMatcher:
        """The matcher that the index was made with, loaded anew.

        Raises:
            ArtifactError: the model is not there any more, or is another one.
        """
        if self.model is None:
            raise ArtifactError(
                f"{folder}/ was made with a model that lay in no folder. Open it with that model."
            )
        try:
            saved = load_model(self.model)
        except ArtifactError as error:
            raise ArtifactError(
                f"{folder}/ was made with the model {self.model}, which cannot be loaded: {error} Where it was moved, "
                "open the index with it: matcher=...."
            ) from error
        assert saved.tokenizer is not None
        matcher = TextMatcher(saved, simplify=self.simplify and not saved.tokenizer.normalizer.simplify)
        self.check(matcher, folder)
        return matcher

    def check(self, matcher: TextMatcher, folder: Path) -> None:
        """Raises ArtifactError where a matcher would give other vectors than those that are stored."""
        received = fingerprint(matcher.saved)
        if received != self.fingerprint:
            named = f" ({self.model})" if self.model else ""
            raise ArtifactError(
                f"{folder}/ was made with another model. Expected the one of fingerprint {self.fingerprint[:12]}"
                f"{named}. Received {received[:12]} ({matcher.saved.source or 'not from a folder'}). Open the index "
                "with its own model, or build it anew."
            )


def open_store(folder: Path, matcher: TextMatcher) -> Store:
    """The database of an index that was made with a matcher.

    Raises:
        ArtifactError: there is no index, or it was made with another model.
    """
    while True:
        number = file_number(folder)
        Manifest.read(folder).check(matcher, folder)
        store = Store(folder)
        # Where another index took its place in between, the manifest was that of the one before.
        if store.number == number:
            return store


def compact_folder(folder: str | os.PathLike[str]) -> None:
    """`TextIndex.compact` without the model, and also where the graph's file is missing or damaged.

    Raises:
        ArtifactError: there is no index, or its rows cannot be read.
    """
    Manifest.read(Path(folder))
    store = Store(Path(folder))
    try:
        with store.write() as writing:
            prepare_search(writing, store, anew=True)
        shrink(store)
    finally:
        store.close()


def shrink(store: Store) -> None:
    """Gives the space of removed rows, and of a graph that is not used any more, back to the disk."""
    if store.folder is not None:
        # No other writer is about to use it meanwhile.
        with store.write() as writing:
            record: GraphRecord | None = writing.get("graph")
            for name in GRAPHS:
                if record is None or name != record["name"]:
                    (store.folder / name).unlink(missing_ok=True)
    store.shrink()


def remove_partial(folder: Path) -> None:
    """Removes what killed processes left half-written in the folder of an index, if it is one."""
    if (folder / MANIFEST).is_file():
        for name in GRAPHS:
            remove_left_behind(folder / name)
