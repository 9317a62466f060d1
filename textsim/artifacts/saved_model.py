"""The model folder: all that scoring needs, written whole or not at all, and verified when it is read.

========================  ==========================================================================
file                      what it holds
========================  ==========================================================================
config.json               format version, kind, recipe, widths, members, `max_length`, threshold
weights.npz               every weight by its path in the model, and the scaler of a vector model
tokenizer.json            the tokenizer's settings with any user dictionary (text models)
vocabulary.txt            one token a line (text models)
calibration.json          what a score means, see `Calibration` (where it was fitted)
metrics.json              figures on the validation split
provenance.json           what the model was trained on and with
README.md                 the model card
manifest.json             size and SHA-256 of every other file
========================  ==========================================================================

Reading runs no code from the folder: arrays without objects, JSON and plain text.
"""

from __future__ import annotations

import math
import os
import shutil
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field

from textsim.artifacts.calibration import Calibration, check_cuts
from textsim.artifacts.pretrained import CONFIG, find_model
from textsim.config.settings import Recipe, Settings
from textsim.errors import ArtifactError, ConfigError, DataFormatError
from textsim.io.atomic import (
    MANIFEST,
    as_text,
    atomic_folder,
    check_replaceable,
    file_entry,
    is_stream,
    read_json,
    sha256_file,
    verify_files,
    write_json,
)
from textsim.registry import unknown_name
from textsim.text.tokenizers import Tokenizer, tokenizer_from_config
from textsim.text.vocabulary import Vocabulary

FORMAT = "textsim-model"
VERSION = 1
WEIGHTS = "weights.npz"
TOKENIZER = "tokenizer.json"
VOCABULARY = "vocabulary.txt"
CALIBRATION = "calibration.json"
METRICS = "metrics.json"
PROVENANCE = "provenance.json"
CARD = "README.md"
SIMPLIFIED = "traditional characters simplified"
_SCALER = ("scaler/mean", "scaler/scale")

