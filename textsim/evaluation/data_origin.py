"""What a model keeps of the rows that its threshold was chosen on: a name and a hash."""

from __future__ import annotations

import os
from pathlib import Path

from textsim.data.sources import Source, is_path, name_of
from textsim.io.manifest import MANIFEST, sha256_file
from textsim.io.paths import as_text, is_stream


def data_origin(source: Source) -> dict[str, str | None]:
    """What the provenance of a model keeps of a data file, a dataset folder or rows in memory.

    The hash of a dataset is that of its manifest, which holds those of its files; of a stream and of what is in memory
    there is none.
    """
    if not is_path(source):
        return {"name": name_of(source), "sha256": None}
    if is_stream(source):
        return {"name": as_text(source), "sha256": None}
    # Where it lay on this machine says nothing elsewhere; its last folder often names the set.
    name = as_text("/".join(Path(os.path.abspath(source)).parts[-2:]))
    folder = Path(source).is_dir()
    return {"name": name, "sha256": sha256_file(Path(source, MANIFEST) if folder else source)}
