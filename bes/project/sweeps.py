"""Sweeps: an experiment for each combination of the listed values, and what it is called."""

import itertools
import re
from dataclasses import dataclass
from typing import Any

from bes.errors import BesError
from bes.project.sections import BASE, SECTIONS


@dataclass(frozen=True)
class Sweep:
    """A sweep, resolved."""

    axes: tuple[tuple[str, str], ...]
    """The (stage, key) whose values it lists."""
    experiments: tuple[str, ...]


def experiments_of(name: str, sweep: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """One experiment for each combination of the listed values:
    `theta_scale=0.3+theta_diff=0.1`."""
    axes = [(stage, key, sweep[stage][key]) for stage, key in axes_of(sweep)]
    axes += [("", "seed", sweep["seed"])] if "seed" in sweep else []
    if not axes:
        raise BesError(f"config: sweeps.{name}: found no key, expected one or more with values")
    experiments: dict[str, dict[str, Any]] = {}
    for combination in itertools.product(*(values for _, _, values in axes)):
        overrides: dict[str, Any] = {"base": sweep.get("base", BASE)}
        for (stage, key, _), value in zip(axes, combination, strict=True):
            (overrides.setdefault(stage, {}) if stage else overrides)[key] = value
        label = "+".join(
            f"{key}={_word(value)}" for (_, key, _), value in zip(axes, combination, strict=True)
        )
        experiment = f"{name}+{label}"
        if (first := experiments.setdefault(experiment, overrides)) != overrides:
            raise BesError(
                f"config: sweeps.{name}: found {first} and {overrides}, both of which would be "
                f"called {experiment!r}, expected values that differ in their letters and digits"
            )
    return experiments


def axes_of(sweep: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    """The (stage, key) that a sweep lists values of; the seed is none."""
    return tuple((stage, key) for stage in SECTIONS for key in sweep.get(stage) or {})


def _word(value: Any) -> str:
    """A value as a part of a folder's name: `[1.0, 0.5]` is `1.0-0.5`."""
    return re.sub(r"[^A-Za-z0-9._]+", "-", str(value)).strip("-")
