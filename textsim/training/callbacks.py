"""What happens at the end of an epoch: validation, and the time it took."""

from __future__ import annotations

import logging
import time
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from textsim.errors import ConfigError
from textsim.evaluation.evaluate import evaluate_scores, evaluate_triplets
from textsim.evaluation.thresholds import choose_threshold
from textsim.io.progress import Bar
from textsim.modeling.batches import PairBatches
from textsim.modeling.siamese import SiameseModel
from textsim.training.input_pipeline import batch_signature

_log = logging.getLogger(__name__)


class Validator:
    """Scores the rows of a validation split with a model in training.

    Args:
        model: the model.
        batches: the split, in a fixed order.
    """

    def __init__(self, model: SiameseModel, batches: PairBatches) -> None:
        self.batches = batches
        self.labels = batches.labels
        self._triplets = model.sides == 3
        signature = batch_signature(batches.batch(batches.order()[0]))

        def run(batch: dict[str, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
            sides = model.encode_sides(batch)
            scores = model.head(sides[:2])
            others = model.head((sides[0], sides[2])) if model.sides == 3 else scores
            return scores, others, model.batch_loss(batch, sides)

        # One compiled function for batches of every shape: a call with a new length does not trace anew.
        self._run = tf.function(run, input_signature=[signature])

    def scores(self) -> tuple[np.ndarray, np.ndarray, float]:
        """Scores in row order, those of the negatives (triplets; else the same again), and the mean loss.

        Raises:
            ConfigError: one of them is not a finite number.
        """
        order = self.batches.order()
        scores, others = np.empty(self.batches.rows, "float32"), np.empty(self.batches.rows, "float32")
        total = 0.0
        for rows in order:
            batch = {key: tf.constant(value) for key, value in self.batches.batch(rows).items()}
            a, b, loss = self._run(batch)
            scores[rows], others[rows] = a.numpy(), b.numpy()
            total += float(loss) * len(rows)
        if not (np.isfinite(scores).all() and np.isfinite(others).all() and np.isfinite(total)):
            raise ConfigError(
                "training has diverged: the model's validation scores or loss are no numbers. "
                "Lower training.learning_rate or training.clip_norm."
            )
        return scores, others, total / self.batches.rows

    def figures(self) -> dict[str, float]:
        """Validation figures by name: loss, accuracy and, for pairs, the threshold chosen on them and its figures."""
        scores, others, loss = self.scores()
        if self._triplets:
            return {"loss": loss, "accuracy": evaluate_triplets(scores, others).triplet_accuracy}
        threshold = choose_threshold(self.labels, scores)
        result = evaluate_scores(self.labels, scores, threshold)
        figures = {
            "loss": loss,
            "accuracy": result.accuracy,
            "accuracy_at_threshold": result.accuracy_at_threshold,
            "threshold": threshold,
            "auc": result.auc,
            "spearman": result.spearman,
        }
        return {name: value for name, value in figures.items() if value is not None}


class ValidateEachEpoch(keras.callbacks.Callback):
    """Adds the validation figures, as ``val_*``, and the epoch's training seconds to the epoch's logs.

    Stands before the callbacks that read those figures.
    """

    def __init__(self, validator: Validator, batches: PairBatches) -> None:
        super().__init__()
        self.validator, self.batches = validator, batches
        self.history: list[dict[str, Any]] = []

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.batches.epoch = epoch
        self._began = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        assert logs is not None
        seconds = time.perf_counter() - self._began
        for name, value in self.validator.figures().items():
            logs[f"val_{name}"] = value
        rate = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        row = {name: float(value) for name, value in logs.items()}
        self.history.append({"epoch": epoch + 1, "seconds": seconds, "learning_rate": rate, **row})


class ShowProgress(keras.callbacks.Callback):
    """Counts batches on a bar, and logs a line an epoch.

    Args:
        bar: counts the batches of all epochs.
        validate: what has the epochs' figures; it stands before.
    """

    def __init__(self, bar: Bar, validate: ValidateEachEpoch) -> None:
        super().__init__()
        self._bar, self._validate = bar, validate
        self._counted = 0  # of this epoch

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        # Several steps may have been taken since the last call.
        self._count(batch + 1)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._count(self.params["steps"])
        self._counted = 0
        figures = self._validate.history[-1]
        accuracy = "val_accuracy_at_threshold" if "val_accuracy_at_threshold" in figures else "val_accuracy"
        shown = {"loss": "loss", "val_loss": "validation loss", accuracy: "accuracy", "val_auc": "AUC"}
        parts = [f"{name} {figures[key]:.4f}" for key, name in shown.items() if key in figures]
        _log.info(
            "epoch %d/%d  %s  %.0f s", epoch + 1, self.params["epochs"], "  ".join(parts), figures["seconds"]
        )

    def _count(self, batches: int) -> None:
        """Shows how many of this epoch's batches are done."""
        batches = min(batches, self.params["steps"])
        self._bar.update(batches - self._counted)
        self._counted = batches
