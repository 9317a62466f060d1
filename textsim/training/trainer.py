"""Training: a dataset and a recipe in, a saved model out."""

from __future__ import annotations

import dataclasses
import logging
import platform
import time
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import textsim
from textsim.artifacts.profile import Profile
from textsim.artifacts.provenance import origin
from textsim.artifacts.saved_model import SavedModel, check_output, load_model, save_model
from textsim.config.recipes import build_recipe, default_recipe
from textsim.config.settings import Recipe, TrainingSettings
from textsim.data.dataset import PairDataset, Sentences
from textsim.errors import ConfigError
from textsim.evaluation.calibration import cross_fit
from textsim.evaluation.drift import TextMeasures, profile_of
from textsim.evaluation.evaluate import as_pairs, evaluate_scores, evaluate_triplets
from textsim.evaluation.plots import picture
from textsim.evaluation.report import REPORT
from textsim.evaluation.row_scores import row_scores
from textsim.evaluation.thresholds import choose_threshold
from textsim.io.paths import as_text
from textsim.io.progress import progress_bar
from textsim.matching.text_matcher import TextMatcher
from textsim.matching.vector_matcher import VectorMatcher
from textsim.modeling.batches import PairBatches
from textsim.modeling.kernels.lstm import has_numba, one_blas_thread
from textsim.modeling.kernels.stock_lstm import has_gpu
from textsim.modeling.siamese import SiameseModel, check_recipe
from textsim.registry import LOSSES
from textsim.training.augmentation.contrast.rows import contrast_rows
from textsim.training.augmentation.debias import overlap_log_odds, shared_tokens
from textsim.training.augmentation.distillation import check_listed, load_teachers, teacher_labels
from textsim.training.augmentation.teachers import Teacher
from textsim.training.augmentation.transitive import implied_pairs
from textsim.training.callbacks import ShowProgress, ValidateEachEpoch, Validator
from textsim.training.checkpoint import Checkpoint, fingerprint
from textsim.training.dataset_checks import check_dataset, check_word_vectors
from textsim.training.devices import Device, use_device
from textsim.training.diagnostics import diagnose, write_reports
from textsim.training.input_pipeline import STEPS_AT_ONCE, batch_source
from textsim.training.optimizers import check_optimizer, make_optimizer
from textsim.training.report_page import training_report
from textsim.training.warm_start import as_read_by, continued

VALIDATION_BATCH = 512

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class TrainingResult:
    """What a training run gave.

    Attributes:
        path: the model folder.
        history: one dict an epoch: epoch, seconds, learning_rate, loss, accuracy, and the ``val_*`` figures.
        metrics: validation figures of the saved weights.
        threshold: the decision threshold chosen on the validation split.
        warnings: what looks wrong, in plain words.
        seconds: of the whole run.
    """

    path: Path
    history: list[dict[str, Any]]
    metrics: dict[str, Any]
    threshold: float
    warnings: list[str]
    seconds: float

    def summary(self) -> str:
        """The result as lines of text."""
        lines = [
            f"model       {as_text(self.path)}",
            f"epochs      {len(self.history)} in {self.seconds:.0f} s",
        ]
        if "triplet_accuracy" in self.metrics:
            lines.append(
                f"validation  triplet accuracy {self.metrics['triplet_accuracy']:.4f} "
                f"of {self.metrics['triplets']:,} triplets"
            )
        else:
            m = self.metrics
            auc = "" if m["auc"] is None else f", AUC {m['auc']:.4f}"
            lines.append(
                f"validation  accuracy {m['accuracy_at_threshold']:.4f} at threshold {self.threshold:.3f} "
                f"({m['accuracy']:.4f} at 0.5; majority class {m['majority_accuracy']:.4f}){auc}"
            )
        lines += [f"warning: {warning}" for warning in self.warnings]
        return "\n".join(lines)


