"""`cls_labels.npy` is read without trust, and written as other projects read it."""

import io
import pickle
from pathlib import Path

import numpy as np
import pytest
from packed import npy

from bes.data.cls_labels import read_cls_labels, write_cls_labels
from bes.data.manifest import Catalog, ImageRecord
from bes.errors import BesError

CATALOG = Catalog(Path("photographs"), ("dog", "cat"), (12, 8))
ORDER = CATALOG.classes


def record(image: str, *labels: str) -> ImageRecord:
    return ImageRecord(image, f"{image}.jpg", 4, 4, labels, "train", "0")


RECORDS = [record("2007_000032", "dog"), record("17", "dog", "cat"), record("18")]


def read(folder: Path, content: bytes) -> dict[str, tuple[str, ...]]:
    file = folder / "cls_labels.npy"
    file.write_bytes(content)
    return dict(read_cls_labels(file, ORDER))


# Written


@pytest.mark.parametrize("onehot", [False, True])
def test_what_is_written_is_what_numpy_reads(onehot: bool) -> None:
    content = write_cls_labels(RECORDS, CATALOG, onehot=onehot)
    table = np.load(io.BytesIO(content), allow_pickle=True).item()
    assert list(table) == (["2007_000032", "17", "18"] if onehot else [2007000032, 17, 18])
    vectors = list(table.values())
    assert [vector.tolist() for vector in vectors] == [[1, 0], [1, 1], [0, 0]]
    assert {vector.dtype for vector in vectors} == {np.dtype(np.float32)}


@pytest.mark.parametrize("onehot", [False, True])
def test_what_is_written_is_read_back(tmp_path: Path, onehot: bool) -> None:
    content = write_cls_labels(RECORDS, CATALOG, onehot=onehot)
    assert read(tmp_path, content) == {record.id: record.labels for record in RECORDS}


@pytest.mark.parametrize("name", ["IMG_1", "007", "2007000032", "-1", "²"])
def test_a_name_that_is_no_number_is_refused_where_numbers_are_wanted(name: str) -> None:
    with pytest.raises(BesError, match=f"found the image '{name}', expected a number"):
        write_cls_labels([record(name, "cat")], CATALOG, onehot=False)
    assert write_cls_labels([record(name, "cat")], CATALOG, onehot=True)


# Read


@pytest.mark.parametrize("protocol", range(5))
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8, np.int64, bool])
def test_pickles_of_all_ages_are_read(tmp_path: Path, protocol: int, dtype: type) -> None:
    table = {np.int32(17): np.array([0, 1], dtype), "18": np.array([1, 1], dtype)}
    pickled = pickle.dumps(np.array(table, dtype=object), protocol=protocol)
    expected = {"17": ("cat",), "18": ("dog", "cat")}
    assert read(tmp_path, npy(pickled)) == expected
    old = pickled.replace(b"numpy._core.", b"numpy.core.")
    if protocol < 4:  # later protocols give the length of the name
        assert read(tmp_path, npy(old)) == expected


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("builtins", "eval"),
        ("builtins", "getattr"),
        ("numpy", "load"),
        ("numpy", "ndarray.tofile"),
        ("numpy._core.multiarray", "fromfile"),
        ("numpy.testing._private.utils", "runstring"),
        ("_codecs", "lookup"),
    ],
)
def test_no_name_but_those_of_vectors_is_looked_up(tmp_path: Path, module: str, name: str) -> None:
    pickled = b"\x80\x04" + b"".join(
        b"\x8c" + bytes([len(word)]) + word.encode() for word in (module, name)
    )
    with pytest.raises(BesError, match=f"calls {module}.{name}, expected"):
        read(tmp_path, npy(pickled + b"\x93."))


def test_the_names_of_vectors_do_nothing_by_themselves(tmp_path: Path) -> None:
    """A state that a pickle gives to a name it may use, to change what it does."""
    pickled = b"\x80\x04\x8c\x05numpy\x8c\x05dtype\x93N}\x8c\x04name\x8c\x01xs\x86b."
    with pytest.raises(BesError, match="a state for dtype"):
        read(tmp_path, npy(pickled))
