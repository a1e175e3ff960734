"""`cls_labels.npy`: image -> a vector with 1 for each class, as other projects keep their labels.

The file is a pickle, and a pickle may run any code. Here it runs none: what it says is to be called
is written down, and what was written down must describe plain vectors.
"""

import io
import pickle
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bes.data.manifest import Catalog, ImageRecord
from bes.errors import BesError

if TYPE_CHECKING:
    import numpy as np

_NUMPY = {
    (module, name)
    for core in ("core", "_core")
    for module, name in (
        (f"numpy.{core}.multiarray", "_reconstruct"),
        (f"numpy.{core}.multiarray", "scalar"),
        ("numpy", "ndarray"),
        ("numpy", "dtype"),
    )
} | {("_codecs", "encode")}  # how Python 3 writes bytes in an old pickle
_VOC_NUMBER = re.compile(r"(20(?:07|08|09|10|11|12))(\d{6})")
_VOC_ID = re.compile(r"(20(?:07|08|09|10|11|12))_(\d{6})")


def read_cls_labels(path: Path, order: tuple[str, ...]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each image with the names of its classes; `order` names those of the vectors.

    A number that VOC's identifiers are written as, 2007000032, is the image `2007_000032`. Raises
    BesError if the file is not such a table, or asks for anything to be called.
    """
    for key, vector in _read(path).items():
        number = _VOC_NUMBER.fullmatch(str(key))
        image = f"{number[1]}_{number[2]}" if number and isinstance(key, int) else str(key)
        if vector.shape != (len(order),):
            raise BesError(
                f"{path}: key {key}: found a vector of {'x'.join(map(str, vector.shape))} values, "
                f"expected {len(order)}, one for each class; name the classes in the order of the "
                "vector with dataset.classes"
            )
        if strange := set(vector.tolist()) - {0, 1}:
            raise BesError(f"{path}: key {key}: found the value {min(strange)}, expected 0 and 1")
        yield image, tuple(name for name, value in zip(order, vector, strict=True) if value)


def write_cls_labels(records: list[ImageRecord], catalog: Catalog, *, onehot: bool) -> bytes:
    """The bytes of `cls_labels.npy`, or with `onehot` of `cls_labels_onehot.npy`.

    A pickled dict in an npy: image -> float32 (C,), in the order of `classes.json`, the background
    not counted. The images are numbers in the one, 2007000032 for `2007_000032`, and text in the
    other. Raises BesError for an image whose name is no number.
    """
    import numpy as np

    table: dict[int | str, np.ndarray] = {}
    for record in records:
        vector = np.zeros(len(catalog.classes), np.float32)
        vector[[index - 1 for index in catalog.indices(record)]] = 1
        table[record.id if onehot else _number_of(record.id)] = vector
    content = io.BytesIO()
    np.save(content, np.array(table, dtype=object), allow_pickle=True)
    return content.getvalue()


def _number_of(image: str) -> int:
    if voc := _VOC_ID.fullmatch(image):
        return int(voc[1] + voc[2])
    # A number that reads back as another image would be worse than none.
    plain = image.isascii() and image.isdigit() and str(int(image)) == image
    if plain and not _VOC_NUMBER.fullmatch(image):
        return int(image)
    raise BesError(
        f"cls_labels.npy: found the image {image!r}, expected a number, or VOC's 2007_000032; "
        "cls_labels_onehot.npy takes any name"
    )


def _read(path: Path) -> dict[int | str, "np.ndarray"]:
    import numpy as np

    from bes.data.images import read_bytes

    content = io.BytesIO(read_bytes(path))
    try:
        version = np.lib.format.read_magic(content)
        read_header = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }[version]
        shape, _, dtype = read_header(content)
        if shape != () or dtype != np.dtype("O"):
            raise ValueError(f"an array of {dtype}, shape {shape}")
        pickled = _Unpickler(content).load()
        (table,) = pickled.state[4]
        return {_key(key): _vector(value) for key, value in table.items()}
    except _Refused as error:
        raise BesError(
            f"{path}: found a pickle that calls {error}, expected a dict of NumPy vectors; it was "
            "not run"
        ) from None
    # Damage surfaces as whatever the parser stumbles over.
    except Exception as error:
        raise BesError(
            f"{path}: not a cls_labels.npy ({' '.join(str(error).split()) or type(error).__name__})"
            ", expected a pickled dict of image -> vector"
        ) from None


class _Refused(Exception):
    """The pickle names something that is no part of a NumPy vector."""


class _Built:
    """What a pickle says is the result of a call, not called."""

    __slots__ = ("arguments", "name", "state")

    def __init__(self, name: str, arguments: tuple[Any, ...]):
        self.name, self.arguments = name, arguments
        self.state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state


class _Name:
    """Something that a pickle names, to be called."""

    __slots__ = ("name",)

    def __init__(self, name: str):
        self.name = name

    def __call__(self, *arguments: Any) -> Any:
        if self.name == "encode":
            text, encoding = arguments
            if encoding != "latin1":
                raise ValueError(f"bytes as {encoding}")
            return str.encode(text, "latin1")
        return _Built(self.name, arguments)

    def __setstate__(self, state: Any) -> None:
        raise ValueError(f"a state for {self.name}")


class _Unpickler(pickle.Unpickler):
    """Builds dicts, lists, tuples, numbers and text; of all else it notes what was asked for."""

    def __init__(self, file: io.BytesIO):
        super().__init__(file, encoding="latin1")

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _NUMPY:
            raise _Refused(f"{module}.{name}")
        return _Name(name)

    def persistent_load(self, pid: Any) -> Any:
        raise _Refused("an outside object")


def _key(key: Any) -> int | str:
    value = _scalar(key) if isinstance(key, _Built) else key
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError(f"the key {value!r}")
    return value


def _scalar(built: _Built) -> Any:
    import numpy as np

    if built.name != "scalar":
        raise ValueError(f"{built.name} as a key")
    dtype, content = built.arguments
    return np.frombuffer(_bytes(content), _dtype(dtype))[0].item()


def _vector(built: Any) -> "np.ndarray":
    import numpy as np

    if not isinstance(built, _Built) or built.name != "_reconstruct":
        raise ValueError(f"a value of type {type(built).__name__}")
    _, shape, dtype, _, content = built.state
    return np.frombuffer(_bytes(content), _dtype(dtype)).reshape(shape)


def _dtype(built: Any) -> "np.dtype":
    import numpy as np

    if not isinstance(built, _Built) or built.name != "dtype":
        raise ValueError("no dtype")
    code, byte_order = built.arguments[0], built.state[1]
    if not re.fullmatch(r"[iuf][1248]|b1|U\d{1,4}", code) or byte_order not in ("<", ">", "=", "|"):
        raise ValueError(f"the dtype {code!r}")
    return np.dtype(byte_order + code)


def _bytes(content: Any) -> bytes:
    # Python 2 wrote bytes as text.
    return content.encode("latin1") if isinstance(content, str) else bytes(content)
