"""Small datasets to run on, without photographs."""

from pathlib import Path

import pytest

from bes.data.manifest import Catalog, ImageRecord, write_dataset


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """The manifest of 12 photographs of cats and dogs that nobody reads, in 3 shards."""
    records = [
        ImageRecord(
            id=f"photo_{number:02d}",
            path=f"photo_{number:02d}.jpg",
            width=48,
            height=40,
            labels=(("cat",), ("dog",), ("cat", "dog"))[number % 3],
            split="train",
            digest=f"{number:032x}",
        )
        for number in range(12)
    ]
    catalog = Catalog(tmp_path / "photographs", ("cat", "dog"), (1, 2))
    write_dataset(tmp_path / "dataset", records=records, catalog=catalog, shards=3)
    return tmp_path / "dataset"
