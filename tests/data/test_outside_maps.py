"""Maps from outside: what is read of each form, and what is refused in which words."""

import io
import os
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from bes.data.images import encode_maps
from bes.data.manifest import Catalog, ImageRecord
from bes.data.outside_maps import (
    read_boundary,
    read_class_maps,
    read_foreground,
    read_regions,
)
from bes.errors import BesError

SIZE, CELLS = (38, 50), (10, 13)
CATALOG = Catalog(Path("."), ("cat", "cow", "dog"), (8, 10, 12))
RECORD = ImageRecord("a", "a.jpg", SIZE[1], SIZE[0], ("cat", "dog"), "train", "")
ONE = ImageRecord("a", "a.jpg", SIZE[1], SIZE[0], ("cow",), "train", "")
Refused = Callable[..., str]


def drawn(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random(shape).astype(np.float32)


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, Any], Path]:
    """Writes bytes, pixels, an array, arrays by name, or what NumPy pickles."""

    def write(name: str, content: Any) -> Path:
        path = tmp_path / name
        if isinstance(content, bytes):
            path.write_bytes(content)
        elif name.endswith(".png"):
            Image.fromarray(content).save(path)
        elif name.endswith(".npz"):
            np.savez(path, **content)
        elif isinstance(content, np.ndarray):
            np.save(path, content)
        else:
            np.save(path, np.array(content, dtype=object), allow_pickle=True)
        return path

    return write


@pytest.fixture
def refused(write: Callable[[str, Any], Path]) -> Refused:
    """What is said of a file."""

    def refused(read: Any, name: str, content: Any, record: ImageRecord = RECORD) -> str:
        path = write(name, content)
        with pytest.raises(BesError) as error:
            read(path, CATALOG, record)
        assert str(error.value).startswith(f"{path}: ")
        return str(error.value)

    return refused


MAPS = drawn(2, *CELLS)
FORMS: dict[str, tuple[str, Any]] = {
    "those present": ("a.npy", MAPS),
    "of all classes": ("a.npy", np.stack([MAPS[0], drawn(*CELLS, seed=5), MAPS[1]])),
    "one array of an npz": ("a.npz", {"maps": MAPS, "classes": np.array([1, 3])}),
    "of this workflow": ("a.npz", encode_maps(MAPS, [1, 3], SIZE)),
    "of MCTformer": ("a.npy", {11: MAPS[1], 7: MAPS[0]}),
    "of numpy's numbers": ("a.npy", {np.int64(7): MAPS[0], np.int64(11): MAPS[1]}),
    "of CLIP-ES": ("a.npy", {"keys": np.array([7, 11]), "attn_highres": MAPS.astype(np.float16)}),
    "of IRN": (
        "a.npy",
        {
            "keys": torch.tensor([7, 11]),
            "cam": torch.from_numpy(MAPS[:, ::2, ::2]),
            "high_res": MAPS,
        },
    ),
    "tensors": ("a.npy", {"keys": torch.tensor([11, 7]), "cam": torch.from_numpy(MAPS).flip(0)}),
    "turned in memory": ("a.npy", {"keys": [7, 11], "high_res": np.asfortranarray(MAPS)}),
}


@pytest.mark.parametrize("form", FORMS)
def test_each_form_gives_the_maps_of_the_classes_present(write, form: str) -> None:
    read = read_class_maps(write(*FORMS[form]), CATALOG, RECORD)
    assert read.shape == MAPS.shape and read.dtype == np.float32
    assert np.allclose(read, MAPS, atol=1e-3)


@pytest.mark.parametrize("top", [255, 65535])
def test_a_png_is_of_one_class(write, refused: Refused, top: int) -> None:
    pixels = (drawn(*CELLS) * top).astype(np.uint8 if top == 255 else np.uint16)
    read = read_class_maps(write("a.png", pixels), CATALOG, ONE)
    assert np.allclose(read, pixels[None] / top, atol=1e-6)
    assert "found an array of shape (10, 13), expected maps of the 2 classes present" in refused(
        read_class_maps, "a.png", pixels
    )


