"""What a model keeps of the data and of the models that went into it: names and hashes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textsim.artifacts.pretrained import find_model
from textsim.io.manifest import MANIFEST, sha256_file
from textsim.io.paths import as_text, is_stream

if TYPE_CHECKING:
    from textsim.artifacts.saved_model import SavedModel


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
