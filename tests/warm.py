"""Snakemake and its jobs without the seconds that each takes to import its libraries.

A server has the libraries imported and forks a process for each `python -m snakemake` and
`python -m bes`, which imports the package itself anew from the project's folder. In front of it
stands a `python` that hands over arguments, folder, environment and open files, and ends as the job
does; a job whose `python` was killed is killed too. All other Python programs are run as they are.
"""

import array
import contextlib
import gc
import io
import json
import os
import runpy
import selectors
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

HANDED = "BES_WARM"
"""The environment variable with the place of the server's socket."""
WITH_TORCH = ".torch"
"""What the place of the second server's socket ends with. A process that has torch is slow to fork,
as the memory that its libraries have written to counts."""
NEEDED_BY = (
    *("classifier", "cams", "benet", "irnet", "boundary_maps", "revised_maps"),
    *("teacher", "teacher_maps", "revised_teacher_maps", "segmenter", "segmentation_maps"),
    *("predict", "export_network", "review"),
)
"""The commands that import torch; for another one to do so takes time, and no more."""

PYTHON = """#!{python} -IS
import array, json, os, socket, sys
place = os.environ.get("{handed}")
if place is None or sys.argv[1:2] != ["-m"] or sys.argv[2] not in ("bes", "snakemake"):
    os.execv("{python}", ["{python}", *sys.argv[1:]])
server = socket.socket(socket.AF_UNIX)
server.connect(place + ("{with_torch}" if sys.argv[3:4] and sys.argv[3] in {needed_by} else ""))
call = json.dumps([sys.argv, os.getcwd(), dict(os.environ)]).encode()
files = array.array("i", [0, 1, 2])
server.sendmsg([len(call).to_bytes(8, "big")], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, files)])
server.sendall(call)
status = server.recv(4)
sys.exit(int.from_bytes(status, "big") if status else 137)
"""


class Warm:
    """The server, and a folder with the Python that uses it."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.socket = folder / "socket"
        self.python = folder / "bin" / "python"
        self.snakemake = folder / "bin" / "python-of-snakemake"

    def start(self, tests: int) -> None:
        """Start it, for as long as a process lives."""
        self.python.parent.mkdir(parents=True)
        # Python finds its environment by this file, from wherever it is linked.
        home = Path(sys.executable).resolve().parent
        (self.folder / "pyvenv.cfg").write_text(f"home = {home}\n")
        (self.folder / "lib").symlink_to(Path(sys.prefix) / "lib")
        self.snakemake.symlink_to(Path(sys.executable).resolve())
        words = {"handed": HANDED, "with_torch": WITH_TORCH, "needed_by": NEEDED_BY}
        self.python.write_text(PYTHON.format(python=sys.executable, **words))
        self.python.chmod(self.python.stat().st_mode | stat.S_IXUSR)
        server = subprocess.Popen([sys.executable, __file__, str(self.socket), str(tests)])
        while not Path(f"{self.socket}{WITH_TORCH}").exists():
            assert server.poll() is None, "the server ended"
            time.sleep(0.05)


def serve(place: str, tests: int) -> None:
    """Two servers: one with the libraries that all jobs need, and one that has torch as well."""
    # Alone in a session: no key that is pressed ends it before the tests do.
    os.setsid()
    _import_libraries()
    if os.fork() == 0:
        place += WITH_TORCH
        _import_torch()
    # A collection in a job would write to, and so copy, all that is here.
    gc.collect()
    gc.freeze()
    _serve(place, tests)


def _serve(place: str, tests: int) -> None:
    """Fork a job for each connection, as long as a process lives."""
    server = socket.socket(socket.AF_UNIX)
    server.bind(place)
    server.listen(64)
    ended, tell = socket.socketpair()
    tell.setblocking(False)
    signal.set_wakeup_fd(tell.fileno(), warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    selector = selectors.DefaultSelector()
    for one in (server, ended):
        selector.register(one, selectors.EVENT_READ)
    jobs: dict[int, socket.socket] = {}
    while psutil.pid_exists(tests):
        for key, _ in selector.select(1.0):
            if key.fileobj is server:
                client, _ = server.accept()
                if (job := os.fork()) == 0:
                    signal.set_wakeup_fd(-1)
                    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                    for one in (selector, server, ended, tell, *jobs.values()):
                        one.close()
                    os.setpgid(0, 0)
                    _run(*_receive(client))
                # Here as well: whichever of the two comes first.
                with contextlib.suppress(OSError):
                    os.setpgid(job, job)
                jobs[job] = client
                selector.register(client, selectors.EVENT_READ, job)
            elif key.fileobj is ended:
                ended.recv(4096)
                for job, status in _those_ended():
                    code = os.waitstatus_to_exitcode(status)
                    client = jobs.pop(job)
                    if client in selector.get_map():
                        selector.unregister(client)
                    with contextlib.suppress(OSError):
                        client.sendall((code if code >= 0 else 128 - code).to_bytes(4, "big"))
                    client.close()
            elif key.data in jobs and _is_closed(key.fileobj):
                # The `python` that stands for the job was killed.
                selector.unregister(key.fileobj)
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(key.data, signal.SIGKILL)


def _is_closed(client: socket.socket) -> bool:
    """Whether the other side is gone; what it said is left to the job to read."""
    try:
        return not client.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False


def _those_ended() -> Iterator[tuple[int, int]]:
    """The jobs that ended, with the status of each."""
    with contextlib.suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            yield ended


def _receive(client: socket.socket) -> tuple[list[str], str, dict[str, str]]:
    """Arguments, folder and environment of a job; its open files become this process's own."""
    files = array.array("i")
    head, ancillary, _, _ = client.recvmsg(8, socket.CMSG_SPACE(3 * files.itemsize))
    for _, _, data in ancillary:
        files.frombytes(data)
    for stream, file in enumerate(files):
        os.dup2(file, stream)
        os.close(file)
    content, length = b"", int.from_bytes(head, "big")
    while len(content) < length:
        more = client.recv(length - len(content))
        if not more:  # killed while it said so
            os._exit(1)
        content += more
    client.close()
    return json.loads(content)


