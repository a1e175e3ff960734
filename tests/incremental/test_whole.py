"""A stage for the whole dataset: computed once, put back for nothing, never believed if damaged."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bes.incremental import whole
from bes.incremental.whole import digests_of, run_once
from bes.storage.files import digest_bytes
from bes.storage.layout import whole_receipt
from bes.storage.receipts import read_inputs, read_receipt

CONTENTS = {"scores.json": b'{"miou": 62.5}\n', "page/index.html": b"<html>", "list.txt": b""}


class Stage:
    """A stage that counts how often it computes."""

    def __init__(self, out: Path):
        self.out, self.computed = out, 0
        self.contents = dict(CONTENTS)

    def run(self, part: Any = 1, compute: Callable[[], dict[str, bytes]] | None = None) -> int:
        """Returns how often it was computed so far."""

        def count() -> dict[str, bytes]:
            self.computed += 1
            return self.contents

        inputs = {"options": str(part)}
        run_once("stage", out=self.out, inputs=inputs, compute=compute or count)
        return self.computed

    def placed(self) -> dict[str, bytes]:
        """The files with their proper names, receipts and memos aside."""
        return {
            path.relative_to(self.out).as_posix(): path.read_bytes()
            for path in self.out.rglob("*")
            if path.is_file() and not path.relative_to(self.out).parts[0].startswith("_")
        }


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path / "stage")


def delete(path: Path) -> None:
    """As Snakemake does with an output before the job."""
    path.unlink()


def test_files_are_computed_and_vouched_for(stage: Stage) -> None:
    assert stage.run() == 1
    assert stage.placed() == CONTENTS
    receipt = whole_receipt(stage.out)
    assert read_receipt(receipt) == {name: digest_bytes(text) for name, text in CONTENTS.items()}
    assert read_inputs(receipt) == {"options": "1"}


def test_what_was_deleted_comes_back_without_computing(stage: Stage) -> None:
    stage.run()
    receipt = whole_receipt(stage.out).read_bytes()
    for path in [*(stage.out / name for name in CONTENTS), whole_receipt(stage.out)]:
        delete(path)
    assert stage.run() == 1
    assert stage.placed() == CONTENTS
    assert whole_receipt(stage.out).read_bytes() == receipt


def test_files_that_are_there_are_left_as_they_are(stage: Stage) -> None:
    stage.run()
    os.utime(stage.out / "scores.json", (1, 1))
    stage.run()
    assert (stage.out / "scores.json").stat().st_mtime == 1


def test_another_part_computes_anew(stage: Stage) -> None:
    stage.run()
    stage.contents["scores.json"] = b"other"
    assert stage.run(part=2) == 2
    assert stage.placed()["scores.json"] == b"other"
    assert stage.run(part=2) == 2
    assert read_inputs(whole_receipt(stage.out)) == {"options": "2"}


HARM: dict[str, Callable[[Path], object]] = {
    "cut": lambda path: os.truncate(path, 3),
    "emptied": lambda path: os.truncate(path, 0),
    "flipped": lambda path: path.write_bytes(b"[" + path.read_bytes()[1:]),
}


@pytest.mark.parametrize("harm", HARM)
def test_a_file_that_is_damaged_in_place_is_computed_anew(stage: Stage, harm: str) -> None:
    """Both of its names are of one file."""
    stage.run()
    HARM[harm](stage.out / "scores.json")
    assert stage.run() == 2
    assert stage.placed() == CONTENTS


def test_a_file_that_is_replaced_is_put_back(stage: Stage) -> None:
    stage.run()
    delete(stage.out / "scores.json")
    (stage.out / "scores.json").write_bytes(b"of another hand")
    assert stage.run() == 1
    assert stage.placed() == CONTENTS


def test_a_kept_copy_that_is_gone_is_computed_anew(stage: Stage) -> None:
    stage.run()
    for path in (stage.out / "_memo").rglob("scores.json"):
        delete(path)
    assert stage.run() == 2
    assert stage.placed() == CONTENTS


@pytest.mark.parametrize("content", [b"", b"{", b'["scores.json", {}, 3]\n', b"\xff\n"], ids=repr)
def test_without_its_memo_all_is_computed_anew(stage: Stage, content: bytes) -> None:
    stage.run()
    (stage.out / "_memo" / "once.jsonl").write_bytes(content)
    assert stage.run() == 2
    assert stage.run() == 2
    assert stage.placed() == CONTENTS


def test_equal_results_have_equal_receipts_whenever_a_page_was_made(tmp_path: Path) -> None:
    page = "page/index.html"
    for day in ("Monday", "Tuesday"):
        contents = CONTENTS | {page: day.encode()}
        run_once("s", out=tmp_path / day, inputs={}, compute=lambda c=contents: c, dated=(page,))
    one, other = (whole_receipt(tmp_path / day) for day in ("Monday", "Tuesday"))
    assert one.read_bytes() == other.read_bytes()
    # The page itself is known all the same.
    assert digests_of(one)[page] == digest_bytes(b"Monday") != digests_of(other)[page]


def test_what_the_memo_says_of_some_of_the_files_is_not_all(stage: Stage) -> None:
    stage.run()
    memo = stage.out / "_memo" / "once.jsonl"
    lines = memo.read_text().splitlines(keepends=True)
    memo.write_text("".join(line for line in lines if "index.html" not in line))
    assert stage.run() == 2
    assert read_receipt(whole_receipt(stage.out)).keys() == CONTENTS.keys()


def test_where_there_are_no_links_there_are_copies(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError("no links here")

    monkeypatch.setattr(os, "link", refuse)
    stage.run()
    (stage.out / "scores.json").write_bytes(b"damaged")
    delete(stage.out / "page/index.html")
    assert stage.run() == 1
    assert stage.placed() == CONTENTS


def test_files_that_are_no_longer_made_are_removed(stage: Stage) -> None:
    stage.run()
    del stage.contents["page/index.html"]
    stage.run(part=2)
    assert stage.placed().keys() == {"scores.json", "list.txt"}
    assert not list((stage.out / "_memo").rglob("index.html"))
    assert read_receipt(whole_receipt(stage.out)).keys() == {"scores.json", "list.txt"}


def fails() -> dict[str, bytes]:
    raise MemoryError


def test_a_computation_that_fails_leaves_no_receipt(stage: Stage) -> None:
    stage.run()
    with pytest.raises(MemoryError):
        stage.run(part=2, compute=fails)
    assert not whole_receipt(stage.out).exists()
    assert stage.run(part=2) == 2
    assert read_inputs(whole_receipt(stage.out)) == {"options": "2"}


def test_after_a_failure_what_was_there_before_is_still_good_for_what_it_was(stage: Stage) -> None:
    stage.run()
    with pytest.raises(MemoryError):
        stage.run(part=2, compute=fails)
    assert stage.run() == 1
    assert whole_receipt(stage.out).exists()


@pytest.mark.parametrize("after", [1, 2, 3, 4])
def test_a_kill_between_two_files_leaves_no_receipt(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    stage.run()
    place, calls = whole._place, iter(range(1, 9))

    def killed(kept: Path, path: Path) -> None:
        if next(calls) == after:
            raise KeyboardInterrupt
        place(kept, path)

    monkeypatch.setattr(whole, "_place", killed)
    stage.contents = dict.fromkeys([*CONTENTS, "one more"], b"new")
    with pytest.raises(KeyboardInterrupt):
        stage.run(part=2)
    assert not whole_receipt(stage.out).exists()
    monkeypatch.undo()
    stage.run(part=2)
    assert stage.placed() == stage.contents