Kind = Literal["text", "vectors"]
Precision = Literal["float32", "float16"]


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
        tokenizer, vocabulary, max_length: of a text model; `max_length` counts tokens. None otherwise.
        scaler: (mean, scale), float32 (dim,) each, where the vectors are standardized as (x - mean) / scale.
        metrics: figures on the validation split, by name.
        provenance: hashes of the training data, versions, times: anything that JSON can hold.
        members: how many models of this recipe score together, by the mean of their scores. Where there are several,
            the path of each weight begins with the number of its member, as in ``0/encoder/forward_0/kernel``, and
            `output_dim` is the width of all of them side by side.
    """

    kind: Kind
    recipe: Recipe
    dim: int
    output_dim: int
    weights: dict[str, np.ndarray]
    threshold: float = 0.5
    calibration: Calibration = field(default_factory=Calibration)
    tokenizer: Tokenizer | None = None
    vocabulary: Vocabulary | None = None
    max_length: int | None = None
    scaler: tuple[np.ndarray, np.ndarray] | None = None
    metrics: dict[str, Any] = field(default_factory=dict)
    provenance: dict[str, Any] = field(default_factory=dict)
    members: int = 1

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
    members: int = Field(default=1, ge=1)
    max_length: int | None = Field(ge=1)
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
        np.savez(partial / WEIGHTS, **_stored_arrays(saved, precision))  # type: ignore[arg-type]
        if saved.tokenizer is not None:
            write_json(partial / TOKENIZER, saved.tokenizer.to_config())
        if saved.vocabulary is not None:
            saved.vocabulary.save(partial / VOCABULARY)
        if saved.calibration.pairs:
            write_json(partial / CALIBRATION, saved.calibration.to_dict())
        write_json(partial / METRICS, _plain(saved.metrics))
        write_json(partial / PROVENANCE, _plain(saved.provenance))
        card = model_card(saved, as_text(Path(os.path.abspath(folder)).name))
        (partial / CARD).write_text(card, encoding="utf-8", newline="\n")
        if extra is not None:
            extra(partial)
        _write_manifest(partial)


def copy_model(
    folder: Path,
    out: str | os.PathLike[str],
    *,
    threshold: float,
    calibration: Calibration,
    extra: Callable[[Path], None],
    overwrite: bool = False,
) -> None:
    """Writes a model folder anew with other decisions, every other file as it is. Raises as `save_model`.

    Args:
        folder: a model folder that `load_model` has read.
        out, overwrite: see `save_model`.
        threshold, calibration: see `SavedModel`.
        extra: called with the temporary folder to add and change files before the manifest is made.
    """
    check_cuts(threshold, calibration, "the model to save")
    with atomic_folder(out, overwrite=overwrite, format=FORMAT) as partial:
        for name in read_json(folder / MANIFEST)["files"]:
            (partial / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(folder / name, partial / name)
        write_json(partial / CONFIG, {**read_json(folder / CONFIG), "threshold": threshold})
        write_json(partial / CALIBRATION, calibration.to_dict())
        extra(partial)
        _write_manifest(partial)


def _write_manifest(partial: Path) -> None:
    names = sorted(path.relative_to(partial).as_posix() for path in partial.rglob("*") if path.is_file())
    manifest = {
        "format": FORMAT,
        "version": VERSION,
        "files": {name: file_entry(partial / name) for name in names},
    }
    write_json(partial / MANIFEST, manifest)


def _stored_arrays(saved: SavedModel, precision: Precision) -> dict[str, np.ndarray]:
    if precision not in ("float32", "float16"):
        raise ConfigError(unknown_name("precision", precision, ("float16", "float32")))
    arrays = {}
    for path, weight in saved.weights.items():
        if not np.isfinite(weight).all():
            raise ArtifactError(
                f"weight {path!r} holds NaN or infinity: the training diverged. "
                "Try a lower training.learning_rate."
            )
        with np.errstate(over="ignore"):
            arrays[path] = np.asarray(weight, dtype=precision)
        if not np.isfinite(arrays[path]).all():
            raise ArtifactError(f"weight {path!r} exceeds the range of float16. Save it as float32.")
    if saved.scaler is not None:
        # Columns can be of any magnitude, so these stay whole.
        arrays.update(zip(_SCALER, (np.asarray(part, dtype="float32") for part in saved.scaler), strict=True))
    return arrays


def stored_precision(saved: SavedModel) -> Precision:
    """The precision that stores all weights of a model as they are, in the fewest bytes."""

    def whole(weight: np.ndarray) -> bool:
        with np.errstate(over="ignore"):
            return bool((weight.astype("float16") == weight).all())

    return "float16" if all(map(whole, saved.weights.values())) else "float32"


def origin(name: str | os.PathLike[str], saved: SavedModel) -> dict[str, Any]:
    """What the provenance of a model keeps of one that went into it, given by its path or name."""
    folder = find_model(name)
    kept: dict[str, Any] = {
        key: saved.provenance[key]
        for key in ("rows", "dataset_sha256", "epochs", "continued_from", "teachers", "ensemble_of")
        if key in saved.provenance
    }
    return {"name": as_text(folder.name), "manifest_sha256": sha256_file(folder / MANIFEST), **kept}


def data_origin(path: str | os.PathLike[str]) -> dict[str, str | None]:
    """What the provenance of a model keeps of a data file or a dataset folder: a name and a hash.

    The hash of a dataset is that of its manifest, which holds those of its files; of a stream there is none.
    """
    # Where it lay on this machine says nothing elsewhere; its last folder often names the set.
    name = as_text("/".join(Path(os.path.abspath(path)).parts[-2:]))
    if is_stream(path):
        return {"name": as_text(path), "sha256": None}
    return {"name": name, "sha256": sha256_file(Path(path, MANIFEST) if Path(path).is_dir() else path)}


def _plain(value: Any) -> Any:
    """`value` as JSON can hold it: NumPy numbers become Python's, and what is not finite becomes None."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


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
    _check_manifest(folder)
    version = read_json(folder / CONFIG).get("version")
    if version != VERSION:
        raise ArtifactError(
            f"{folder / CONFIG}: expected format version {VERSION}. Received {version!r}: it was written by "
            "another version of textsim. Install that version, or train the model again."
        )
    try:
        config = _Config.from_dict(read_json(folder / CONFIG), str(folder / CONFIG))
        tokenizer = vocabulary = None
        if config.kind == "text":
            tokenizer = tokenizer_from_config(read_json(folder / TOKENIZER))
            vocabulary = Vocabulary.load(folder / VOCABULARY)
        calibration = Calibration()
        if CALIBRATION in read_json(folder / MANIFEST)["files"]:
            calibration = Calibration.from_dict(read_json(folder / CALIBRATION), str(folder / CALIBRATION))
        check_cuts(config.threshold, calibration, str(folder / CALIBRATION))
    except (ConfigError, DataFormatError) as error:
        raise ArtifactError(f"{folder}/ cannot be read: {error}") from error
    weights = _read_arrays(folder / WEIGHTS)
    mean, scale = (weights.pop(path, None) for path in _SCALER)
    if config.members > 1:
        numbers = {path.partition("/")[0] for path in weights}
        if numbers != set(map(str, range(config.members))) or config.output_dim % config.members:
            raise ArtifactError(
                f"{folder / CONFIG}: expected the settings of the weights in {WEIGHTS}. Received members="
                f"{config.members} and output_dim={config.output_dim}, which are of others: it was altered."
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
        tokenizer=tokenizer,
        vocabulary=vocabulary,
        max_length=config.max_length,
        scaler=None if mean is None or scale is None else (mean, scale),
        metrics=read_json(folder / METRICS),
        provenance=read_json(folder / PROVENANCE),
    )


