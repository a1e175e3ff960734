"""A run that is finished, on four photographs of a disc, of whose pseudo label half is missing."""

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from moons import NAMES, RESULTS, SIZE, disc, left_half
from PIL import Image

from bes.data.images import encode_boundary_map, encode_labels, encode_maps
from bes.data.manifest import Catalog, ImageRecord, write_dataset
from bes.data.ranking import RankedLabel, ranking_csv
from bes.incremental.stage import image_file
from bes.method.trust import Signals
from bes.project.desk import open_desk
from bes.project.settings import Project, load_project
from bes.review.desk import Desk
from bes.review.server import ReviewServer
from bes.storage.files import digest_file, write_atomic


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Its configuration; the folder of the run is the working directory."""
    monkeypatch.chdir(tmp_path)
    root = tmp_path / "photographs"
    records = [_photograph(root, name) for name in NAMES]
    catalog = Catalog(root, ("moon", "sun"), (1, 2))
    write_dataset(RESULTS / "dataset", records=records, catalog=catalog, shards=1)
    ring = disc(scale=4)
    ring = ring ^ np.roll(ring, 1, 0) | ring ^ np.roll(ring, 1, 1)
    contents = {
        "boundary_maps": encode_boundary_map(np.where(ring, 0.95, 0.02)),
        "revised_maps": encode_maps(left_half(disc(scale=4))[None].astype(float), [1], SIZE),
        "pseudo_labels": encode_labels(left_half(disc()).astype(np.uint8)),
    }
    for record in records:
        for stage, content in contents.items():
            write_atomic(image_file(stage, RESULTS / stage, record.id), content)
    signals = dict.fromkeys(Signals._fields, 0.5)
    ranking = [
        RankedLabel(rank, name, ("moon",), score=rank / 10, reason="why", **signals)
        for rank, name in enumerate(NAMES, 1)
    ]
    write_atomic(RESULTS / "quality" / "ranking.csv", ranking_csv(ranking).encode())
    return load_project({"name": "p", "shards": 1, "dataset": {"root": str(root)}})


def _photograph(root: Path, name: str) -> ImageRecord:
    noise = np.random.default_rng(len(name)).integers(0, 20, (*SIZE, 3))
    pixels = noise + np.where(disc(), 200, 60)[..., None]
    path = root / f"{name}.png"
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(pixels.astype(np.uint8)).save(path)
    return ImageRecord(
        id=name,
        path=path.name,
        width=SIZE[1],
        height=SIZE[0],
        labels=("moon",),
        split="train",
        digest=str(digest_file(path)),
    )


@pytest.fixture
def desk(project: Project) -> Desk:
    return open_desk(project, "base")


@pytest.fixture
def server(desk: Desk) -> Iterator[ReviewServer]:
    """A server of the desk, at work."""
    said = {"counts": {}, "keys": "review: review.csv", "command": "next"}
    with ReviewServer(desk, port=0, closing=lambda: said) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()
