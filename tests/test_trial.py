"""What a few seconds of a stage tell of a whole run."""

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bes.project import trial
from bes.training import checkpoints


@dataclass(frozen=True)
class Options:
    """Of a stage that is not."""

    iterations: int = 1


def test_the_start_of_the_first_training_is_not_taken_for_an_iteration_less(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spent: list[float] = []

    def fit(options: Options, run: Any) -> Any:
        spent.append((0.5 if spent else 10.0) + 2.0 * options.iterations)
        return SimpleNamespace(network=None, settings=None)

    monkeypatch.setattr(checkpoints, "save_network", lambda path, *_: path.write_bytes(b"network"))
    stage, run = SimpleNamespace(fit=fit), SimpleNamespace(out=tmp_path)
    found = trial._training(stage, Options(), run, lambda: sum(spent))  # type: ignore[arg-type]
    assert found == (12.0, 2.0, len(b"network"))
