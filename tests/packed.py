"""Archives and pickles, as bytes."""

import io
import tarfile
import zipfile

import numpy as np


def tar_of(files: dict[str, bytes], *extra: tarfile.TarInfo, mode: str = "w:gz") -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode=mode) as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
        for member in extra:
            tar.addfile(member)
    return content.getvalue()


def zip_of(files: dict[str, bytes], *extra: zipfile.ZipInfo) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, data in files.items():
            zipped.writestr(name, data)
        for member in extra:
            zipped.writestr(member, "/etc")
    return content.getvalue()


def npy(pickled: bytes) -> bytes:
    """A pickle under the header of an array with one object."""
    content = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        content, {"descr": "|O", "fortran_order": False, "shape": ()}
    )
    return content.getvalue() + pickled
