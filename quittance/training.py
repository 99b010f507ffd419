"""Starts the training of a service's model with options of the command line, and shows its progress."""

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
    """An option is unknown or has an invalid value, or the training packages are not installed."""


def start_training(model: str, options: Mapping[str, Any], settings: Iterable[str], console: Console) -> dict[str, Any]:
    """Train the model of a service.

    Args:
        model: `detector`, `recognizer` or `extractor`.
        options: Values for fields of the service's `TrainingConfig`; None keeps the default.
        settings: Further values as `NAME=VALUE`.
        console: Shows the progress.

    Returns:
        The measures at the end.

    Raises:
        TrainingOptionError: If a setting is unknown or invalid, or the training packages are not installed.
    """
    module = import_for_training(f"services.{model}.training.train")
    config = configure(module.TrainingConfig, options, settings)
    return run_with_progress(module.train, config, console)


def import_for_training(name: str) -> Any:
    """Import a module of the project that needs the training packages.

    Raises:
        TrainingOptionError: If they are not installed.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise TrainingOptionError(
            f"Training needs {error.name}, which is not installed: pip install 'quittance[train]'"
        ) from error


def set_aside(run: Path) -> Path:
    """Rename the folder of a run so that a new run can take its name; checkpoints are never deleted."""
    number = next(number for number in itertools.count(1) if not run.with_name(f"{run.name}-{number}").exists())
    return run.rename(run.with_name(f"{run.name}-{number}"))


def configure(config_type: type[Any], options: Mapping[str, Any], settings: Iterable[str]) -> Any:
    """Create a `TrainingConfig` from options and `NAME=VALUE` settings (see `start_training`).

    Raises:
        TrainingOptionError: If a setting is unknown or invalid.
    """
    known = {field.name for field in dataclasses.fields(config_type)}
    annotations = typing.get_type_hints(config_type)
    values = {name: value for name, value in options.items() if value is not None}
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals:
            raise TrainingOptionError(f"--set expects NAME=VALUE, not {setting!r}")
        values[name] = parse_setting(annotations[name], text, name) if name in known else text
    unknown = sorted(values.keys() - known)
    if unknown:
        raise TrainingOptionError(
            f"There is no setting {', '.join(unknown)}. The settings are {', '.join(sorted(known))}."
        )
    return config_type(**values)


def parse_setting(annotation: Any, text: str, name: str) -> Any:
    """Convert the text of a setting to the type of its field.

    Raises:
        TrainingOptionError: If the text is not valid for the type.
    """
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
    expected = " or ".join(getattr(kind, "__name__", str(kind)) for kind in kinds)
    raise TrainingOptionError(f"--set {name} expects {expected}, not {text!r}")


def run_with_progress(train: Any, config: Any, console: Console) -> dict[str, Any]:
    """Run a training and show its step, its loss and any other numbers it reports; return its measures."""
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
            progress.update(task, completed=values.get("step"), numbers=_format_numbers(values))

        measures: dict[str, Any] = train(config, progress=show)
    return measures


def _format_numbers(values: Mapping[str, Any]) -> str:
    shown = {name: value for name, value in values.items() if name != "step" and isinstance(value, int | float)}
    return "  ".join(f"{name} {value:.4g}" for name, value in shown.items())
