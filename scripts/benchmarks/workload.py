"""What the speed benchmarks run: real pairs as batches, the model in training, and the arithmetic that it needs."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf

import textsim
from textsim.artifacts.saved_model import SavedModel
from textsim.config.recipes import RECIPES
from textsim.config.settings import Recipe
from textsim.data.dataset import PairDataset
from textsim.modeling.batches import PairBatches
from textsim.modeling.kernels.lstm import one_blas_thread
from textsim.modeling.siamese import SiameseModel
from textsim.training.input_pipeline import STEPS_AT_ONCE, Batch, batch_source
from textsim.training.optimizers import make_optimizer

RECIPE = RECIPES["bilstm-manhattan"]
DIM = 300


@dataclasses.dataclass(frozen=True)
class Work:
    """One set of sentence pairs.

    Attributes:
        name: of the set.
        source: its file of training pairs.
        dataset: the same as a dataset, nothing cut off.
        table: frozen token vectors, float32 (vocabulary, DIM). Speed does not depend on their values.
    """

    name: str
    source: Path
    dataset: PairDataset
    table: np.ndarray

    @classmethod
    def prepare(cls, name: str, data: Path, folder: Path) -> Work:
        """Makes the dataset of the training pairs of a set in a folder: 80 % train."""
        source = data / "pairs" / name / "train.tsv"
        long = textsim.VocabularySettings(max_length=10_000)
        textsim.preprocess(source, folder / name, dev_fraction=0.2, seed=0, vocabulary=long, progress=False)
        dataset = PairDataset.open(folder / name)
        assert dataset.vocabulary is not None
        table = np.random.default_rng(0).normal(0, 0.3, (len(dataset.vocabulary), DIM)).astype("float32")
        table[0] = 0
        return cls(name, source, dataset, table)

    @property
    def longest(self) -> int:
        """Tokens of the longest sentence."""
        assert self.dataset.sentences is not None
        return int(self.dataset.sentences.lengths.max())

    def pair_batches(
        self, batch_size: int = RECIPE.training.batch_size, rows: int | None = None
    ) -> PairBatches:
        """The batches of training, of all training rows or the first of them."""
        split = self.dataset.splits["train"]
        assert split.labels is not None
        sides = tuple(side[:rows] for side in split.sides)
        return PairBatches(sides, split.labels[:rows], self.dataset.sentences, batch_size, seed=0)

    def batches(self, count: int, batch_size: int = RECIPE.training.batch_size) -> list[Batch]:
        """The first batches of an epoch, which is in random order: lengths are mixed as in the whole."""
        batches = self.pair_batches(batch_size)
        full = [rows for rows in batches.order() if len(rows) == batch_size] or batches.order()
        return [batches.batch(rows) for rows in full[:count]]


class Ours:
    """The recipe's model in training, as `textsim.train` runs it."""

    def __init__(self, table: np.ndarray, recipe: Recipe = RECIPE) -> None:
        self.model = SiameseModel(recipe, *table.shape)
        assert self.model.embedding is not None
        self.model.embedding.set_table(table)
        optimizer = make_optimizer(recipe.training, steps_per_epoch=1)
        optimizer.build(self.model.trainable_variables)
        self.model.compile(optimizer=optimizer, jit_compile=False, steps_per_execution=STEPS_AT_ONCE)

    @property
    def weights(self) -> dict[str, np.ndarray]:
        return self.model.weight_arrays()

    def train(self, batches: Sequence[Batch] | PairBatches) -> None:
        """One step of training on each batch."""
        with one_blas_thread():
            self.model.fit(batch_source(batches), epochs=1, verbose=0, shuffle=False)

    def scores_and_gradients(self, batch: Batch) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Scores of a batch, and the gradients of their sum, by the encoder weights' paths."""
        variables = {
            f"encoder/{v.path.split('encoder/')[1]}": v.value for v in self.model.encoder.trainable_variables
        }
        with tf.GradientTape() as tape:
            scores = self.model({key: tf.constant(value) for key, value in batch.items()})
            total = tf.reduce_sum(scores)
        gradients = tape.gradient(total, variables)
        return scores.numpy(), {path: np.asarray(tf.convert_to_tensor(g)) for path, g in gradients.items()}


def saved_model(work: Work) -> SavedModel:
    """The recipe's model with the set's tokenizer and vocabulary, weights as they are before training."""
    ours, dataset = Ours(work.table), work.dataset
    return SavedModel(
        kind="text",
        recipe=RECIPE,
        dim=DIM,
        output_dim=ours.model.output_dim,
        weights=ours.weights,
        tokenizer=dataset.tokenizer,
        vocabulary=dataset.vocabulary,
        max_length=dataset.max_length,
    )


def training_flop(batch: Batch, dim: int, units: Sequence[int]) -> float:
    """Floating-point operations of the matrix products that a training step cannot do without; two a multiply-add.

    With D distinct tokens, N tokens that are not padding and S sentences in the batch, an LSTM direction of u units
    needs, forwards, its input product (D x dim x 4u in the first layer, N x width x 4u in the others) and its
    recurrent product ((N - S) x u x 4u: a sentence begins with zeros). Going back, each product is needed once more
    for the weights' gradient and once more for its input's, which the first layer, over frozen vectors, has no use
    for. Gates, losses and the optimizer are not counted.
    """
    lengths = batch["lengths"]
    tokens, sentences = int(lengths.sum()), int((lengths > 0).sum())
    distinct = len(np.unique(batch["token_ids"][batch["token_ids"] > 0]))
    total = 0
    for layer, u in enumerate(units):
        inputs = 2 * distinct * dim if layer == 0 else 3 * tokens * 2 * units[layer - 1]
        total += 2 * 4 * u * (inputs + 3 * (tokens - sentences) * u)
    return 2.0 * total


def matmul_rate(size: int = 2048) -> float:
    """This machine's rate now, in FLOP/s: a float32 product of two size x size matrices by TensorFlow."""
    a = tf.random.stateless_normal([size, size], seed=[0, 1])
    tf.matmul(a, a).numpy()
    seconds = []
    for _ in range(5):
        began = time.perf_counter()
        tf.matmul(a, a).numpy()
        seconds.append(time.perf_counter() - began)
    return 2.0 * size**3 / float(np.median(seconds))


def interleaved(contenders: Mapping[str, Callable[[], None]], rounds: int) -> dict[str, float]:
    """Median seconds of each contender: all warm up, then they take turns, so that a busy spell hits them alike."""
    for run in contenders.values():
        run()
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, run in contenders.items():
            began = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - began)
    return {name: float(np.median(values)) for name, values in seconds.items()}
