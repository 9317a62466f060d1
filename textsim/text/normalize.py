"""Text to its normal form: Unicode compatibility, case, width, control characters, Chinese variants."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from functools import cache
from typing import Any

from textsim.errors import ConfigError, InputError
from textsim.extras import needed_for
from textsim.registry import unknown_name

# Unicode categories Cc (without what str.isspace() counts as whitespace), Cf and Cs. Written out, because
# finding them by category costs a walk over all of Unicode at each import; a test compares them with
# unicodedata.
CONTROL_CHARACTERS = (
    "\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e"
    "\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb\U000110bd\U000110cd"
    "\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0001\U000e0020-\U000e007f"
)
_CONTROL = re.compile(f"[{CONTROL_CHARACTERS}]")
# Anything that removing controls or joining whitespace would change; most texts hold none of it.
_UNTIDY = re.compile(rf"[{CONTROL_CHARACTERS}]|[^\S ]|\s\s|^\s|\s\Z")
_FULL_WIDTH = re.compile("[\uff01-\uff5e]+")
_TO_HALF_WIDTH = {full: full - 0xFEE0 for full in range(0xFF01, 0xFF5F)}
# Every known text settles in at most three passes; the bound only keeps a faulty OpenCC dictionary from
# looping.
_MAX_PASSES = 16


@dataclass(frozen=True)
class Normalizer:
    """Brings texts that mean the same to the same characters.

    Always: control and format characters (zero-width joiners, byte order marks, soft hyphens) and lone
    surrogates are removed, each run of whitespace becomes one space, and both ends are stripped. The steps
    are repeated until nothing changes, so a normalized text is its own normal form.

    Args:
        nfkc: apply Unicode normalization form KC, which also turns full width into half width.
        lowercase: lower-case every letter.
        half_width: turn full-width ASCII (U+FF01 to U+FF5E) into half width. `nfkc` does it too, so this
            matters only where `nfkc` is off.
        simplify: turn traditional Chinese characters into simplified ones (OpenCC's t2s; extra "opencc").

    Raises:
        ConfigError: an option is not a bool.
        MissingDependencyError: `simplify` is on and OpenCC is not installed.
    """

    nfkc: bool = True
    lowercase: bool = True
    half_width: bool = True
    simplify: bool = False

    def __post_init__(self) -> None:
        for name, value in self.to_config().items():
            if not isinstance(value, bool):
                raise ConfigError(f"normalizer option {name!r}: expected true or false. Received {value!r}.")
        if self.simplify:
            _simplifier()

    def __call__(self, text: str) -> str:
        """The normal form of `text`; may be empty.

        Raises:
            InputError: `text` is not a str.
        """
        if not isinstance(text, str):
            raise InputError(f"expected a text (str). Received {type(text).__name__}: {text!r:.80}.")
        for _ in range(_MAX_PASSES):
            changed = self._pass(text)
            if changed == text:
                break
            text = changed
        return text

    def _pass(self, text: str) -> str:
        if _UNTIDY.search(text):
            text = " ".join(_CONTROL.sub("", text).split())
        if self.nfkc:
            text = unicodedata.normalize("NFKC", text)
        elif self.half_width:
            text = _FULL_WIDTH.sub(lambda match: match[0].translate(_TO_HALF_WIDTH), text)
        if self.lowercase:
            text = text.lower()
        if self.simplify:
            text = _simplifier()(text)
        return text

    def to_config(self) -> dict[str, bool]:
        """The options, as `from_config` takes them."""
        return asdict(self)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Normalizer:
        """The normalizer with the given options; those left out have their defaults.

        Raises:
            ConfigError: an option is unknown or not a bool.
        """
        names = tuple(sorted(field.name for field in fields(cls)))
        for name in config:
            if name not in names:
                raise ConfigError(unknown_name("normalizer option", name, names))
        return cls(**config)


@cache
def _simplifier() -> Callable[[str], str]:
    with needed_for("normalizer option 'simplify'"):
        from opencc import OpenCC
    convert: Callable[[str], str] = OpenCC("t2s").convert
    return convert
