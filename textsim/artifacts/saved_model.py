"""The model folder: all that scoring needs, written whole or not at all, and verified when it is read.

========================  ==========================================================================
file                      what it holds
========================  ==========================================================================
config.json               format version, kind, recipe, widths, members, `max_length`, threshold
weights.npz               every weight by its path in the model, and the scaler of a vector model
tokenizer.json            the tokenizer's settings with any user dictionary (text models)
vocabulary.txt            one token a line (text models)
calibration.json          what a score means, see `Calibration` (where it was fitted)
profile.json              what the pairs looked like on which the threshold was chosen, see `Profile` (text models)
metrics.json              figures on the validation split
provenance.json           what the model was trained on and with
notes.md                  what ends the card, where there is such
README.md                 the model card
manifest.json             size and SHA-256 of every other file
========================  ==========================================================================

Reading runs no code from the folder: arrays without objects, JSON and plain text.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field

from textsim.artifacts.calibration import CALIBRATION, Calibration, check_cuts
from textsim.artifacts.card import model_card
from textsim.artifacts.pretrained import CONFIG, find_model
from textsim.artifacts.profile import PROFILE, Profile
from textsim.artifacts.shapes import Shapes, weight_shapes
from textsim.artifacts.weights import SCALER, Precision, read_weights, stored_precision, write_weights
from textsim.config.checks import LARGEST
from textsim.config.settings import Recipe, Settings
from textsim.errors import ArtifactError, ConfigError, DataFormatError
from textsim.io.folders import atomic_folder, check_replaceable
from textsim.io.manifest import (
    MANIFEST,
    plain,
    read_json_object,
    read_manifest,
    verify_files,
    write_json,
    write_manifest,
)
from textsim.io.paths import as_text
from textsim.text.tokenizers import Tokenizer, tokenizer_from_config
from textsim.text.vocabulary import Vocabulary

FORMAT = "textsim-model"
VERSION = 1
WEIGHTS = "weights.npz"
TOKENIZER = "tokenizer.json"
VOCABULARY = "vocabulary.txt"
METRICS = "metrics.json"
PROVENANCE = "provenance.json"
NOTES = "notes.md"
CARD = "README.md"
MOST_MEMBERS = 1000

Kind = Literal["text", "vectors"]


@dataclass
class SavedModel:
    """A trained model as plain data.

    Attributes:
        kind: "text" for a matcher of sentences, "vectors" for one of numeric vectors.
        recipe: what the parts of the model are and how it was trained.
        dim: width of a token vector (text) or of an input vector (vectors).
        output_dim: width of an encoded sentence or vector.
        weights: float32 arrays by their path in the model, as `SiameseModel.weight_arrays` gives them.
        threshold: score from which on a pair is a match, in [0, 1].
        calibration: the probability that a score stands for, and from which score on a pair is no match.
        profile: what the pairs looked like on which the threshold was chosen; None of vectors, and of a model that was
            made before it was kept.
        tokenizer, vocabulary, max_length: of a text model; `max_length` counts tokens. None otherwise.
        scaler: (mean, scale), float32 (dim,) each, where the vectors are standardized as (x - mean) / scale.
        metrics: figures on the validation split, by name.
        provenance: hashes of the training data, versions, times: anything that JSON can hold.
        notes: Markdown that ends the model card, such as the terms of the data.
        members: how many models of this recipe score together, by the mean of their scores. Where there are several,
            the path of each weight begins with the number of its member, as in ``0/encoder/forward_0/kernel``, and
            `output_dim` is the width of all of them side by side.
        source: where it was loaded from: the folder's absolute path, or a bundled model's name; None where it was not.
    """

    kind: Kind
    recipe: Recipe
    dim: int
    output_dim: int
    weights: dict[str, np.ndarray]
    threshold: float = 0.5
    calibration: Calibration = field(default_factory=Calibration)
    profile: Profile | None = None
    tokenizer: Tokenizer | None = None
    vocabulary: Vocabulary | None = None
    max_length: int | None = None
    scaler: tuple[np.ndarray, np.ndarray] | None = None
    metrics: dict[str, Any] = field(default_factory=dict)
    provenance: dict[str, Any] = field(default_factory=dict)
    notes: str = ""
    members: int = 1
    source: str | None = field(default=None, compare=False)

    def split(self) -> list[SavedModel]:
        """The members, each a model of its own; of a single model, itself."""
        if self.members == 1:
            return [self]
        weights: list[dict[str, np.ndarray]] = [{} for _ in range(self.members)]
        for path, weight in self.weights.items():
            number, _, rest = path.partition("/")
            weights[int(number)][rest] = weight
        width = self.output_dim // self.members
        return [replace(self, weights=member, output_dim=width, members=1) for member in weights]


class _Config(Settings):
    """What config.json holds."""

    format: Literal["textsim-model"]
    version: Literal[1]
    kind: Kind
    recipe: Recipe
    dim: int = Field(ge=1)
    output_dim: int = Field(ge=1)
    members: int = Field(default=1, ge=1, le=MOST_MEMBERS)
    max_length: int | None = Field(ge=1, le=LARGEST)
    threshold: float = Field(ge=0, le=1)


def check_output(folder: str | os.PathLike[str], *, overwrite: bool = False) -> None:
    """Raises ArtifactError where `save_model` could not write: a check before a long training."""
    check_replaceable(folder, overwrite=overwrite, format=FORMAT)


def save_model(
    saved: SavedModel,
    folder: str | os.PathLike[str],
    *,
    extra: Callable[[Path], None] | None = None,
    overwrite: bool = False,
    precision: Precision = "float32",
    checked: bool = False,
) -> None:
    """Writes a model folder, whole or not at all.

    Args:
        saved: the model.
        folder: where it goes. Missing parents are made.
        extra: called with the temporary folder to add files, such as the training history, before the
            manifest is made.
        overwrite: replace a model folder that is there. A folder of another kind, or with files that are not the
            model's, is never replaced.
        precision: "float16" stores the weights in half the bytes, with about three significant digits.
        checked: whether `check_output` was called before the work that made the model, which is then not lost: where
            the folder may not be replaced after all, the error says where the model lies.

    Raises:
        ArtifactError: the folder exists and may not be replaced, or a weight cannot be stored: NaN, infinite,
            or beyond float16.
        ConfigError: `kind` and the parts that go with it, the widths, or the threshold and the calibration do not fit.
    """
    config = _Config.from_dict(
        {
            "format": FORMAT,
            "version": VERSION,
            "kind": saved.kind,
            "recipe": saved.recipe,
            "dim": saved.dim,
            "output_dim": saved.output_dim,
            "members": saved.members,
            "max_length": saved.max_length,
            "threshold": float(saved.threshold),
        },
        "the model to save",
    )
    text_parts = (saved.tokenizer, saved.vocabulary, saved.max_length)
    if any((part is None) == (saved.kind == "text") for part in text_parts):
        raise ConfigError(
            "the model to save: expected tokenizer, vocabulary and max_length for kind 'text', and none of "
            f"them for kind 'vectors'. Received kind {saved.kind!r}."
        )
    check_cuts(saved.threshold, saved.calibration, "the model to save")
    with atomic_folder(folder, overwrite=overwrite, format=FORMAT, checked=checked) as partial:
        settings = config.to_dict()
        if saved.members == 1:
            # So that it is read where ensembles are not known.
            del settings["members"]
        write_json(partial / CONFIG, settings)
        write_weights(partial / WEIGHTS, saved.weights, saved.scaler, precision)
        if saved.tokenizer is not None:
            write_json(partial / TOKENIZER, saved.tokenizer.to_config())
        if saved.vocabulary is not None:
            saved.vocabulary.save(partial / VOCABULARY)
        if saved.calibration != Calibration():
            write_json(partial / CALIBRATION, saved.calibration.to_dict())
        if saved.profile is not None:
            write_json(partial / PROFILE, saved.profile.to_dict())
        write_json(partial / METRICS, plain(saved.metrics))
        write_json(partial / PROVENANCE, plain(saved.provenance))
        if saved.notes:
            (partial / NOTES).write_text(saved.notes, encoding="utf-8", newline="\n")
        card = model_card(saved, as_text(Path(os.path.abspath(folder)).name))
        (partial / CARD).write_text(card, encoding="utf-8", newline="\n")
        if extra is not None:
            extra(partial)
        write_manifest(partial, FORMAT, VERSION)


def copy_model(
    folder: Path,
    saved: SavedModel,
    out: str | os.PathLike[str],
    *,
    extra: Callable[[Path], None] | None = None,
    overwrite: bool = False,
) -> None:
    """Writes a model that was loaded and changed since, with all other files of its folder. Raises as `save_model`.

    Args:
        folder: where it was loaded from, see `find_model`.
        saved: the model as it is now.
        out, overwrite: see `save_model`.
        extra: called with the temporary folder to add and change files before the manifest is made.
    """

    def others(partial: Path) -> None:
        for name in read_manifest(folder, FORMAT)["files"]:
            if not (partial / name).exists():
                shutil.copyfile(folder / name, partial / name)
        if extra is not None:
            extra(partial)

    save_model(saved, out, extra=others, overwrite=overwrite, precision=stored_precision(saved.weights))


def load_model(path_or_name: str | os.PathLike[str]) -> SavedModel:
    """Reads a model folder and checks every file of it.

    Args:
        path_or_name: a model folder, or the name of a bundled model, see `bundled_models`. A folder comes
            first.

    Raises:
        ArtifactError: there is no such folder or name; a file is missing, cut short, altered or not readable;
            or the folder is of another kind or format version. Says which file, and what to do.
        MissingDependencyError: the model's tokenizer needs a library that is not installed.
    """
    folder = find_model(path_or_name)
    listed = _check_manifest(folder)
    config = _read_config(folder / CONFIG)
    tokenizer = vocabulary = None
    if config.kind == "text":
        for name in (TOKENIZER, VOCABULARY):
            if name not in listed:
                raise ArtifactError(f"{folder / MANIFEST} does not name {name}, which a text model has.")
        try:
            tokenizer = tokenizer_from_config(read_json_object(folder / TOKENIZER))
            vocabulary = Vocabulary.load(folder / VOCABULARY)
        except (ConfigError, DataFormatError) as error:
            raise ArtifactError(f"{folder}/ cannot be read: {error}") from error
    calibration = _read_calibration(folder, config) if CALIBRATION in listed else Calibration()
    shapes = _expected_weights(folder / CONFIG, config, None if vocabulary is None else len(vocabulary))
    weights, scaler = read_weights(folder / WEIGHTS, shapes)
    if shapes is None and config.members > 1:
        numbers = {path.partition("/")[0] for path in weights}
        if numbers != set(map(str, range(config.members))) or config.output_dim % config.members:
            raise ArtifactError(
                f"{folder / WEIGHTS} holds no {config.members} members: the folder was altered."
            )
    return SavedModel(
        kind=config.kind,
        recipe=config.recipe,
        dim=config.dim,
        output_dim=config.output_dim,
        members=config.members,
        weights=weights,
        threshold=config.threshold,
        calibration=calibration,
        profile=_read_profile(folder) if PROFILE in listed else None,
        tokenizer=tokenizer,
        vocabulary=vocabulary,
        max_length=config.max_length,
        scaler=scaler,
        metrics=read_json_object(folder / METRICS),
        provenance=read_json_object(folder / PROVENANCE),
        notes=(folder / NOTES).read_text("utf-8", "replace") if NOTES in listed else "",
        source=os.path.abspath(folder) if Path(path_or_name).is_dir() else str(path_or_name),
    )


def _read_config(path: Path) -> _Config:
    settings = read_json_object(path)
    if settings.get("format") != FORMAT:
        raise ArtifactError(f"{path} is not the settings file of a {FORMAT}.")
    version = settings.get("version")
    if version != VERSION:
        raise ArtifactError(
            f"{path}: expected format version {VERSION}. Received {version!r:.40}: it was written by "
            "another version of textsim. Install that version, or train the model again."
        )
    try:
        config = _Config.from_dict(settings, str(path))
    except ConfigError as error:
        raise ArtifactError(f"{path.parent}/ cannot be read: {error}") from error
    text = {
        "max_length": config.max_length,
        "recipe.embedding": config.recipe.embedding,
        "recipe.pooling": config.recipe.pooling,
    }
    for name, value in text.items():
        if (value is None) == (config.kind == "text"):
            wanted = "a value" if config.kind == "text" else "null"
            raise ArtifactError(
                f"{path}: expected {wanted} of {name} for kind {config.kind!r}: it was altered."
            )
    return config


def _read_calibration(folder: Path, config: _Config) -> Calibration:
    path = folder / CALIBRATION
    try:
        calibration = Calibration.from_dict(read_json_object(path), str(path))
        check_cuts(config.threshold, calibration, str(folder))
    except ConfigError as error:
        raise ArtifactError(f"{folder}/ cannot be read: {error}") from error
    return calibration


def _read_profile(folder: Path) -> Profile:
    path = folder / PROFILE
    try:
        return Profile.from_dict(read_json_object(path), str(path))
    except ConfigError as error:
        raise ArtifactError(f"{folder}/ cannot be read: {error}") from error


def _expected_weights(path: Path, config: _Config, vocabulary_size: int | None) -> Shapes | None:
    """The weights that settings ask for, the scaler of vectors among them; None where a part does not tell."""
    try:
        found = weight_shapes(config.recipe, config.dim, vocabulary_size)
    except ConfigError as error:
        raise ArtifactError(f"{path}: {error}") from error
    if found is None:
        return None
    shapes, width = found
    if config.output_dim != width * config.members:
        raise ArtifactError(
            f"{path}: of members={config.members}, expected output_dim={width * config.members}, as the parts give "
            f"it. Received {config.output_dim}: it was altered."
        )
    if config.members > 1:
        shapes = {f"{k}/{name}": shape for k in range(config.members) for name, shape in shapes.items()}
    if config.kind == "vectors":
        shapes |= dict.fromkeys(SCALER, (config.dim,))
    return shapes


def _check_manifest(folder: Path) -> Collection[str]:
    """Verifies all files of a model folder and returns their names."""
    found = sorted(os.listdir(folder))
    if CONFIG not in found and "settings.json" in found and MANIFEST in found:
        raise ArtifactError(
            f"{folder}/ is a dataset folder. Expected a model, as `textsim train {folder}` makes one."
        )
    for name, content in ((CONFIG, "settings"), (WEIGHTS, "weights"), (MANIFEST, "manifest")):
        if name not in found:
            raise ArtifactError(
                f"{folder}/ holds no {content} ({name}). Found: {', '.join(found) or 'nothing'}. "
                "Was training interrupted, or is it a folder of another kind?"
            )
    entries = read_manifest(folder, FORMAT)["files"]
    for name in (CONFIG, WEIGHTS, METRICS, PROVENANCE):
        if name not in entries:
            raise ArtifactError(f"{folder / MANIFEST} does not name {name}: it was altered.")
    verify_files(folder, entries)
    return frozenset(entries)