def train(
    dataset: PairDataset | str | Path,
    recipe: Recipe | str | None,
    out: str | Path,
    *,
    init: str | Path | None = None,
    teachers: Sequence[str | Path] = (),
    overwrite: bool = False,
    device: Device = "auto",
    gpu_memory: int | None = None,
    progress: bool | None = None,
    report: bool = True,
) -> TrainingResult:
    """Trains a model on a dataset and saves it.

    The same dataset, recipe and machine give the same weights to the bit. The epoch with the best validation
    figure (`recipe.training.monitor`) is kept; the decision threshold is chosen, and the probability of a score fitted,
    on the validation split.

    The state after an epoch is kept beside `out` (see `checkpoint_path`) until the model is saved: every half minute,
    and where the training is interrupted. The same call goes on from there, and ends with the same bits.

    Args:
        dataset: a dataset folder, or one opened. It needs a `dev` split.
        recipe: what to train and how, or the name of one of `RECIPES`. With `init`, one of the same parts. None is the
            `default_recipe` of such a dataset; with `init`, `load_model(init).recipe.for_continuing()`.
        out: the model folder to write. It appears only when it is whole.
        init: a model folder or the name of a bundled model to continue from, in place of random weights. A dataset
            of texts must extend its vocabulary (`preprocess(..., vocabulary=...)`), and may simplify. Vectors are
            standardized as the model was trained, whatever the dataset's mean and spread.
        teachers: model folders, names of bundled models or other teachers (see
            `textsim.training.augmentation.distillation.load_teacher`) whose scores, averaged as log-odds,
            take the place of the training labels, those of the transitive closure among them. Validation keeps its own.
        overwrite: whether an existing model folder may be replaced.
        device: "auto" for a GPU where there is one, "cpu" for none; for the whole process, see `use_device`.
        gpu_memory: the most memory to take of each GPU, in MB; None: what it needs, as it needs it.
        progress: whether to show a progress bar on standard error; by default where that is a terminal. Each epoch's
            figures are logged, at the level INFO.
        report: whether the model folder gets a page about the validation split, ``report.html``.

    Raises:
        ConfigError: parts of the recipe do not fit each other or the dataset.
        ArtifactError: the dataset is not whole, `out` exists, or what is kept of an interrupted run was altered.

    Example:
        >>> result = train("dataset", "bilstm-attention", "model")  # doctest: +SKIP
        >>> result.metrics["accuracy_at_threshold"], result.threshold  # doctest: +SKIP
    """
    began = time.perf_counter()
    if recipe is None:
        if init is None:
            dataset = _opened(dataset)
            recipe = default_recipe(dataset.kind, len(dataset.splits["train"]))
        else:
            recipe = load_model(init).recipe.for_continuing()
    if isinstance(recipe, str):
        recipe = build_recipe(recipe)
    check_recipe(recipe)
    check_listed("teachers", teachers)
    teachers = list(teachers)
    if teachers and not LOSSES.get(recipe.loss.name).trains:
        raise ConfigError(
            f"loss {recipe.loss.name!r} trains nothing: there is nothing for a teacher to teach."
        )
    check_optimizer(recipe.training.optimizer)
    check_output(out, overwrite=overwrite)
    dataset = _opened(dataset)
    check_recipe(recipe, dataset.kind)
    start = None if init is None else load_model(init)
    if start is None:
        check_word_vectors(recipe, dataset)
    else:
        dataset = as_read_by(start, dataset)
    check_dataset(recipe, dataset, taught=bool(teachers))
    loaded = load_teachers(teachers, dataset)
    origins: dict[str, Any] = {}
    if start is not None and init is not None:
        origins["continued_from"] = origin(init, start)
    if loaded:
        origins["teachers"] = [
            {"name": as_text(Path(name).name)}
            if (saved := getattr(teacher, "saved", None)) is None
            else origin(name, saved)
            for name, teacher in zip(teachers, loaded, strict=True)
        ]

    use_device(device, gpu_memory)
    repeatable(recipe.training.seed)
    model = model_for(recipe, dataset) if start is None else continued(start, recipe, dataset)
    if model.row_loss.trains and not model.trainable_variables:
        raise ConfigError(
            f"loss {recipe.loss.name!r} has nothing to train: the parts have no weights but the embedding, which is "
            "frozen. Set embedding.trainable to true; or take loss 'none', and the threshold alone is chosen."
        )
    batches = _training_batches(dataset, recipe.training, loaded, progress)
    del loaded, start  # not in memory while the model trains
    history: list[dict[str, Any]] = []
    checkpoint = None
    if model.row_loss.trains:
        identity = {
            "recipe": recipe.to_dict(),
            "numbers": fingerprint(_numbers(model, dataset, batches)),
            **origins,
            "versions": _versions(),
            # Its layers have random states of their own.
            "gpu": has_gpu(),
        }
        validator = Validator(model, _validation_batches(dataset))
        history, checkpoint = _fit(model, batches, validator, recipe.training, progress, Path(out), identity)

    saved = SavedModel(
        kind="vectors" if dataset.kind == "vectors" else "text",
        recipe=recipe,
        dim=model.dim,
        output_dim=model.output_dim,
        tokenizer=dataset.tokenizer,
        vocabulary=dataset.vocabulary,
        max_length=dataset.max_length,
        scaler=dataset.scaler,
        weights=model.weight_arrays(),
    )
    columns = _validation_scores(saved, dataset)
    labels, shown = as_pairs(dataset.splits["dev"].labels, columns)
    threshold = choose_threshold(labels, shown)
    metrics: dict[str, Any]
    if dataset.kind == "triplets":
        metrics = {**evaluate_triplets(columns[0], columns[1]).to_dict(), "threshold": threshold}
    else:
        metrics = evaluate_scores(labels, shown, threshold).to_dict()
    fitted = cross_fit(labels, shown)
    trained = None if dataset.kind == "triplets" else batches.labels
    warnings = diagnose(history, labels, shown, threshold, trained)
    seconds = time.perf_counter() - began + (checkpoint.seconds if checkpoint else 0)
    saved = dataclasses.replace(
        saved,
        threshold=threshold,
        calibration=fitted.calibration,
        profile=_profile(dataset, shown),
        metrics=metrics,
        provenance={**origins, **_provenance(dataset, batches.rows, history, warnings, seconds)},
    )
    title = f"{recipe.encoder.name} + {recipe.head.name} on {as_text(dataset.path.name)}"

    def reports(folder: Path) -> None:
        write_reports(folder, title, model, history, labels, shown, threshold)
        if report:
            started = time.perf_counter()
            with picture(REPORT):
                page = training_report(
                    saved, as_text(Path(out).name), dataset, labels, shown, fitted.probabilities, history
                )
                (folder / REPORT).write_text(page, encoding="utf-8", newline="\n")
            _log.info("%s: %.1f s", REPORT, time.perf_counter() - started)

    save_model(saved, Path(out), extra=reports, overwrite=overwrite, checked=True)
    if checkpoint:
        checkpoint.discard()
    return TrainingResult(Path(out), history, metrics, threshold, warnings, seconds)


