"""The state of a training run after an epoch, in one file, from which an interrupted run goes on."""

from __future__ import annotations

import glob
import hashlib
import json
import os
import time
import warnings
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from textsim.errors import ArtifactError
from textsim.io.atomic import atomic_file
from textsim.modeling.siamese import SiameseModel
from textsim.training.callbacks import ValidateEachEpoch

SECONDS = 30.0
"""The state of an epoch that ends sooner after the last writing is written only where the run is interrupted. That of
the first epoch is always written.
"""


def checkpoint_path(out: Path, run: dict[str, Any]) -> Path:
    """Where the state of a run lies that is to write the model folder `out`.

    Runs that differ in anything have files of their own, so that none takes the place of another's.

    Args:
        run: see `Checkpoint`.
    """
    folder = Path(os.path.realpath(out))
    digest = hashlib.sha256(json.dumps(run, sort_keys=True).encode()).hexdigest()
    return folder.with_name(f"{folder.name}.checkpoint-{digest[:8]}.npz")


def fingerprint(arrays: Iterable[np.ndarray | None]) -> str:
    """What tells a run's numbers from another's: SHA-256 of the values, types and shapes of arrays, 64 hex digits.

    Args:
        arrays: of any type and shape, in a fixed order; None where there is none. What is memory-mapped is read in
            place.
    """
    digest = hashlib.sha256()
    for array in arrays:
        values = np.ascontiguousarray(() if array is None else array)
        digest.update(f"{values.dtype} {values.shape};".encode())
        digest.update(values.data)
    return digest.hexdigest()


class Checkpoint(keras.callbacks.Callback):
    """Writes all that the epochs to come depend on, so that a run which goes on ends with the bits of one that never
    stopped: weights, the optimizer's state, the states of random generators, the best epoch and the history.

    A frozen embedding is left out, since the dataset holds it. The file is whole or absent, and nothing in it is
    executed. Stands last, behind what changes weights or stops the training.

    Args:
        out: the model folder to be, beside which the file lies; see `checkpoint_path`.
        run: what tells this run from others, as JSON can hold it.
        model, validate, keep_best: whose state it is.
        averages: what swaps averaged weights in at the end of an epoch, if there is such.

    Attributes:
        epoch: epochs of this run that the file holds; 0 while there is none of this run.
        finished: whether nothing was left to train when the file that was found was written.
        others: files of other runs with the same `out`, which are left as they are.
        seconds: what was spent on the run before this call.
    """

    def __init__(
        self,
        out: Path,
        run: dict[str, Any],
        model: SiameseModel,
        validate: ValidateEachEpoch,
        keep_best: keras.callbacks.EarlyStopping,
        averages: Sequence[keras.callbacks.SwapEMAWeights] = (),
    ) -> None:
        super().__init__()
        self.path, self.run = checkpoint_path(out, run), run
        name = glob.escape(Path(os.path.realpath(out)).name)
        beside = self.path.parent.glob(f"{name}.checkpoint-{'[0-9a-f]' * 8}.npz")
        self.others = sorted(set(beside) - {self.path})
        self.validate, self.keep_best, self.averages = validate, keep_best, averages
        weights = [] if model.embedding is None else model.embedding.weights
        self._frozen = {id(weight) for weight in weights if not weight.trainable}
        self._began = self._written = time.perf_counter()
        self._state, self._arrays = self._read()
        self._unwritten: tuple[dict[str, Any], dict[str, np.ndarray]] | None = None
        self.epoch = self._state["epoch"] if self._state else 0
        self.finished = bool(self._state and self._state["finished"])
        self.seconds = self._state["seconds"] if self._state else 0.0

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        if not self._state:
            return
        for swap in self.averages:
            # The file holds an epoch's end, where the averages stand in the model.
            swap.on_epoch_end(-1)
        for name, variable in self._variables().items():
            variable.assign(self._arrays[name])
        self.validate.history[:] = self._state["history"]
        for name, value in self._state["keep_best"].items():
            setattr(self.keep_best, name, value)
        # Without a figure to compare there is no best epoch yet.
        if any(name.startswith("best/") for name in self._arrays):
            self.keep_best.best_weights = [
                self._arrays.get(f"best/{k}", value) for k, value in enumerate(self.model.get_weights())
            ]
        self._arrays = {}

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        names = ("best", "best_epoch", "wait", "stopped_epoch")
        state = {
            "run": self.run,
            "epoch": epoch + 1,
            "finished": self.model.stop_training or epoch + 1 == self.params["epochs"],
            "history": list(self.validate.history),
            "keep_best": {name: getattr(self.keep_best, name) for name in names},
            "seconds": self.seconds + time.perf_counter() - self._began,
        }
        arrays = {name: variable.numpy() for name, variable in self._variables().items()}
        # There is none before the first epoch whose figure can be compared.
        if self.keep_best.best_weights is not None:
            best = zip(self.model.weights, self.keep_best.best_weights, strict=True)
            arrays |= {
                f"best/{k}": value for k, (weight, value) in enumerate(best) if id(weight) not in self._frozen
            }
        self._unwritten = state, arrays
        # The first at once: before it there is nothing to go on from.
        if not self.epoch or time.perf_counter() - self._written >= SECONDS:
            self.write()

    def write(self) -> None:
        """Writes the state of the last epoch that ended, if the file does not hold it yet."""
        if self._unwritten is None:
            return
        state, arrays = self._unwritten
        try:
            with atomic_file(self.path, "wb") as file:
                np.savez(file, state=np.array(json.dumps(state)), **arrays)  # type: ignore[arg-type]
            self.epoch = state["epoch"]
        except (OSError, ArtifactError) as error:
            # As on a full disk: what is kept for a mishap must not be one.
            warnings.warn(
                f"the state of the training run cannot be kept, and training goes on without: {error}",
                RuntimeWarning,
                stacklevel=2,
            )
        self._unwritten = None
        self._written = time.perf_counter()

    def discard(self) -> None:
        """Removes the file, if there is one."""
        self.path.unlink(missing_ok=True)

    def _variables(self) -> dict[str, Any]:
        groups = {"model": self.model.variables, "optimizer": self.model.optimizer.variables}
        return {
            f"{group}/{k}": variable
            for group, variables in groups.items()
            for k, variable in enumerate(variables)
            if id(variable) not in self._frozen
        }

    def _read(self) -> tuple[dict[str, Any] | None, dict[str, np.ndarray]]:
        """The state and the arrays of the file, if there is one."""
        if not self.path.exists():
            return None, {}
        try:
            with np.load(self.path, allow_pickle=False) as file:
                state = json.loads(str(file["state"]))
                # JSON knows no tuples.
                if state["run"] != json.loads(json.dumps(self.run)):
                    raise ValueError("it was renamed, and is of another run")
                return state, {name: file[name] for name in file.files if name != "state"}
        except (OSError, ValueError, TypeError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise ArtifactError(
                f"{self.path} is not the state of a training run: {error}. Delete it to train from the beginning."
            ) from error
