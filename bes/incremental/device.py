"""Which device a job runs on: a GPU that no other local job has, or the CPU."""

import fcntl
import os
import sys
import time
import urllib.parse
from pathlib import Path

from bes.errors import BesError
from bes.storage.lock import NO_LOCKS

LOCKS = Path("/tmp")
"""Where the locks of the GPUs lie: one place for all users, whatever their TMPDIR, which
Snakemake sets for its jobs."""

_held: list[int] = []
"""The open files whose locks this process has."""


def acquire_device(wanted: str, *, count: int = 1) -> str:
    """`auto`, `cpu` or `cuda` -> `cpu` or `cuda`; for `cuda`, lease `count` GPUs for this process.

    Snakemake counts GPUs but assigns none, so on a workstation each job locks one and hides the
    others through CUDA_VISIBLE_DEVICES. A scheduler that assigned devices is left its choice.
    Call before torch is imported. Raises BesError if `cuda` is wanted and there is no GPU.
    """
    if wanted == "cpu":
        return "cpu"
    visible = _visible_devices()
    if "SLURM_JOB_ID" not in os.environ and "LOCAL_RANK" not in os.environ and visible:
        os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(_lease(visible, min(count, len(visible))))
    if visible:
        import torch

        if torch.cuda.is_available():
            return "cuda"
    if wanted == "cuda":
        raise BesError("--device cuda: found no usable GPU; expected one, or --device cpu or auto")
    if visible:
        print(
            f"PyTorch {torch.__version__} cannot use the GPU {', '.join(visible)}, so the CPU is: "
            "another build may (docs/install.md); --device cuda refuses",
            file=sys.stderr,
        )
    return "cpu"


def has_gpu() -> bool:
    """Whether this process sees a GPU, as far as that shows without PyTorch."""
    return bool(_visible_devices())


def _visible_devices() -> list[str]:
    """Names of the GPUs that this process may use, as CUDA_VISIBLE_DEVICES writes them."""
    listed = os.environ.get("CUDA_VISIBLE_DEVICES")
    if listed is not None:
        names = (name.strip() for name in listed.split(","))
        return list(dict.fromkeys(name for name in names if name not in ("", "-1")))
    nodes = (node.name.removeprefix("nvidia") for node in Path("/dev").glob("nvidia[0-9]*"))
    return sorted((name for name in nodes if name.isdecimal()), key=int)


def _lease(devices: list[str], count: int) -> list[str]:
    """Lock `count` of the devices until this process ends; waits until they are free."""
    said = False
    while True:
        leased: dict[str, int] = {}
        for device in devices:
            file = _open_lock(device)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(file)
                continue
            except OSError as error:  # such a file system cannot say who else has the device
                if error.errno not in NO_LOCKS:
                    raise
            leased[device] = file
            if len(leased) == count:
                _held.extend(leased.values())
                return list(leased)
        for file in leased.values():
            os.close(file)
        if not said:
            print(f"waiting for {count} of the GPUs {', '.join(devices)}", file=sys.stderr)
            said = True
        time.sleep(1.0)


def _open_lock(device: str) -> int:
    """The lock file of a device, of all users, or of this one where the other cannot be opened.

    Raises BesError if there can be none.
    """
    import tempfile

    name = f"bes-gpu-{urllib.parse.quote(device, safe='')}"  # the name of a slice may have a /
    own = f"{name}.{os.getuid()}.lock"
    folder = Path(tempfile.gettempdir())
    for path in (LOCKS / f"{name}.lock", LOCKS / own, folder / own):
        try:
            return _open_or_create(path)
        except OSError as error:
            refused = error
    raise BesError(
        f"{refused.filename}: found no place for the lock of GPU {device} ({refused.strerror}), "
        f"expected {LOCKS} or TMPDIR to be writable"
    )


def _open_or_create(path: Path) -> int:
    """Open a file to lock it, for which reading is enough, so that its maker may be another user.

    Linux lets nobody create a file of another user again in a folder such as /tmp (it answers with
    EACCES where there is one), so a file that is there is opened as it is.
    """
    try:
        return os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        pass
    mask = os.umask(0)
    try:
        return os.open(path, os.O_RDONLY | os.O_CREAT | os.O_EXCL, 0o666)
    except FileExistsError:  # somebody was faster
        return os.open(path, os.O_RDONLY)
    finally:
        os.umask(mask)
