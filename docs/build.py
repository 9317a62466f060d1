"""Builds the documentation site, in Chinese and English.

    python docs/build.py OUT        writes OUT/index.html, OUT/zh and OUT/en

Warnings are errors. Needs the extra `docs`.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

DOCS = Path(__file__).resolve().parent
LANGUAGES = ("zh", "en")


def build(out: Path) -> None:
    """Builds every language into a folder of its own.

    Raises:
        subprocess.CalledProcessError: Sphinx reported an error or a warning.
    """
    for language in LANGUAGES:
        with tempfile.TemporaryDirectory() as doctrees:
            subprocess.run(
                [
                    *(sys.executable, "-m", "sphinx", "--builder", "html", "--quiet"),
                    *("--fail-on-warning", "--fresh-env", "--write-all", "--tag", language),
                    *("--conf-dir", DOCS, "--doctree-dir", doctrees, DOCS / language, out / language),
                ],
                check=True,
            )
    shutil.copy(DOCS / "index.html", out)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    try:
        build(Path(sys.argv[1]))
    except subprocess.CalledProcessError as error:
        sys.exit(error.returncode)
