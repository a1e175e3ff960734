"""Configuration files and `key=value` overrides, read and merged by Snakemake's own functions."""

from pathlib import Path
from typing import Any

from bes.errors import BesError
from bes.project.schema import nested
from bes.project.shipped import found
from bes.storage.words import one_line


def read_config(files: list[Path], overrides: list[str]) -> dict[str, Any]:
    """The configuration of all of them, the later over the earlier.

    Raises BesError for a file that is missing or not YAML, and for an override that is none.
    """
    from snakemake.utils import update_config

    config: dict[str, Any] = {}
    for file in files:
        update_config(config, read_yaml(found(file)))
    if overrides:
        update_config(config, _parsed(overrides))
    return config


def _parsed(overrides: list[str]) -> dict[str, Any]:
    """The values of `key=value` overrides, as `snakemake --config` understands them."""
    from snakemake.cli import parse_config

    for override in overrides:
        key, equals, value = override.partition("=")
        if not equals:
            raise BesError(f"--config: found {override!r}, expected key=value")
        if "." in key:
            raise BesError(
                f"--config: found {override!r}, expected {nested(key.split('.'), value)}"
            )
        try:
            parse_config([override])
        except (ValueError, AssertionError):
            raise BesError(
                f"--config: found {override!r}, expected key=value, where the key is a name and "
                "the value YAML"
            ) from None
    return parse_config(overrides)


def read_yaml(path: Path) -> dict[str, Any]:
    """The keys of a YAML file; raises BesError where there is none, or something else in it."""
    import yaml

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except FileNotFoundError:
        raise BesError(f"{path}: no such configuration") from None
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise BesError(f"{path}: not YAML ({one_line(error)})") from None
    if not isinstance(content, dict):
        raise BesError(f"{path}: found {str(content)[:40]!r}, expected keys with values")
    return content
