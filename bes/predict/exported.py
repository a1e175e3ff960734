"""The segmentation network by itself, for programs without this package: ONNX or torch.export."""

import contextlib
import io
import json
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from unittest import mock

import numpy as np
import torch
import torch.fx.experimental._config as shapes
import torch.nn.functional as F
from torch import nn

from bes.data.augmentation import MEAN, STD
from bes.errors import BesError
from bes.networks.deeplab import DeepLab
from bes.storage.words import first_line

Runner = Callable[[np.ndarray], np.ndarray]
"""Photographs, uint8 (B, H, W, 3), RGB -> logits, float32 (B, labels, H, W)."""


class Exported(nn.Module):
    """The network with the normalisation before it and the enlargement after it."""

    def __init__(self, network: DeepLab):
        super().__init__()
        # Of weights or photographs that lie channels last, PyTorch's writer asks for more than one
        # photograph.
        self.network = network.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
        self.stride = network.backbone.strides[-1]
        self.mean: torch.Tensor
        self.std: torch.Tensor
        self.register_buffer("mean", torch.from_numpy(MEAN)[:, None, None])
        self.register_buffer("std", torch.from_numpy(STD)[:, None, None])

    def forward(self, photographs: torch.Tensor) -> torch.Tensor:
        """uint8 (B,H,W,3), RGB, any size -> logits (B,n_labels,H,W), float32."""
        height, width = photographs.shape[1], photographs.shape[2]
        images = photographs.permute(0, 3, 1, 2).clone(memory_format=torch.contiguous_format)
        images = (images.float() / 255 - self.mean) / self.std
        # To whole cells, as `segmentation_maps` does; so the enlarged map is never too small.
        images = F.pad(images, (0, -width % self.stride, 0, -height % self.stride))
        logits = F.interpolate(
            self.network(images), scale_factor=self.stride, mode="bilinear", align_corners=False
        )
        return logits[..., :height, :width]

    @torch.inference_mode()
    def run(self, photographs: np.ndarray) -> np.ndarray:
        """See `Runner`."""
        return self(torch.from_numpy(photographs)).numpy()


def to_torch_export(module: Exported, classes: tuple[str, ...]) -> bytes:
    """A program that `torch.export.load` reads; `classes.json` is among its extra files.

    Raises BesError for a network that PyTorch cannot write so.
    """
    content = io.BytesIO()
    extra = {"classes.json": json.dumps(classes)}
    try:
        torch.export.save(_program(module), content, extra_files=extra)
    # Of backbones of timm: whatever PyTorch's writer stumbles over.
    except Exception as error:
        raise BesError(
            f"--format torch-export: PyTorch {torch.__version__} cannot write this network "
            f"({first_line(error)}), expected one that it can, or --format onnx"
        ) from None
    return content.getvalue()


def run_torch_export(content: bytes) -> Runner:
    """The program in such a file."""
    program = torch.export.load(io.BytesIO(content)).module()

    @torch.inference_mode()
    def run(photographs: np.ndarray) -> np.ndarray:
        return program(torch.from_numpy(photographs)).numpy()

    return run


def to_onnx(module: Exported, classes: tuple[str, ...]) -> bytes:
    """An ONNX model with the input `photographs` and the output `logits`; its metadata has
    `classes`, a JSON list. Raises BesError where the libraries are missing."""
    _check_onnx()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "segmenter.onnx")
        program = torch.onnx.export(
            _program(module),
            input_names=["photographs"],
            output_names=["logits"],
            verbose=False,
        )
        assert program is not None
        program.model.metadata_props["classes"] = json.dumps(classes)
        program.save(path, external_data=False)
        return path.read_bytes()


def run_onnx(content: bytes) -> Runner:
    """The model in such a file, by ONNX Runtime on the CPU."""
    import onnxruntime

    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    return lambda photographs: session.run(["logits"], {"photographs": photographs})[0]


FORMATS = {
    "onnx": ("segmenter.onnx", to_onnx, run_onnx),
    "torch-export": ("segmenter.pt2", to_torch_export, run_torch_export),
}
"""Format -> the name of its file, what writes it, what runs it."""


def agreement(module: Exported, run: Runner, photographs: Iterable[np.ndarray]) -> float:
    """The share of pixels, in [0, 1], that have the same label by both; each photograph, uint8
    (H, W, 3), by itself and in one batch with its mirror image."""
    same = total = 0
    for photo in photographs:
        for batch in (photo[None], np.stack([photo, photo[:, ::-1]])):
            equal = run(batch).argmax(1) == module.run(batch).argmax(1)
            same, total = same + int(equal.sum()), total + equal.size
    return same / total


def _program(module: Exported) -> torch.export.ExportedProgram:
    """The program for any number of photographs of any size."""
    dynamic = dict.fromkeys((0, 1, 2), torch.export.Dim.DYNAMIC)
    example = torch.zeros(2, 3 * module.stride + 5, 4 * module.stride + 3, 3, dtype=torch.uint8)
    # Otherwise what holds for the example is taken for a condition: that there are several
    # photographs, and that they are not of whole cells.
    with (
        torch.no_grad(),
        shapes.patch(  # type: ignore[attr-defined]
            backed_size_oblivious=True
        ),
        _padding_of_whole_cells(),
    ):
        return torch.export.export(module, (example,), dynamic_shapes=(dynamic,))


@contextlib.contextmanager
def _padding_of_whole_cells() -> Iterator[None]:
    """Have timm pad by a number: what its SAME padding is for whole cells, as `Exported` has them.

    Computed from the sides of each map, it makes expressions of the photograph's sides that
    PyTorch's writer does not simplify within minutes.
    """

    def padding(length: int, kernel_size: int, stride: int, dilation: int) -> int:
        return max((kernel_size - 1) * dilation + 1 - stride, 0)

    try:
        import timm.layers.padding as of_timm
    except ImportError:  # so none of its networks is written
        yield
        return
    with mock.patch.object(of_timm, "get_same_padding", padding):
        yield


def _check_onnx() -> None:
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise BesError(
            f"--format onnx: found no {error.name}, expected it installed: pip install -c "
            "constraints.txt onnx onnxruntime onnxscript"
        ) from None
