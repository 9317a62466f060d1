"""Faults on purpose, many of them: nothing may be lost, wrong in silence, or end in a traceback.

    python scripts/faults.py kill --count 300       commands killed at random moments
    python scripts/faults.py flip --count 2000      damaged model and dataset folders
    python scripts/faults.py hostile --count 2000   folders altered with their hashes
    python scripts/faults.py fuzz --count 20000     files that are nearly right
    python scripts/faults.py soak --count 16 --seconds 600   threads on one matcher

Each prints a line of what came out, and what is wrong with the command that repeats it. The exit code is 1 where
anything is. Needs Linux.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import tempfile
import time
from pathlib import Path


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="campaign", required=True)
    for name, count in (("kill", 300), ("flip", 2000), ("hostile", 2000), ("fuzz", 20_000), ("soak", 16)):
        command = commands.add_parser(name, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
        command.add_argument("--seed", type=int, default=0, help="of all that is drawn at random")
        what = "threads" if name == "soak" else "trials"
        command.add_argument("--count", type=int, default=count, help=what)
        if name == "soak":
            command.add_argument("--seconds", type=float, default=600.0, help="how long")
            command.add_argument("--model", help="a model folder or name; by default a small one")
        if name == "fuzz":
            command.add_argument("--keep", type=Path, help="a folder for the files that fail")
            command.add_argument(
                "--guided", metavar="READER", help="with atheris, one reader, for --count seconds"
            )
    options = vars(parser.parse_args())
    name = options.pop("campaign")
    sys.path.insert(0, str(Path(__file__).parent))
    with tempfile.TemporaryDirectory(prefix="faults-") as work:
        if options.get("guided"):
            import atheris  # pip install atheris

            with atheris.instrument_imports(include=["textsim"]):
                fuzz = importlib.import_module("campaigns.fuzz")
            fuzz.guided(options["guided"], options["count"], Path(work))
            return 0
        options.pop("guided", None)
        began = time.perf_counter()
        outcome = importlib.import_module(f"campaigns.{name}").run(work=Path(work), **options)
    print(f"{name} --seed {options['seed']}: {outcome.summary()}, {time.perf_counter() - began:.0f} s")
    return 1 if outcome.problems else 0


if __name__ == "__main__":
    sys.exit(main())
