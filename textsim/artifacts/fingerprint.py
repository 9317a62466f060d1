"""What tells one model from another, whatever their folders are called."""

from __future__ import annotations

import hashlib
import json

import numpy as np

from textsim.artifacts.saved_model import SavedModel


def fingerprint(saved: SavedModel) -> str:
    """64 hexadecimal digits that two models share which encode and score alike.

    They are of the weights and of all else that makes numbers of a text or a vector. Thresholds, calibration, names and
    provenance do not count.
    """
    digest = hashlib.sha256()
    settings = {
        "kind": saved.kind,
        "recipe": saved.recipe.model_dump(mode="json", exclude={"description", "training"}),
        "members": saved.members,
        "max_length": saved.max_length,
        "tokenizer": None if saved.tokenizer is None else saved.tokenizer.to_config(),
        "vocabulary": None if saved.vocabulary is None else saved.vocabulary.tokens,
    }
    digest.update(json.dumps(settings, ensure_ascii=False, sort_keys=True).encode())
    arrays = {**saved.weights}
    if saved.scaler is not None:
        arrays["scaler/mean"], arrays["scaler/scale"] = saved.scaler
    for path, array in sorted(arrays.items()):
        digest.update(f"{path} {array.shape} ".encode())
        digest.update(np.ascontiguousarray(array, np.float32).data)
    return digest.hexdigest()
