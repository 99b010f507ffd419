"""The command `train`: from options to the training of a service, with its progress."""

from __future__ import annotations

import dataclasses
import importlib
import itertools
import types
import typing
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

_TRUE, _FALSE = {"true", "yes", "on", "1"}, {"false", "no", "off", "0"}


class TrainingOptionError(Exception):
    """An option that the training does not know, or a value that it cannot have."""


def train(model: str, options: Mapping[str, Any], settings: Iterable[str], console: Console) -> dict[str, Any]:
    """Trains the model of a service.

    Args:
        model: `detector`, `recognizer` or `extractor`.
        options: Values for the fields of the service's `TrainingConfig`; those that are None keep its default.
        settings: Further ones as `NAME=VALUE`.
        console: Shows the progress.

    Returns:
        The measures at the end.

    Raises:
        TrainingOptionError: If a setting is unknown or has a wrong value, or what trains is not installed.
    """
    try:
        module = importlib.import_module(f"services.{model}.training.train")
    except ModuleNotFoundError as error:
        raise TrainingOptionError(
            f"Training needs {error.name}, which is not installed: pip install 'quittance[train]'"
        ) from error
    config = configure(module.TrainingConfig, options, settings)
    return follow(module.train, config, console)


def put_aside(run: Path) -> Path:
    """Renames the folder of a run, so that a new one can take its place; a checkpoint of hours is never deleted."""
    number = next(number for number in itertools.count(1) if not run.with_name(f"{run.name}-{number}").exists())
    return run.rename(run.with_name(f"{run.name}-{number}"))


def configure(config_type: type[Any], options: Mapping[str, Any], settings: Iterable[str]) -> Any:
    """Makes a `TrainingConfig` of options and `NAME=VALUE` settings; see `train`."""
    known = {field.name for field in dataclasses.fields(config_type)}
    annotations = typing.get_type_hints(config_type)
    values = {name: value for name, value in options.items() if value is not None}
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals:
            raise TrainingOptionError(f"--set {setting}: write NAME=VALUE")
        values[name] = parse(annotations[name], text, name) if name in known else text
    unknown = sorted(values.keys() - known)
    if unknown:
        raise TrainingOptionError(
            f"This training has no setting {', '.join(unknown)}. It has {', '.join(sorted(known))}."
        )
    return config_type(**values)


def parse(annotation: Any, text: str, name: str) -> Any:
    """Turns the text of a setting into the type of its field; raises TrainingOptionError if it cannot be."""
    kinds = typing.get_args(annotation) if isinstance(annotation, types.UnionType) else (annotation,)
    if type(None) in kinds and text.lower() in ("", "none"):
        return None
    for kind in kinds:
        if kind is bool and text.lower() in _TRUE | _FALSE:
            return text.lower() in _TRUE
        if kind in (int, float, Path, str):
            try:
                return kind(text.replace("_", "") if kind is int else text)
            except ValueError:
                continue
    wanted = " or ".join(getattr(kind, "__name__", str(kind)) for kind in kinds)
    raise TrainingOptionError(f"--set {name}={text}: {name} is {wanted}")


def follow(run: Any, config: Any, console: Console) -> dict[str, Any]:
    """Runs a training and shows its progress: step, loss and whatever numbers it reports."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[numbers]}"),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(config.run.name, total=config.steps, numbers="")

        def show(values: dict[str, Any]) -> None:
            step = values.get("step")
            progress.update(task, completed=step, numbers=_numbers(values))

        measures: dict[str, Any] = run(config, progress=show)
    return measures


def _numbers(values: Mapping[str, Any]) -> str:
    shown = {name: value for name, value in values.items() if name != "step" and isinstance(value, int | float)}
    return "  ".join(f"{name} {value:.4g}" for name, value in shown.items())
