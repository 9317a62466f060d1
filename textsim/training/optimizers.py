"""Keras's optimizers by name, with the learning-rate schedule of the training settings."""

from __future__ import annotations

import inspect
from typing import Any

import keras

from textsim.config.settings import TrainingSettings
from textsim.errors import ConfigError
from textsim.registry import unknown_name


def check_optimizer(name: str) -> None:
    """Raises ConfigError unless `name` is a Keras optimizer."""
    names = optimizer_names()
    if name not in names:
        raise ConfigError(unknown_name("optimizer", name, names))


def optimizer_names() -> tuple[str, ...]:
    """The Keras optimizers by class name; not those that wrap others."""
    base = keras.optimizers.Optimizer
    return tuple(
        sorted(
            name
            for name, cls in vars(keras.optimizers).items()
            if isinstance(cls, type) and issubclass(cls, base) and cls is not base
            if "learning_rate" in inspect.signature(cls).parameters
        )
    )


def make_optimizer(settings: TrainingSettings, steps_per_epoch: int) -> keras.optimizers.Optimizer:
    """The optimizer with its learning-rate schedule. Gradients are clipped before it sees them.

    Args:
        settings: training settings.
        steps_per_epoch: batches in an epoch, from which the schedule's length follows.
    """
    rate: Any = settings.learning_rate
    if settings.schedule == "cosine":
        total = settings.epochs * steps_per_epoch
        warmup = int(settings.warmup * total)
        if warmup:
            rate = keras.optimizers.schedules.CosineDecay(
                0.0, total - warmup, warmup_target=settings.learning_rate, warmup_steps=warmup
            )
        else:
            rate = keras.optimizers.schedules.CosineDecay(rate, total)
    cls = getattr(keras.optimizers, settings.optimizer)
    options: dict[str, Any] = {"learning_rate": rate}
    # Some optimizers decay by default: what the settings say holds for them too.
    for name, parameter in inspect.signature(cls).parameters.items():
        if name.endswith("weight_decay") and (settings.weight_decay or parameter.default):
            options[name] = settings.weight_decay
    if settings.average:
        options |= {"use_ema": True, "ema_momentum": settings.average}
    return cls(**options)