def _validation_scores(saved: SavedModel, dataset: PairDataset) -> list[np.ndarray]:
    """The scores that a model gives to the validation split once it is loaded, columns as of `LabelledScores`.

    What equal texts, equal vectors and texts without a known token score is not the head's to say.
    """
    matcher: TextMatcher | VectorMatcher = (
        VectorMatcher(saved) if saved.kind == "vectors" else TextMatcher(saved)
    )
    chunks = row_scores(matcher, dataset, dataset.splits["dev"].sides)
    return [np.concatenate(column) for column in zip(*chunks, strict=True)]


def _profile(dataset: PairDataset, scores: np.ndarray) -> Profile | None:
    """What the model keeps of the validation split, whose scores, float (pairs,), these are; None of vectors."""
    if dataset.sentences is None:
        return None
    texts = np.concatenate(dataset.splits["dev"].sides)
    return profile_of(scores, TextMeasures.of_sentences(dataset.sentences, texts))


def _opened(dataset: PairDataset | str | Path) -> PairDataset:
    return dataset if isinstance(dataset, PairDataset) else PairDataset.open(dataset)


def repeatable(seed: int) -> None:
    """Seeds every source of chance and asks TensorFlow for operations that give the same bits each time."""
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()


def model_for(recipe: Recipe, dataset: PairDataset) -> SiameseModel:
    """A fresh model for a dataset, its embedding started from the dataset's word vectors where there are any."""
    if dataset.kind == "vectors":
        return SiameseModel(recipe, None, dataset.splits["train"].sides[0].shape[1], name="siamese")
    assert recipe.embedding is not None and dataset.vocabulary is not None
    dim = recipe.embedding.dim if dataset.embedding is None else dataset.embedding.shape[1]
    model = SiameseModel(recipe, len(dataset.vocabulary), dim, name="siamese")
    if dataset.embedding is not None and model.embedding is not None:
        model.embedding.set_table(dataset.embedding)
    return model


