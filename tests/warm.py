"""Snakemake and its jobs without the seconds that each takes to import its libraries.

A server has the libraries imported and forks a process for each `python -m snakemake` and
`python -m bes`, which imports the package itself anew from the project's folder. In front of it
stands a `python` that hands over arguments, folder, environment and open files, and ends as the job
does; a job whose `python` was killed is killed too. All other Python programs are run as they are.
"""

import array
import contextlib
import json
import os
import runpy
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

HANDED = "BES_WARM"
"""The environment variable with the place of the server's socket."""

PYTHON = """#!{python} -IS
import array, json, os, socket, sys
place = os.environ.get("{handed}")
if place is None or sys.argv[1:2] != ["-m"] or sys.argv[2] not in ("bes", "snakemake"):
    os.execv("{python}", ["{python}", *sys.argv[1:]])
server = socket.socket(socket.AF_UNIX)
server.connect(place)
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
        (folder / "bin").mkdir(parents=True)
        # Python finds its environment by this file, from wherever it is linked.
        home = Path(sys.executable).resolve().parent
        (folder / "pyvenv.cfg").write_text(f"home = {home}\n")
        (folder / "lib").symlink_to(Path(sys.prefix) / "lib")
        self.snakemake = folder / "bin" / "python-of-snakemake"
        self.snakemake.symlink_to(Path(sys.executable).resolve())
        self.python = shim = folder / "bin" / "python"
        shim.write_text(PYTHON.format(python=sys.executable, handed=HANDED))
        shim.chmod(shim.stat().st_mode | stat.S_IXUSR)
        self._process = subprocess.Popen([sys.executable, __file__, str(self.socket)])
        while not self.socket.exists():
            assert self._process.poll() is None, "the server ended"
            time.sleep(0.05)

    def close(self) -> None:
        """End the server."""
        self._process.terminate()
        self._process.wait()


def serve(place: str) -> None:
    """Fork a job for each connection, for ever."""
    _import_libraries()
    # Jobs that ended are not waited for.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    server = socket.socket(socket.AF_UNIX)
    server.bind(place)
    server.listen(64)
    parent = os.getppid()
    server.settimeout(1.0)
    while os.getppid() == parent:
        try:
            client, _ = server.accept()
        except TimeoutError:
            continue
        if os.fork() == 0:
            server.close()
            _job(client)
        client.close()


def _job(client: socket.socket) -> None:
    os.setsid()
    client.setblocking(True)
    files = array.array("i")
    head, ancillary, _, _ = client.recvmsg(8, socket.CMSG_SPACE(3 * files.itemsize))
    for _, _, data in ancillary:
        files.frombytes(data)
    for stream, file in enumerate(files):
        os.dup2(file, stream)
        os.close(file)
    argv, folder, environment = json.loads(_receive(client, int.from_bytes(head, "big")))
    # Before there is a job: of one that ended already the server's own way would know no status.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    child = os.fork()
    if child == 0:
        client.close()
        _run(argv, folder, environment)
    ended = threading.Event()
    threading.Thread(target=_end_with, args=(client, child, ended), daemon=True).start()
    _, status = os.waitpid(child, 0)
    ended.set()
    code = os.waitstatus_to_exitcode(status)
    client.sendall((code if code >= 0 else 128 - code).to_bytes(4, "big"))
    os._exit(0)


def _receive(client: socket.socket, length: int) -> bytes:
    content = b""
    while len(content) < length:
        content += client.recv(length - len(content))
    return content


def _end_with(client: socket.socket, child: int, ended: threading.Event) -> None:
    """Kill the job, and what it forked, when the other side is gone before it ended."""
    if not client.recv(1) and not ended.is_set():
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)


def _run(argv: list[str], folder: str, environment: dict[str, str]) -> None:
    """What `python -m bes` or `python -m snakemake` does."""
    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
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
    import torch

    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    for name in (
        *("scipy.sparse", "scipy.ndimage", "torchvision.models", "lightning_fabric"),
        *("lightning_fabric.plugins.environments", "safetensors.torch", "numba"),
        *("matplotlib.figure", "matplotlib.backends.backend_agg", "jinja2", "pygments.lexers"),
        *("yaml", "jsonschema", "PIL.Image", "torch.utils.data", "multiprocessing.pool"),
        *("concurrent.futures.process", "csv", "argparse", "pygments.formatters"),
        *("snakemake.cli", "snakemake.report", "rich.progress"),
    ):
        __import__(name)
    import numba

    # What numba knows of Python's functions is read at the first that it compiles.
    numba.njit(lambda number: number + 1)(1.0)


if __name__ == "__main__":
    serve(sys.argv[1])
