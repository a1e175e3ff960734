"""The memo survives a kill at any byte, and forgets only what it is told to."""

from pathlib import Path

import pytest

from bes.storage.memo import Entry, Memo, differences, digest_of


def entry(number: int) -> Entry:
    return Entry({"photograph": f"p{number}", "code": "c"}, f"f{number}")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "_memo" / "000.jsonl"


def filled(path: Path, *names: str) -> Memo:
    memo = Memo(path)
    for number, name in enumerate(names):
        memo.add(name, entry(number))
    return memo


def test_there_is_nothing_in_a_new_memo(path: Path) -> None:
    assert Memo(path).entries == {}
    assert not path.exists()


def test_what_was_added_is_read_back(path: Path) -> None:
    memo = filled(path, "cat", "dog", "naïve;,\n")
    assert (
        Memo(path).entries
        == memo.entries
        == {
            "cat": entry(0),
            "dog": entry(1),
            "naïve;,\n": entry(2),
        }
    )


def test_a_torn_last_line_loses_that_entry_alone(path: Path) -> None:
    filled(path, "cat", "dog", "cow")
    whole = path.read_bytes()
    start = whole.rindex(b"\n", 0, -1) + 1
    for length in range(start, len(whole) - 1):
        path.write_bytes(whole[:length])
        assert set(Memo(path).entries) == {"cat", "dog"}


def test_what_is_added_after_a_torn_line_is_whole(path: Path) -> None:
    filled(path, "cat", "dog")
    path.write_bytes(path.read_bytes()[:-5])
    memo = Memo(path)
    memo.add("cow", entry(7))
    memo.add("hen", entry(8))
    assert Memo(path).entries == {"cat": entry(0), "cow": entry(7), "hen": entry(8)}


def test_a_line_without_its_newline_still_counts(path: Path) -> None:
    filled(path, "cat", "dog")
    path.write_bytes(path.read_bytes()[:-1])
    memo = Memo(path)
    memo.add("cow", entry(2))
    assert Memo(path).entries == {"cat": entry(0), "dog": entry(1), "cow": entry(2)}


def test_the_later_entry_of_a_name_counts(path: Path) -> None:
    memo = filled(path, "cat", "dog", "cat")
    assert Memo(path).entries["cat"] == entry(2)
    memo.compact()
    assert len(path.read_bytes().splitlines()) == 2
    assert Memo(path).entries == memo.entries == {"cat": entry(2), "dog": entry(1)}


def test_compaction_leaves_a_memo_without_superseded_lines_alone(path: Path) -> None:
    memo = filled(path, "cat", "dog")
    before = path.stat().st_ino
    memo.compact()
    Memo(path).compact()
    assert path.stat().st_ino == before


def test_compaction_mends_a_torn_memo(path: Path) -> None:
    filled(path, "cat", "dog")
    path.write_bytes(path.read_bytes()[:-5])
    Memo(path).compact()
    memo = Memo(path)
    memo.add("cow", entry(2))
    assert path.read_bytes().count(b"\n") == 2 == len(memo.entries)


def test_keep_forgets_the_others(path: Path) -> None:
    memo = filled(path, "cat", "dog", "cow")
    memo.keep({"dog", "unheard of"})
    assert Memo(path).entries == {"dog": entry(1)}


def test_a_digest_depends_on_values_and_not_on_the_order_of_keys() -> None:
    assert digest_of({"a": 1, "b": [2, 3]}) == digest_of({"b": [2, 3], "a": 1})
    assert len({digest_of(value) for value in ({"a": 1}, {"a": 2}, {"b": 1}, {"a": [1]})}) == 4


def test_differences_names_what_changed_came_or_went() -> None:
    before = {"code": "1", "options": "1", "cams": "1"}
    now = {"code": "1", "options": "2", "photograph": "1"}
    assert differences(before, now) == ["cams", "options", "photograph"]
    assert differences(before, dict(before)) == []


@pytest.mark.parametrize("line", ["null", "5", "[]", "{", '["a"]'])
def test_a_line_of_another_hand_is_passed_over(tmp_path: Path, line: str) -> None:
    memo = Memo(tmp_path / "memo.jsonl")
    memo.add("a", Entry({"options": "1"}, "2"))
    with open(memo.path, "a") as file:
        file.write(f"{line}\n")
    assert Memo(memo.path).entries == memo.entries