def _run(argv: list[str], folder: str, environment: dict[str, str]) -> None:
    """What `python -m bes` or `python -m snakemake` does."""
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.path[:] = [*environment.get("PYTHONPATH", "").split(os.pathsep), *sys.path]
    sys.executable = argv[0]
    sys.dont_write_bytecode = bool(environment.get("PYTHONDONTWRITEBYTECODE"))
    sys.argv = [argv[2], *argv[3:]]
    sys.orig_argv = ["python", *argv[1:]]
    code = 1
    try:
        # Python would have run it at its start.
        for place in environment.get("PYTHONPATH", "").split(os.pathsep):
            if (customize := Path(place, "sitecustomize.py")).exists():
                runpy.run_path(str(customize))
        runpy.run_module(argv[2], run_name="__main__", alter_sys=True)
        code = 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(code)


def _import_libraries() -> None:
    """All that jobs import but the package itself, on one thread: no pool outlives a fork."""
    os.environ["OMP_NUM_THREADS"] = "1"
    import cv2

    cv2.setNumThreads(1)
    for name in (
        *("scipy.sparse", "scipy.ndimage", "numba", "matplotlib.figure"),
        *("matplotlib.backends.backend_agg", "jinja2", "pygments.lexers"),
        *("yaml", "jsonschema", "PIL.Image", "multiprocessing.pool"),
        *("concurrent.futures.process", "csv", "argparse", "pygments.formatters"),
        *("snakemake.report", "smart_open", "rich.progress"),
    ):
        __import__(name)
    import numba
    from matplotlib.figure import Figure
    from PIL import Image
    from snakemake.cli import get_argument_parser

    # What they look for at first use: Snakemake plugins, numba Python's functions, Matplotlib
    # fonts, Pillow formats.
    get_argument_parser()
    numba.njit(lambda number: number + 1)(1.0)
    figure = Figure(layout="constrained")
    figure.add_subplot(xlabel="x", title="title").plot([0, 1], label="label")
    figure.legend()
    figure.savefig(io.BytesIO())
    Image.init()


def _import_torch() -> None:
    import torch

    torch.set_num_threads(1)
    for name in (
        *("torchvision.models", "lightning_fabric", "lightning_fabric.plugins.environments"),
        *("safetensors.torch", "torch.utils.data", "timm"),
    ):
        __import__(name)


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]))
