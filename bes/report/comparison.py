"""What is set side by side in a comparison: rows of experiments that differ in the seed alone."""

from dataclasses import asdict, dataclass
from typing import Any

SCORES = {
    "cams": "CAM",
    "cams.best": "CAM, best",
    "revised_maps": "revised map",
    "revised_maps.best": "revised map, best",
    "pseudo_labels": "pseudo label",
    "predictions": "prediction",
}
"""Keys of `evaluation/scores.json` -> how tables call them. Of maps, the score at the configured
threshold or at the best one."""


@dataclass(frozen=True)
class Row:
    """Experiments that differ in nothing but the seed."""

    name: str
    values: dict[str, Any]
    """Swept option, as `stage.key` -> its value."""
    experiments: dict[str, str]
    """Experiment -> its seed; those of all networks where they differ."""
    score: str = ""
    """A key of `SCORES`; empty for a column of each."""
    published: str = ""
    """The entry of `report/published.json` that stands beside it; empty for none."""


@dataclass(frozen=True)
class Comparison:
    """What to set side by side."""

    name: str
    axes: tuple[str, ...]
    """The swept options, as `stage.key`, in order; none where the rows are declared."""
    rows: tuple[Row, ...]

    @property
    def experiments(self) -> list[str]:
        """All experiments, each once."""
        return list(dict.fromkeys(name for row in self.rows for name in row.experiments))

    @property
    def told_apart(self) -> bool:
        """Whether no two rows have the same values of the swept options."""
        values = [row.values for row in self.rows]
        return all(value not in values[:number] for number, value in enumerate(values))

    def as_json(self) -> dict[str, Any]:
        """As a value that JSON can write."""
        return asdict(self)


def comparison_from(value: dict[str, Any]) -> Comparison:
    """The comparison of `Comparison.as_json`; raises KeyError or TypeError for anything else."""
    rows = tuple(Row(**row) for row in value["rows"])
    return Comparison(value["name"], tuple(value["axes"]), rows)
