"""A pool takes items as it needs them, and gives results in their order."""

import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from bes.storage.pool import forked_map, in_order, limit_threads


def slow_first(item: int) -> int:
    time.sleep(0.05 * (item == 0))
    return 10 * item


def counted(taken: list[int], count: int) -> Iterator[int]:
    for item in range(count):
        taken.append(item)
        yield item


@pytest.mark.parametrize("processes", [1, 2])
def test_results_come_in_order(processes: int) -> None:
    assert list(forked_map(slow_first, range(40), processes=processes)) == [
        10 * item for item in range(40)
    ]


def test_few_items_are_taken_ahead() -> None:
    taken: list[int] = []
    with ThreadPoolExecutor(2) as executor:
        results = in_order(executor, slow_first, counted(taken, 100), ahead=5)
        for expected in range(30):
            assert next(results) == 10 * expected
            assert len(taken) == expected + 6
        results.close()
    assert len(taken) == 35


def test_what_makes_the_items_runs_after_the_fork() -> None:
    """An item may be made by threads: none of them is there when the processes start."""
    with ThreadPoolExecutor(2) as readers:
        made = in_order(readers, slow_first, range(20), ahead=3)
        assert list(forked_map(slow_first, made, processes=2)) == [100 * item for item in range(20)]


def test_an_error_ends_it() -> None:
    def fail(item: int) -> int:
        if item == 3:
            raise ValueError("three")
        return item

    with pytest.raises(ValueError, match="three"):
        list(forked_map(fail, range(1000), processes=2))


def test_threads_are_few_and_sleep_while_they_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", {})
    limit_threads(2)
    assert os.environ["OMP_NUM_THREADS"] == "2" and os.environ["OMP_WAIT_POLICY"] == "PASSIVE"
    os.environ["OMP_WAIT_POLICY"] = "ACTIVE"
    limit_threads(1)
    assert os.environ["OMP_NUM_THREADS"] == "1" and os.environ["OMP_WAIT_POLICY"] == "ACTIVE"