def test_full_size_maps_have_the_mean_of_each_cell_and_boundaries_the_highest(write) -> None:
    maps = drawn(*SIZE)
    read = read_class_maps(write("a.npy", maps), CATALOG, ONE)[0]
    boundary = read_boundary(write("b.npy", maps), CATALOG, ONE)
    assert read.shape == boundary.shape == CELLS
    assert np.isclose(read[2, 3], maps[8:12, 12:16].mean())
    assert boundary[2, 3] == maps[8:12, 12:16].max()
    # The last cells are of the pixels that there are, the last of them repeated.
    assert np.isclose(boundary[-1, -1], maps[36:, 48:].max())


def test_smaller_maps_of_the_same_shape_are_enlarged(write) -> None:
    ramp = np.tile(np.linspace(0, 1, 25, dtype=np.float32), (19, 1))
    read = read_foreground(write("a.npy", ramp), CATALOG, RECORD)
    assert read.shape == SIZE and (np.diff(read, axis=1) >= -1e-6).all()
    assert np.allclose(read[:, 25], 0.5, atol=0.03)


def test_segments_keep_their_numbers_also_at_a_smaller_size(write) -> None:
    segments = np.repeat(np.arange(1, 20, dtype=np.uint16) * 3000, 2)[:, None] * np.ones(50, int)
    path = write("a.png", segments.astype(np.uint16))
    assert np.array_equal(read_regions(path, CATALOG, RECORD), segments)
    small = Catalog(Path("."), CATALOG.classes, CATALOG.mask_values, max_pixels=400)
    reduced = read_regions(path, small, RECORD)
    assert reduced.shape == small.working_size(RECORD)
    assert set(reduced.ravel().tolist()) <= set(segments.ravel().tolist())


WRONG: dict[str, tuple[Any, str, Any, str]] = {
    "shape": (
        read_class_maps,
        "a.npy",
        drawn(2, 50, 38),
        "found a map of 38x50, expected 50x38 like the photograph, or that made smaller or larger",
    ),
    "number of maps": (
        read_class_maps,
        "a.npy",
        drawn(4, *CELLS),
        "found an array of shape (4, 10, 13), expected maps of the 2 classes present, (2, H, W), "
        "or of all, (3, H, W)",
    ),
    "range": (
        read_class_maps,
        "a.npy",
        drawn(2, *CELLS) * 0 + 1.5,
        "found values from 1.5 to 1.5, expected scores from 0 to 1",
    ),
    "negative": (
        read_boundary,
        "a.npy",
        -np.ones(CELLS),
        "found values from -1 to -1, expected scores from 0 to 1",
    ),
    "no numbers": (
        read_foreground,
        "a.npy",
        np.full(SIZE, np.nan),
        "found values that are no numbers, expected scores from 0 to 1",
    ),
    "text": (read_foreground, "a.npy", np.full(SIZE, "a"), "found values of type <U1, expected"),
    "class that is not there": (
        read_class_maps,
        "a.npy",
        {7: MAPS[0]},
        "found maps of the classes 7, expected that of dog, 11, which is present, too; the classes "
        "are 7 cat, 9 cow, 11 dog",
    ),
    "class that there is not": (
        read_class_maps,
        "a.npy",
        {"keys": np.array([7, 12]), "high_res": MAPS},
        "found the class 12, expected one of 7 cat, 9 cow, 11 dog",
    ),
    "class of this workflow that there is not": (
        read_class_maps,
        "a.npz",
        {"maps": MAPS, "classes": np.array([1, 4])},
        "found the class 4, expected one of 1 cat, 2 cow, 3 dog",
    ),
    "dict without maps": (
        read_class_maps,
        "a.npy",
        {"keys": np.array([7, 11]), "scores": MAPS},
        "found `keys`, `scores`, expected `keys` and one of attn_highres, high_res",
    ),
    "fewer maps than keys": (
        read_class_maps,
        "a.npy",
        {"keys": np.array([7, 11]), "cam": MAPS[:1]},
        "found maps of shape (10, 13) for 2 classes, expected one (H, W) for each",
    ),
    "two boundaries": (
        read_boundary,
        "a.npz",
        {"a": drawn(*CELLS), "b": drawn(*CELLS)},
        "found `a`, `b`, expected one array",
    ),
    "colours": (
        read_foreground,
        "a.png",
        np.zeros((*SIZE, 3), np.uint8),
        "found a PNG of RGB colours, expected grey of 8 or 16 bits",
    ),
    "segments of another size": (
        read_regions,
        "a.png",
        np.zeros((20, 25), np.uint16),
        "found segments of 25x20, expected the 50x38 of the photograph",
    ),
    "segments in fractions": (
        read_regions,
        "a.npy",
        drawn(*SIZE),
        "of float32, expected integers from 0 to 65535",
    ),
    "damage": (read_boundary, "a.npy", b"\x93NUMPY\x01", "damaged ("),
    "other bytes": (read_boundary, "a.npz", b"hello", "damaged ("),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_was_found_and_expected_is_named(refused: Refused, case: str) -> None:
    read, name, content, words = WRONG[case]
    assert words in refused(read, name, content)


class Hostile:
    """An object whose pickle calls a function."""

    def __init__(self, mark: Path):
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.mark),)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("place", ["object", "key", "map", "within a tensor"])
def test_a_pickle_that_would_run_code_is_refused_and_not_run(
    refused: Refused, tmp_path: Path, place: str
) -> None:
    mark = tmp_path / "it ran"
    hostile = Hostile(mark)
    content: Any = {
        "object": hostile,
        "key": {"keys": [hostile], "cam": MAPS},
        "map": {7: MAPS[0], 11: hostile},
        "within a tensor": {7: MAPS[0], 11: _tensor_of(hostile)},
    }[place]
    said = refused(read_class_maps, "a.npy", content)
    assert not mark.exists()
    if place == "within a tensor":
        assert "not a dict of maps (" in said
    else:
        assert "found a pickle that calls posix.mkdir, expected a dict of arrays" in said
        assert said.endswith("; it was not run")