def _fit(
    model: SiameseModel,
    batches: PairBatches,
    validator: Validator,
    settings: TrainingSettings,
    progress: bool | None,
    out: Path,
    identity: dict[str, Any],
) -> tuple[list[dict[str, Any]], Checkpoint]:
    """Trains, leaves the best epoch's weights in the model, and returns the history and what kept the run's state.

    A state of the same identity, left beside `out` by an interruption, is taken up.
    """
    source = batch_source(batches)
    if has_gpu():
        # On a CPU the thread that fetches takes more time from the training than it saves.
        source = source.prefetch(4)
    validate = ValidateEachEpoch(validator, batches)
    better = "min" if settings.monitor == "loss" else "max"
    keep_best = keras.callbacks.EarlyStopping(
        monitor=f"val_{settings.monitor}",
        mode=better,
        patience=settings.patience or settings.epochs,
        restore_best_weights=True,
    )
    # First, so that validation and the kept weights are those of the average.
    averages = [keras.callbacks.SwapEMAWeights(swap_on_epoch=True)] if settings.average else []
    checkpoint = Checkpoint(out, identity, model, validate, keep_best, averages)
    callbacks = [*averages, validate, keep_best, checkpoint]
    kept = as_text(checkpoint.path)
    if checkpoint.epoch:
        _log.info(
            "%s: %d of %d epochs are done, going on from there", kept, checkpoint.epoch, settings.epochs
        )
    for other in checkpoint.others:
        _log.info(
            "%s is of a run with other data, settings or versions, and is left as it is. Delete it if that run shall "
            "not go on.",
            as_text(other),
        )
    optimizer = make_optimizer(settings, len(batches))
    optimizer.build(model.trainable_variables)
    model.compile(optimizer=optimizer, jit_compile=False, steps_per_execution=STEPS_AT_ONCE)
    if not checkpoint.finished:
        _log.info("compiling the training step: about ten seconds, twice as long the first time on a machine")
    steps, done = len(batches), len(batches) * checkpoint.epoch
    try:
        with (
            one_blas_thread(),
            progress_bar(progress, "training", "batches", total=steps * settings.epochs, done=done) as bar,
        ):
            model.fit(
                source,
                initial_epoch=settings.epochs if checkpoint.finished else checkpoint.epoch,
                epochs=settings.epochs,
                callbacks=[*callbacks, ShowProgress(bar, validate)],
                verbose=0,
                shuffle=False,
            )
    except (KeyboardInterrupt, SystemExit) as end:
        checkpoint.write()
        # Nobody may be there any more to read what was asked for by a signal.
        if checkpoint.epoch and isinstance(end, KeyboardInterrupt):
            _log.info(
                "%s holds %d of %d epochs: the same call goes on from there",
                kept,
                checkpoint.epoch,
                settings.epochs,
            )
        raise
    return validate.history, checkpoint


