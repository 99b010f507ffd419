"""Recipes of trainings: named settings in a file, each of which the command line can override.

Never imported by code that serves requests.
"""

from __future__ import annotations

import argparse
import tomllib
import typing
from collections.abc import Sequence
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any


def read_recipe(name: str, file: Path, config_type: type[Any]) -> dict[str, Any]:
    """The settings of a recipe: values for fields of a dataclass, paths as Path.

    Args:
        name: The table of the file.
        file: TOML, a table for each recipe.
        config_type: The dataclass of the training.

    Raises:
        ValueError: If the file has no such recipe, or the recipe a setting that the training does not know.
    """
    recipes = tomllib.loads(file.read_text(encoding="utf-8"))
    if name not in recipes:
        raise ValueError(f"{file} has no recipe {name!r}; it has {', '.join(sorted(recipes))}")
    unknown = sorted(recipes[name].keys() - {field.name for field in fields(config_type)})
    if unknown:
        raise ValueError(f"{file}: recipe {name!r} has settings that are unknown: {', '.join(unknown)}")
    kinds = typing.get_type_hints(config_type)
    return {key: Path(value) if _kind(kinds[key]) is Path else value for key, value in recipes[name].items()}


def parse_options(config_type: type[Any], file: Path, arguments: Sequence[str] | None = None) -> Any:
    """Read the command line of a training: a recipe, and every field of the dataclass as an option that overrides it.

    Args:
        config_type: The dataclass of the training. A field of a mapping has no option, one that is True unless told
            otherwise is `--fresh`, other booleans are switches.
        file: The recipes; `fine-tuning` is followed unless `--recipe` names another.
        arguments: In place of the command line's.

    Raises:
        ValueError: As `read_recipe`.
    """
    parser = argparse.ArgumentParser(argument_default=argparse.SUPPRESS)
    parser.add_argument("--recipe", default="fine-tuning", help=f"a recipe of {file.name}")
    kinds = typing.get_type_hints(config_type)
    for field in fields(config_type):
        _add_option(parser, field, kinds[field.name])
    options = vars(parser.parse_args(arguments))
    recipe = read_recipe(options.pop("recipe"), file, config_type)
    return config_type(**{**recipe, **{name: _value(value) for name, value in options.items()}})


def _add_option(parser: argparse.ArgumentParser, field: Field[Any], annotation: Any) -> None:
    kind = _kind(annotation)
    option = f"--{field.name.replace('_', '-')}"
    if kind is bool and field.default is True:
        parser.add_argument("--fresh", dest=field.name, action="store_false", help="begin anew")
    elif kind is bool:
        parser.add_argument(option, action="store_true")
    elif typing.get_origin(kind) is tuple:
        parser.add_argument(option, type=typing.get_args(kind)[0], nargs="+")
    elif kind in (int, float, str, Path):
        required = field.default is MISSING and field.default_factory is MISSING
        parser.add_argument(option, type=kind, required=required)


def _kind(annotation: Any) -> Any:
    """The type of a field but for None."""
    if typing.get_origin(annotation) is tuple:
        return annotation
    return next(kind for kind in typing.get_args(annotation) or (annotation,) if kind is not type(None))


def _value(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
