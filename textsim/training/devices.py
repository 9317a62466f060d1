"""The device that a model trains on, and how much of its memory."""

from __future__ import annotations

import logging
from typing import Literal

import tensorflow as tf

from textsim.errors import ConfigError, InputError

Device = Literal["auto", "cpu"]

_log = logging.getLogger(__name__)


def use_device(device: Device = "auto", gpu_memory: int | None = None) -> None:
    """Chooses what TensorFlow computes on, for the whole process; before it computes anything.

    TensorFlow by itself takes all memory of a GPU. Here it takes what it needs, as it needs it.

    Args:
        device: "auto" for a GPU where there is one, "cpu" for none.
        gpu_memory: the most memory to take of each GPU, in MB; None for no bound.

    Raises:
        InputError: the device is another, the memory is no positive number, or both are given for the CPU.
        ConfigError: TensorFlow computes already, on what was not chosen.
    """
    if device not in ("auto", "cpu"):
        raise InputError(f"device: expected 'auto' or 'cpu'. Received {device!r}.")
    if gpu_memory is not None and gpu_memory < 1:
        raise InputError(f"gpu_memory: expected a number of MB, at least 1. Received {gpu_memory}.")
    if device == "cpu" and gpu_memory is not None:
        raise InputError("gpu_memory is for a GPU, and device is 'cpu': leave one of them out.")
    gpus = tf.config.list_physical_devices("GPU")
    if gpu_memory is not None and not gpus:
        _log.warning("gpu_memory has no effect: TensorFlow finds no GPU")
    try:
        if device == "cpu":
            tf.config.set_visible_devices([], "GPU")
        for gpu in gpus if device == "auto" else []:
            if gpu_memory is None:
                tf.config.experimental.set_memory_growth(gpu, True)
            else:
                limit = tf.config.LogicalDeviceConfiguration(memory_limit=gpu_memory)
                tf.config.set_logical_device_configuration(gpu, [limit])
    except RuntimeError as error:
        if device == "auto" and gpu_memory is None:
            return  # What runs already keeps the memory it has.
        raise ConfigError(
            f"device {device!r}, gpu_memory {gpu_memory}: TensorFlow has taken its devices already. Choose before it "
            f"computes anything, or in a new process. It says: {error}"
        ) from error
