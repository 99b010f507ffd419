"""Read recipes of trainings: named settings in a file, each of which a command-line option can override."""

from __future__ import annotations

import argparse
import tomllib
import typing
from collections.abc import Sequence
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any


def read_recipe(name: str, file: Path, config_type: type[Any]) -> dict[str, Any]:
    """Read the settings of a recipe.

    Args:
        name: Table of the file.
        file: TOML file with one table per recipe.
        config_type: Dataclass of the training.

    Returns:
        Values for fields of the dataclass; paths as Path.

    Raises:
        ValueError: If the file does not have the recipe, or the recipe has a setting that the training does not have.
    """
    recipes = tomllib.loads(file.read_text(encoding="utf-8"))
    if name not in recipes:
        raise ValueError(f"{file} has no recipe {name!r}; it has {', '.join(sorted(recipes))}")
    unknown = sorted(recipes[name].keys() - {field.name for field in fields(config_type)})
    if unknown:
        raise ValueError(f"{file}: recipe {name!r} has unknown settings: {', '.join(unknown)}")
    kinds = typing.get_type_hints(config_type)
    return {key: Path(value) if _strip_optional(kinds[key]) is Path else value for key, value in recipes[name].items()}


def parse_options(config_type: type[Any], file: Path, arguments: Sequence[str] | None = None) -> Any:
    """Parse the command line of a training: a recipe, and options for the fields of the dataclass that override it.

    Args:
        config_type: Dataclass of the training. A mapping field has no option, a boolean that defaults to True is
            switched off by `--fresh`, and other booleans are switches.
        file: Recipe file; `--recipe` selects the recipe, by default `fine-tuning`.
        arguments: Command-line arguments; None reads those of the process.

    Raises:
        ValueError: See `read_recipe`.
    """
    parser = argparse.ArgumentParser(argument_default=argparse.SUPPRESS)
    parser.add_argument("--recipe", default="fine-tuning", help=f"recipe of {file.name} (default: %(default)s)")
    add_field_options(parser, config_type)
    options = vars(parser.parse_args(arguments))
    recipe = read_recipe(options.pop("recipe"), file, config_type)
    return config_type(**{**recipe, **{name: _to_tuple(value) for name, value in options.items()}})


def add_field_options(parser: argparse.ArgumentParser, config_type: type[Any]) -> None:
    """Add an option for each field of a dataclass; see `parse_options`."""
    kinds = typing.get_type_hints(config_type)
    for field in fields(config_type):
        _add_option(parser, field, kinds[field.name])


def _add_option(parser: argparse.ArgumentParser, field: Field[Any], annotation: Any) -> None:
    kind = _strip_optional(annotation)
    option = f"--{field.name.replace('_', '-')}"
    if kind is bool and field.default is True:
        parser.add_argument("--fresh", dest=field.name, action="store_false", help="start again without the checkpoint")
    elif kind is bool:
        parser.add_argument(option, action="store_true")
    elif typing.get_origin(kind) is tuple:
        parser.add_argument(option, type=typing.get_args(kind)[0], nargs="+")
    elif kind in (int, float, str, Path):
        required = field.default is MISSING and field.default_factory is MISSING
        parser.add_argument(option, type=kind, required=required)


def _strip_optional(annotation: Any) -> Any:
    """Return the type of a field without None."""
    if typing.get_origin(annotation) is tuple:
        return annotation
    return next(kind for kind in typing.get_args(annotation) or (annotation,) if kind is not type(None))


def _to_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