def _tensor_of(hostile: Hostile) -> Any:
    """A tensor whose storage is a pickle of its own, as PyTorch writes it, with other content."""

    class Storage:
        def __reduce__(self) -> tuple[Any, ...]:
            return torch.storage._load_from_bytes, (pickle.dumps(hostile),)

    class Tensor:
        def __reduce__(self) -> tuple[Any, ...]:
            build = torch._utils._rebuild_tensor_v2
            return build, (Storage(), 0, (2, 2), (2, 1), False, {})

    return Tensor()


def test_a_truncated_dict_is_damaged(refused: Refused) -> None:
    content = io.BytesIO()
    np.save(content, np.array({7: MAPS[0], 11: MAPS[1]}, dtype=object), allow_pickle=True)
    said = refused(read_class_maps, "a.npy", content.getvalue()[:-9])
    assert "not a dict of maps (" in said and "expected a pickled dict of arrays" in said


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"keys": [0, 1], "cam": None}, "classes and maps that are no arrays"),
        ({"keys": [7, 11], "cam": [[[1.0], [0.0, 1.0]], [[1.0]]]}, "no arrays"),
        ({"keys": [7, [11]], "cam": MAPS}, "no arrays"),
        ({"keys": {7: 11}, "cam": MAPS}, "no arrays"),
        ({"keys": [7, 7, 11], "cam": MAPS[[0, 0, 1]]}, r"classes \[7, 7, 11\], expected each"),
        ({"keys": [7, 11], "cam": MAPS[:, :0]}, r"found maps of shape \(0, \d+\)"),
        (MAPS[:, :0], r"found an array of shape \(2, 0, \d+\), expected maps of the 2"),
        (MAPS[:, :0, :0], r"found an array of shape \(2, 0, 0\), expected maps of the 2"),
    ],
)
def test_maps_that_are_none_are_refused_by_name(refused: Refused, content: Any, words: str) -> None:
    assert re.search(words, refused(read_class_maps, "a.npy", content))


def test_a_single_number_is_no_map(refused: Refused) -> None:
    said = refused(read_class_maps, "a.npz", {"classes": [1, 3], "maps": np.float32(1)})
    assert "no arrays" in said
