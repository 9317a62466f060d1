"""How far work has come: one kind of bar, on standard error, with a total and the time left wherever they are known."""

from __future__ import annotations

import sys

from tqdm import tqdm


class Bar(tqdm):
    """A progress bar: a context manager that counts what `update` adds, and is gone once it is closed."""

    def update(self, n: float = 1, fraction: float | None = None) -> bool | None:
        """Counts `n` more.

        Args:
            n: how many were done since the last time.
            fraction: of all the work, what is done by now, in [0, 1]: tells the total where it was not known.
        """
        if fraction:
            self.total = max(self.n + n, round((self.n + n) / min(fraction, 1)))
        return super().update(n)


def progress_bar(
    shown: bool | None, doing: str, unit: str, *, total: int | None = None, done: int = 0
) -> Bar:
    """A new bar.

    Args:
        shown: whether to show it; None: where standard error is a terminal.
        doing: what is done, such as "reading".
        unit: what is counted, such as "rows"; "B" for bytes.
        total: how many there are, where that is known.
        done: how many of them were done before.

    Example:
        >>> with progress_bar(False, "reading", "rows", total=3) as bar:
        ...     for _ in range(3):
        ...         bar.update()
    """
    if shown is None:
        shown = sys.stderr is not None and sys.stderr.isatty()
    return Bar(
        desc=doing,
        unit=unit if unit == "B" else f" {unit}",
        total=total,
        initial=done,
        unit_scale=True,
        dynamic_ncols=True,
        leave=False,
        disable=not shown,
    )