def _check_manifest(folder: Path) -> None:
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
    manifest = read_json(folder / MANIFEST)
    manifest = manifest if isinstance(manifest, dict) else {}
    entries = manifest.get("files")
    if (
        manifest.get("format") != FORMAT
        or not isinstance(entries, dict)
        or not all(
            isinstance(entry, dict) and {"bytes", "sha256"} <= entry.keys() for entry in entries.values()
        )
    ):
        raise ArtifactError(f"{folder / MANIFEST} is not the manifest of a textsim model.")
    for name in (CONFIG, WEIGHTS, METRICS, PROVENANCE):
        if name not in entries:
            raise ArtifactError(f"{folder / MANIFEST} does not name {name}: it was altered.")
    verify_files(folder, entries)
    config = read_json(folder / CONFIG)
    if not isinstance(config, dict) or config.get("format") != FORMAT:
        raise ArtifactError(f"{folder / CONFIG} is not the settings file of a textsim model.")


def _read_arrays(path: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as stored:
            return {name: stored[name].astype("float32", copy=False) for name in stored.files}
    except (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise ArtifactError(f"{path} is not a file of weights: {error}") from error


def model_card(saved: SavedModel, name: str) -> str:
    """A short description of a model for people, as Markdown."""
    recipe = saved.recipe
    if saved.kind == "text":
        tokenizer, vocabulary = saved.tokenizer, saved.vocabulary
        assert tokenizer is not None and vocabulary is not None
        what = "Scores from 0 to 1 whether two Chinese sentences mean the same."
        simplified = f"{SIMPLIFIED}, " if tokenizer.normalizer.simplify else ""
        inputs = (
            f"texts, {simplified}cut by the tokenizer `{tokenizer.registered_name}` into a vocabulary of "
            f"{len(vocabulary):,} tokens; tokens after the first {saved.max_length} of a text are not read"
        )
        load = (
            "from textsim import TextMatcher\n\n"
            f'matcher = TextMatcher.load("{name}")\n'
            'matcher.score("花呗怎么还款", "怎样还花呗")     # a number from 0 to 1\n'
            'matcher.is_match("花呗怎么还款", "怎样还花呗")  # score >= threshold\n'
        )
    else:
        what = "Scores from 0 to 1 whether two numeric vectors belong together."
        scaled = ", standardized by the training data's mean and spread" if saved.scaler is not None else ""
        inputs = f"numeric vectors of width {saved.dim}{scaled}"
        load = (
            "from textsim import VectorMatcher\n\n"
            f'matcher = VectorMatcher.load("{name}")\n'
            "matcher.score_pairs(left, right)  # two arrays of shape (n, "
            f"{saved.dim}) -> scores of shape (n,)\n"
        )
    parts = [("encoder", recipe.encoder), ("pooling", recipe.pooling), ("projection", recipe.projection)]
    parts += [("head", recipe.head), ("loss", recipe.loss)]
    rows = [
        ("input", inputs),
        *(
            (kind, f"`{part.name}` {_options(part.options)}".strip())
            for kind, part in parts
            if part is not None
        ),
        *([("members", f"{saved.members}, which score together")] if saved.members > 1 else []),
        ("encoded width", saved.output_dim),
        ("weights", f"{sum(weight.size for weight in saved.weights.values()):,}"),
        ("threshold", f"{saved.threshold:.4f}, chosen on the validation split"),
    ]
    # How long one machine took says nothing of the model.
    metrics = {key: value for key, value in _plain(saved.metrics).items() if key != "seconds"}
    figures = [(key, _figure(value)) for key, value in metrics.items()]
    return "\n".join(
        [
            f"# {name}\n",
            what,
            *([recipe.description] if recipe.description else []),
            "\n## Model\n",
            *_table(("", ""), rows),
            "\n## Figures on the validation split\n",
            *(_table(("figure", "value"), figures) if figures else ["None were recorded."]),
            *(
                ["\n`majority_accuracy` is what always answering the more frequent class would reach."]
                if "majority_accuracy" in saved.metrics
                else []
            ),
            "\n## How it was made\n",
            "Settings are in `config.json` under `recipe`, all that follows is in `provenance.json`.\n",
            *_origins(_plain(saved.provenance)),
            "\n## Loading it\n",
            "Give the path of this folder in place of the name; a model that comes with textsim is found by its name."
            f"\n\n```python\n{load}```",
            "\n## Limits\n",
            "- The threshold and the figures hold for data like the validation split. On other data choose a "
            "threshold of your own.",
            _what_a_score_means(saved.calibration),
            "- The order of the two sides does not matter to it.",
            "",
        ]
    )


def _what_a_score_means(calibration: Calibration) -> str:
    if not calibration.pairs:
        return "- A score ranks pairs; it is not a calibrated probability."
    return (
        f"- A score ranks pairs; it is not a probability. `matcher.probability` is one, fitted on "
        f"{calibration.pairs:,} labelled pairs (`{CALIBRATION}`), and holds for data like these."
    )


def _options(options: dict[str, Any]) -> str:
    return ", ".join(f"{key}={value}" for key, value in options.items())


def _figure(value: Any) -> str:
    if value is None:
        return "undefined"
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def _table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return ["| " + " | ".join(map(str, line)) + " |" for line in lines]


def _origins(provenance: dict[str, Any]) -> list[str]:
    """What a model was made of: one table of single facts, and one for each list of files or models."""
    listed = {
        key: value
        for key, value in provenance.items()
        if isinstance(value, list) and value and all(isinstance(entry, dict) for entry in value)
    }
    facts = [(key, _inline(value)) for key, value in provenance.items() if key not in listed]
    lines = _table(("", ""), facts) if facts else []
    for name, entries in listed.items():
        columns = list(dict.fromkeys(key for entry in entries for key in entry))
        rows = [[_inline(entry.get(column, "")) for column in columns] for entry in entries]
        lines += [f"\n### {name}\n", *_table(columns, rows)]
    return lines or ["Nothing was recorded."]


def _inline(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_inline(item)}" for key, item in value.items()) or "none"
    if isinstance(value, list):
        return ", ".join(map(_inline, value)) or "none"
    return str(value).replace("|", "\\|").replace("\n", " ")
