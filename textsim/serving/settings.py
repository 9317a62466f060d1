"""Settings of the service."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from textsim.config.settings import Settings
from textsim.errors import ConfigError


class ServiceSettings(Settings):
    """What is served, and within which limits.

    They travel to the worker processes as JSON.
    """

    model: str
    index: str | None = Field(default=None, description="folder of a stored index")
    api_key_file: str | None = Field(
        default=None, description="a key a line; without it every request is answered"
    )
    max_batch: int = Field(default=1024, ge=1, description="pairs or texts of one request")
    max_text: int = Field(default=10_000, ge=1, description="characters of one text")
    max_body: int = Field(default=8 << 20, ge=1024, description="bytes of one request")
    threads: int | None = Field(default=None, ge=1, description="threads that compute; by default one a core")


def read_keys(path: str | Path) -> tuple[bytes, ...]:
    """The API keys of a file, one a line; blank lines and those that begin with # are left out.

    Raises:
        ConfigError: the file cannot be read, or holds no key.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"api_key_file {path}: cannot be read: {error}.") from None
    keys = tuple(
        line.strip().encode() for line in lines if line.strip() and not line.lstrip().startswith("#")
    )
    if not keys:
        raise ConfigError(f"api_key_file {path}: expected a key a line. Found none.")
    return keys
