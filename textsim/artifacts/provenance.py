"""What a model keeps of the models that went into it: names and hashes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from textsim.artifacts.pretrained import find_model
from textsim.io.manifest import MANIFEST, sha256_file
from textsim.io.paths import as_text

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
