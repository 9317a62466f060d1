"""Losses over the encoded sides of a batch.

Each is called with the head and the encoded sides and returns float (rows,), one loss a row, or a scalar
where rows depend on each other. All are finite, and so are their gradients, where two sides are identical and
where they are very far apart.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar, Literal

import tensorflow as tf

from textsim.config.checks import require_above_zero, require_rate
from textsim.errors import ConfigError
from textsim.modeling.heads.base import Head
from textsim.registry import LOSSES


class Loss:
    """Base of losses.

    Attributes:
        rows: "pairs" for (u, v) with labels, "triplets" for (anchor, positive, negative) without.
        measures: what heads may measure to be trained by this loss, see `textsim.modeling.heads`.
        learned_heads: whether heads with weights can be trained by it.
        weighted: whether each row has a loss of its own, so that classes can be weighted.
        trains: whether there is anything to train.
        takes_offsets: whether it can be called with `offsets`, see `BinaryCrossentropy`.
    """

    rows: ClassVar[Literal["pairs", "triplets"]] = "pairs"
    measures: ClassVar[tuple[str, ...]]
    learned_heads: ClassVar[bool] = True
    weighted: ClassVar[bool] = False
    trains: ClassVar[bool] = True
    takes_offsets: ClassVar[bool] = False

    def __call__(
        self,
        head: Head,
        sides: tuple[tf.Tensor, ...],
        labels: tf.Tensor,
        sentences: tuple[tf.Tensor, ...],
        training: bool = False,
    ) -> tf.Tensor:
        """The loss of a batch.

        Args:
            head: the model's head.
            sides: two or three float (rows, dim) tensors.
            labels: float (rows,) in [0, 1]; not used by triplets.
            sentences: for each side, int32 (rows,): equal numbers mean the same sentence.
            training: whether the head drops out.

        Where `takes_offsets`, there is one more argument, `offsets`.
        """
        raise NotImplementedError


@LOSSES.register("none")
class NoLoss(Loss):
    """Trains nothing: for models without weights to train, of which only the threshold is chosen. Always 0."""

    measures = ("distance", "cosine")
    learned_heads = False
    trains = False

    def __call__(
        self, head: Head, sides: Any, labels: tf.Tensor, sentences: Any, training: bool = False
    ) -> tf.Tensor:
        return tf.zeros_like(labels)


@LOSSES.register("binary-crossentropy")
class BinaryCrossentropy(Loss):
    """-(y log s + (1 - y) log(1 - s)) for the score s, computed from logits or from log scores.

    With `negatives`, training adds that many times the loss of `InBatchNegatives` on the encoded sides: beside the
    labelled pairs, which are close calls, the other rows' partners serve as ones that do not match.

    With `offsets`, float (rows,), the loss is that of the logit plus the offset: where the offset is the log-odds
    that something else gives, the model learns what that does not tell (product of experts; Clark et al., 2019, Don't
    Take the Easy Way Out).

    Args:
        label_smoothing: labels are drawn towards 1/2 by this fraction (Szegedy et al., 2016).
        negatives: weight of the in-batch negatives; 0 leaves them out.
        temperature: theirs.
    """

    measures = ("distance", "logit")
    weighted = True
    takes_offsets = True

    def __init__(
        self, label_smoothing: float = 0.0, negatives: float = 0.0, temperature: float = 0.05
    ) -> None:
        require_rate("label_smoothing", label_smoothing)
        require_above_zero("binary-crossentropy temperature", temperature)
        if (
            isinstance(negatives, bool)
            or not isinstance(negatives, int | float)
            or not 0 <= negatives < math.inf
        ):
            raise ConfigError(
                f"binary-crossentropy negatives: expected a number of at least 0. Received {negatives!r}."
            )
        self.label_smoothing, self.negatives = label_smoothing, negatives
        self.in_batch = InBatchNegatives(temperature)

    def __call__(
        self,
        head: Head,
        sides: Any,
        labels: tf.Tensor,
        sentences: Any,
        training: bool = False,
        offsets: tf.Tensor | None = None,
    ) -> tf.Tensor:
        measure = head.measure(sides[0], sides[1], training=training)
        log_same, log_different = head.log_probabilities(measure if offsets is None else measure + offsets)
        if training:
            labels = labels * (1 - self.label_smoothing) + self.label_smoothing / 2
        losses = -(labels * log_same + (1 - labels) * log_different)
        if training and self.negatives:
            # The same for every row: the mean over rows, weighted or not, adds it once.
            losses += self.negatives * self.in_batch(head, sides, labels, sentences, training=training)
        return losses


@LOSSES.register("contrastive")
class ContrastiveLoss(Loss):
    """y d^2 + (1 - y) max(0, margin - d)^2 for the distance d; a cosine's distance is 1 - cos.

    Reference:
        Hadsell, Chopra & LeCun (2006), Dimensionality Reduction by Learning an Invariant Mapping.
    """

    measures = ("distance", "cosine")
    weighted = True

    def __init__(self, margin: float = 1.0) -> None:
        require_above_zero("margin", margin)
        self.margin = margin

    def __call__(
        self, head: Head, sides: Any, labels: tf.Tensor, sentences: Any, training: bool = False
    ) -> tf.Tensor:
        measure = head.measure(sides[0], sides[1], training=training)
        distance = 1 - measure if head.measures == "cosine" else measure
        return labels * tf.square(distance) + (1 - labels) * tf.square(tf.maximum(self.margin - distance, 0))


@LOSSES.register("triplet")
class TripletLoss(Loss):
    """max(0, d(anchor, positive) - d(anchor, negative) + margin).

    d is the squared L2 distance for the euclidean head, the cosine distance for the cosine head, and the L1
    distance for the manhattan head.

    Reference:
        Schroff, Kalenichenko & Philbin (2015), FaceNet: A Unified Embedding for Face Recognition and
        Clustering.
    """

    rows = "triplets"
    measures = ("distance", "cosine")
    learned_heads = False

    def __init__(self, margin: float = 0.4) -> None:
        require_above_zero("margin", margin)
        self.margin = margin

    def __call__(
        self, head: Any, sides: Any, labels: tf.Tensor, sentences: Any, training: bool = False
    ) -> tf.Tensor:
        anchor, positive, negative = sides
        gap = head.rank_distance(anchor, positive) - head.rank_distance(anchor, negative)
        return tf.maximum(gap + self.margin, 0)


@LOSSES.register("cosent")
class CoSENTLoss(Loss):
    """log(1 + sum exp(scale * (m_i - m_j))) over all i, j of the batch with label_i < label_j, m the head's measure.

    Learns from the order of the labels alone, so graded labels serve as they are.

    Args:
        scale: what a difference of measures is multiplied by.

    Reference:
        Su (2022), CoSENT: A More Efficient Sentence Vector Scheme than Sentence-BERT.
    """

    measures = ("cosine", "logit")

    def __init__(self, scale: float = 20.0) -> None:
        require_above_zero("cosent scale", scale)
        self.scale = scale

    def __call__(
        self, head: Head, sides: Any, labels: tf.Tensor, sentences: Any, training: bool = False
    ) -> tf.Tensor:
        measure = self.scale * head.measure(sides[0], sides[1], training=training)
        gaps = measure[:, None] - measure[None, :]
        ordered = labels[:, None] < labels[None, :]
        gaps = tf.where(ordered, gaps, -1e9)
        return tf.reduce_logsumexp(tf.concat([[0.0], tf.reshape(gaps, [-1])], axis=0))


@LOSSES.register("in-batch-negatives")
class InBatchNegatives(Loss):
    """Cross-entropy of finding each positive's partner among all sentences of the batch's other side, both ways.

    Rows labelled 0.5 or more are the positives, each weighing 2 y - 1, so that a half match weighs nothing; the
    partners of all other rows are candidates only. A
    candidate that is the same sentence as the row itself, or as its partner in this or in another positive
    row of the batch, on whichever side, is no negative and is left out.

    Args:
        temperature: what cosines are divided by.

    Reference:
        Henderson et al. (2017), Efficient Natural Language Response Suggestion; van den Oord et al. (2018),
        CPC.
    """

    measures = ("cosine",)

    def __init__(self, temperature: float = 0.05) -> None:
        require_above_zero("in-batch-negatives temperature", temperature)
        self.temperature = temperature

    def __call__(
        self, head: Head, sides: Any, labels: tf.Tensor, sentences: Any, training: bool = False
    ) -> tf.Tensor:
        left, right = (tf.math.l2_normalize(side, axis=-1, epsilon=1e-12) for side in sides)
        own, partner = sentences
        similarity = tf.matmul(left, right, transpose_b=True) / self.temperature
        diagonal = tf.eye(tf.shape(labels)[0], dtype=tf.bool)
        positive = tf.cast(labels >= 0.5, left.dtype)
        weights = tf.maximum(2 * labels - 1, 0)

        def one_way(logits: tf.Tensor, own: tf.Tensor, partner: tf.Tensor) -> tf.Tensor:
            # Row i's sentence is an end of positive row j, whose other end is the candidate of column k.
            ends, others = tf.concat([own, partner], 0), tf.concat([partner, own], 0)
            has = tf.cast(own[:, None] == ends[None, :], left.dtype) * tf.tile(positive, [2])[None, :]
            known = tf.matmul(has, tf.cast(others[:, None] == partner[None, :], left.dtype)) > 0
            same = known | (partner[None, :] == own[:, None])
            logits = tf.where(same & ~diagonal, -1e9, logits)
            return tf.reduce_logsumexp(logits, axis=1) - tf.linalg.diag_part(logits)

        each = one_way(similarity, own, partner) + one_way(tf.transpose(similarity), partner, own)
        return tf.math.divide_no_nan(tf.reduce_sum(each * weights), 2 * tf.reduce_sum(weights))
