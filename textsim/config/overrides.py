"""Single settings changed by strings `key=value`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from textsim.errors import ConfigError
from textsim.registry import unknown_name


def parse_value(text: str) -> Any:
    """What a text is as JSON; the text itself where it is no JSON, or a number beyond all bounds."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def assign(values: Mapping[str, Any], key: str, value: Any, assignment: str) -> dict[str, Any]:
    """Nested settings with one value changed; those given stay as they are.

    Args:
        values: the settings; keys of the way to the new value must be there.
        key: where, dotted: "training.epochs". A bare name for a part replaces the part.
        value: what.
        assignment: the change as it was given, for messages.

    Raises:
        ConfigError: the way leads through an unknown setting, or one that has none inside.
    """
    *path, last = key.split(".")
    changed = target = dict(values)
    for depth, part in enumerate(path):
        inner = target.get(part)
        if not isinstance(inner, dict):
            if part not in target:
                raise ConfigError(f"{assignment}: {unknown_name('setting', part, tuple(sorted(target)))}")
            raise ConfigError(
                f"{assignment}: {'.'.join(path[: depth + 1])} is {json.dumps(inner)} and has no {last!r}."
            )
        target[part] = dict(inner)
        target = target[part]
    if not path and key in ("encoder", "pooling", "projection", "head", "loss") and isinstance(value, str):
        value = {"name": value}
    target[last] = value
    return changed
