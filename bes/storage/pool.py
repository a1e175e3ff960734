"""A pool of processes that share what was prepared before they were forked."""

import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from concurrent.futures import Executor, Future

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "OPENCV_FOR_THREADS_NUM",
)

_function: Callable[[Any], Any]


def limit_threads(count: int) -> None:
    """Threads of the numeric libraries in this process; call before they are imported.

    Each reads a variable of its own, and Snakemake sets most of them for its jobs.
    """
    for name in THREAD_VARIABLES:
        os.environ[name] = str(count)
    # A thread that spins while it waits takes the time of the one that it waits for, where there
    # are fewer cores free than threads.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def forked_map(
    function: Callable[[Any], Any], items: Iterable[Any], *, processes: int
) -> Iterator[Any]:
    """`map` in forked processes, in order; `function` may be a closure over arrays and networks.

    The caller must have limited threads to 1: a thread pool does not survive the fork. Items are
    made as they are needed, after the fork, so what makes them may use threads or a GPU.
    """
    # Most jobs that add or mend have one image to compute: a pool would cost them as much again.
    if processes == 1:
        yield from map(function, items)
        return
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    global _function
    _function = function
    with ProcessPoolExecutor(
        processes,
        mp_context=multiprocessing.get_context("fork"),
        initializer=_end_with_parent,
        initargs=(os.getpid(),),
    ) as executor:
        # Starts all processes.
        executor.submit(os.getpid)
        yield from in_order(executor, _call, items, ahead=4 * processes)


def in_order(
    executor: "Executor", function: Callable[[Any], Any], items: Iterable[Any], *, ahead: int
) -> Iterator[Any]:
    """`executor.map`, of which at most `ahead` items are under way or wait to be taken."""
    waiting: deque[Future[Any]] = deque()
    try:
        for item in items:
            waiting.append(executor.submit(function, item))
            if len(waiting) > ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()


def _call(item: Any) -> Any:
    return _function(item)


def _end_with_parent(parent: int) -> None:
    """A pool whose owner was killed would wait for work for ever; Ctrl-C is its owner's matter."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
