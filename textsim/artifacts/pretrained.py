"""The models that travel with the package."""

from __future__ import annotations

import os
from importlib import resources
from pathlib import Path

from textsim.errors import ArtifactError
from textsim.io.folders import restore
from textsim.registry import unknown_name

CONFIG = "config.json"
"""The file that makes a folder a model."""


def find_model(path_or_name: str | os.PathLike[str]) -> Path:
    """The folder of a model that is given by its path or as the name of a bundled one.

    Raises:
        ArtifactError: neither.
    """
    folder = Path(path_or_name)
    restore(folder)
    if folder.is_dir():
        return folder
    if folder.exists():
        raise ArtifactError(f"{folder} is a file. Expected a model folder, as `textsim train` writes it.")
    bundled = bundled_models()
    if str(path_or_name) in bundled:
        return bundled[str(path_or_name)]
    problem = f"there is no folder {str(path_or_name)!r}"
    if not bundled:
        raise ArtifactError(f"{problem}, and no model is bundled with this installation.")
    raise ArtifactError(
        f"{problem}, and {unknown_name('bundled model', str(path_or_name), tuple(sorted(bundled)))}"
    )


def bundled_models() -> dict[str, Path]:
    """The models that travel with the package: name -> folder, in the order of the names."""
    try:
        models = Path(str(resources.files("textsim.resources"))) / "models"
    except ModuleNotFoundError:
        # textsim is run from its sources without being installed.
        return {}
    if not models.is_dir():
        return {}
    return {path.name: path for path in sorted(models.iterdir()) if (path / CONFIG).is_file()}
