"""The cluster that the tests share, stopped after them."""

from collections.abc import Iterator

import pytest
from cluster import Slurm, cluster


@pytest.fixture(scope="session")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slurm]:
    with cluster(tmp_path_factory.mktemp("slurm")) as slurm:
        yield slurm
