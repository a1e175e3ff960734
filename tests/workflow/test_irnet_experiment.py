"""An experiment whose boundaries are IRNet's, beside one whose are BENet's."""

import re
from typing import Any

import pytest

IMAGES = 12
COMPARED = {"experiments": {"irnet": {"boundary_maps": {"network": "irnet"}}}}
OWN = ("boundary_maps", "revised_maps", "pseudo_labels")


@pytest.fixture(scope="module")
def compared(finished: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The finished project with the experiment `irnet`; each test leaves it as it was."""
    project = finished.copy(tmp_path_factory.mktemp("compared") / "project")
    before = project.contents()
    project.configure(COMPARED)
    assert project.run() == {"irnet": 1}
    assert project.computed("irnet") == dict.fromkeys(OWN, IMAGES)
    assert before.items() <= project.contents().items()
    return project


def test_it_shares_what_comes_before_and_has_maps_of_its_own(compared: Any) -> None:
    folder = compared.path / "results/tiny/irnet"
    assert {path.name for path in folder.iterdir()} == {*OWN, "evaluation", "quality", "report"}
    ours, theirs = (
        [path.read_bytes() for path in sorted(compared.folder("boundary_maps", name).glob("*.png"))]
        for name in ("irnet", "base")
    )
    assert len(ours) == len(theirs) == IMAGES
    assert set(ours).isdisjoint(theirs)


def test_the_status_shows_each_experiment_the_networks_it_needs(compared: Any) -> None:
    base, irnet = re.split(r"^irnet$", compared.bes("status").stdout, flags=re.MULTILINE)
    assert not re.search(r"^irnet ", base, re.MULTILINE)
    assert re.search(r"^irnet +1 +0 +0", irnet, re.MULTILINE)


def test_a_deleted_boundary_map_is_computed_anew_and_nothing_else(compared: Any) -> None:
    before = compared.contents()
    next(compared.folder("boundary_maps", "irnet").glob("*.png")).unlink()
    assert compared.run() == {}
    assert compared.computed("irnet") == {"boundary_maps": 1}
    assert compared.disturbed(before) == set()


def test_a_deleted_network_is_trained_again_to_the_same_bytes(compared: Any) -> None:
    before = compared.contents()
    compared.file("irnet").unlink()
    assert compared.run() == {"irnet": 1}
    assert compared.computed("irnet") == {}
    assert compared.disturbed(before) == set()


def test_nobody_trains_it_for_nothing(finished: Any) -> None:
    assert not finished.folder("irnet").exists()
