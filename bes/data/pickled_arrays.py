"""Pickles of dicts, numbers, text and arrays, as `np.save` writes them, read without running them.

A pickle may run any code. Here it runs none: what it says is to be called is written down, and what
was written down must describe arrays of NumPy or PyTorch.
"""

import io
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bes.errors import BesError
from bes.storage.words import one_line

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
_TORCH = {
    ("torch._utils", "_rebuild_tensor_v2"),
    ("torch.storage", "_load_from_bytes"),
    ("collections", "OrderedDict"),  # the hooks of a tensor, of which there are none
}


def read_pickled(
    content: bytes, path: Path, *, what: str, expected: str, check: Callable[[Any], None]
) -> Any:
    """The object in an npy of dtype object and shape (): dicts, lists, tuples, numbers, text, and
    arrays, tensors as NumPy arrays too.

    `path` names the file in errors, `what` its kind and `expected` its content; `check` raises
    ValueError for what it cannot be. Raises BesError if the file is something else, or asks for
    anything else to be called.
    """
    import numpy as np

    stream = io.BytesIO(content)
    try:
        version = np.lib.format.read_magic(stream)
        read_header = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }[version]
        shape, _, dtype = read_header(stream)
        if shape != () or dtype != np.dtype("O"):
            raise ValueError(f"an array of {dtype}, shape {shape}")
        (held,) = _Unpickler(stream).load().state[4]
        value = _plain(held)
        check(value)
        return value
    except _Refused as error:
        raise BesError(
            f"{path}: found a pickle that calls {error}, expected a {expected}; it was not run"
        ) from None
    # Damage surfaces as whatever the parser stumbles over.
    except Exception as error:
        raise BesError(
            f"{path}: not {what} ({one_line(error)}), expected a pickled {expected}"
        ) from None


class _Refused(Exception):
    """The pickle names something that is no part of an array."""


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
        if (module, name) not in _NUMPY | _TORCH:
            raise _Refused(f"{module}.{name}")
        return _Name(name)

    def persistent_load(self, pid: Any) -> Any:
        raise _Refused("an outside object")


def _plain(value: Any) -> Any:
    """A value in which what was noted is what it describes."""
    if isinstance(value, dict):
        return {_plain(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if not isinstance(value, _Built):
        return value
    makers = {"scalar": _scalar, "_reconstruct": _array, "_rebuild_tensor_v2": _tensor}
    if value.name not in makers:
        raise ValueError(f"{value.name} by itself")
    return makers[value.name](value)


def _scalar(built: _Built) -> Any:
    import numpy as np

    dtype, content = built.arguments
    return np.frombuffer(_bytes(content), _dtype(dtype))[0].item()


def _array(built: _Built) -> "np.ndarray":
    import numpy as np

    _, shape, dtype, fortran, content = built.state
    return np.frombuffer(_bytes(content), _dtype(dtype)).reshape(
        shape, order="F" if fortran else "C"
    )


def _tensor(built: _Built) -> "np.ndarray":
    """A tensor whose storage PyTorch reads as it reads weights, which runs nothing either."""
    import torch

    storage, offset, size, stride, *_ = built.arguments
    if not isinstance(storage, _Built) or storage.name != "_load_from_bytes":
        raise ValueError("a tensor without its values")
    (content,) = storage.arguments
    values = torch.load(io.BytesIO(_bytes(content)), map_location="cpu", weights_only=True)
    flat = torch.tensor([], dtype=values.dtype).set_(values._untyped_storage)
    return flat.as_strided(tuple(size), tuple(stride), int(offset)).numpy().copy()


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