def _numbers(model: SiameseModel, dataset: PairDataset, batches: PairBatches) -> Iterator[np.ndarray | None]:
    """All that a run is computed from but its settings: weights, rows of both splits, and their sentences."""
    yield from model.weight_arrays().values()
    yield from (*batches.sides, batches.labels, batches.weights, batches.offsets)
    dev = dataset.splits["dev"]
    yield from (*dev.sides, dev.labels)
    # Those of the batches, where contrast pairs brought more.
    if isinstance(batches.sentences, Sentences):
        yield from (batches.sentences.ids, batches.sentences.offsets)


def _training_batches(
    dataset: PairDataset,
    settings: TrainingSettings,
    teachers: Sequence[TextMatcher | VectorMatcher | Teacher] = (),
    progress: bool | None = None,
) -> PairBatches:
    rows, sentences = dataset.splits["train"], dataset.sentences
    sides, labels = rows.sides, rows.labels
    weights = (1.0, 1.0)
    if labels is not None:
        if settings.transitive:
            # No more than there are labelled ones: those are what is known, and an epoch no longer than two.
            implied = implied_pairs(sides[0], sides[1], labels)
            implied = implied.at_most(int(np.isin(labels, (0, 1)).sum()), settings.seed)
            _log.info(
                "%s pairs of the transitive closure beside %s labelled ones",
                f"{len(implied.labels):,}",
                f"{len(labels):,}",
            )
            sides = tuple(np.concatenate(parts) for parts in zip(sides, implied[:2], strict=True))
            labels = np.concatenate([labels, implied.labels])
        if teachers:
            labels = teacher_labels(teachers, dataset, sides, progress=progress)
        if settings.contrast:
            made = contrast_rows(dataset, round(settings.contrast * len(rows)), settings.seed)
            _log.info("%s contrast pairs beside %s others", f"{len(made.labels):,}", f"{len(labels):,}")
            sentences = made.sentences
            sides = tuple(np.concatenate(parts) for parts in zip(sides, made[1:3], strict=True))
            labels = np.concatenate([labels, made.labels])
        share = float(np.mean(labels >= 0.5))
        if 0 < share < 1 and settings.class_weights == "balanced":
            weights = (0.5 / (1 - share), 0.5 / share)
    batches = PairBatches(sides, labels, sentences, settings.batch_size, settings.seed, weights)
    if settings.debias and sentences is not None and labels is not None:
        shared = shared_tokens(sentences, *sides)
        batches.offsets = settings.debias * overlap_log_odds(shared, batches.labels, batches.weights)
    return batches


def _validation_batches(dataset: PairDataset) -> PairBatches:
    rows = dataset.splits["dev"]
    return PairBatches(rows.sides, rows.labels, dataset.sentences, VALIDATION_BATCH)


def _provenance(
    dataset: PairDataset,
    trained_rows: int,
    history: list[dict[str, Any]],
    warnings: list[str],
    seconds: float,
) -> dict[str, Any]:
    return {
        "dataset": as_text(dataset.path.name),
        "rows": {name: len(split) for name, split in dataset.splits.items()},
        # More than the split has where labels implied others.
        "trained_rows": trained_rows,
        # Where a file lay on this machine says nothing elsewhere; its last folder often names the set.
        "sources": [
            {**source, "path": "/".join([part for part in Path(source["path"]).parts if part != ".."][-2:])}
            for source in dataset.manifest.get("sources", [])
        ],
        "dataset_sha256": dataset.sha256,
        "epochs": len(history),
        "seconds": round(seconds, 1),
        "warnings": warnings,
        "versions": _versions(),
    }


def _versions() -> dict[str, str]:
    return {
        "textsim": textsim.__version__,
        "python": platform.python_version(),
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "numpy": np.__version__,
        **({"numba": metadata.version("numba")} if has_numba() else {}),
    }
