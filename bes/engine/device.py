"""Which device a job runs on: a GPU that no other local job has, or the CPU."""

import fcntl
import os
import sys
import time
from pathlib import Path
from typing import IO

from bes.errors import BesError

_held: list[IO[bytes]] = []


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
    return "cpu"


def _visible_devices() -> list[str]:
    """Names of the GPUs that this process may use, as CUDA_VISIBLE_DEVICES writes them."""
    listed = os.environ.get("CUDA_VISIBLE_DEVICES")
    if listed is not None:
        return [name for name in listed.split(",") if name not in ("", "-1")]
    nodes = Path("/dev").glob("nvidia[0-9]*")
    return sorted((node.name.removeprefix("nvidia") for node in nodes), key=int)


def _lease(devices: list[str], count: int) -> list[str]:
    """Lock `count` of the devices until this process ends; waits until they are free."""
    import tempfile

    said = False
    while True:
        leased: list[tuple[str, IO[bytes]]] = []
        for device in devices:
            file: IO[bytes] = open(Path(tempfile.gettempdir()) / f"bes-gpu-{device}.lock", "ab")  # noqa: SIM115
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.close()
                continue
            leased.append((device, file))
            if len(leased) == count:
                _held.extend(file for _, file in leased)
                return [device for device, _ in leased]
        for _, file in leased:
            file.close()
        if not said:
            print(f"waiting for {count} of the GPUs {', '.join(devices)}", file=sys.stderr)
            said = True
        time.sleep(1.0)
