"""What the tests of the method share."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

GOLDEN = Path(__file__).parents[1] / "golden"


@pytest.fixture
def golden() -> Callable[[str], dict[str, np.ndarray]]:
    """Reads the arrays of one golden file."""

    def read(name: str) -> dict[str, np.ndarray]:
        with np.load(GOLDEN / f"{name}.npz", allow_pickle=False) as vectors:
            return dict(vectors)

    return read


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20200823)
