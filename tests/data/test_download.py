"""A download is there whole and right or not at all, and one that broke off goes on."""

import hashlib
import random
import tarfile
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from packed import tar_of, zip_of

from bes.data import download
from bes.data.download import Archive, provide
from bes.errors import BesError

FILES = {
    "data/a.txt": random.Random(0).randbytes(300_000),
    "data/lists/b.txt": b"b",
    "other/c.txt": b"c",
}


class Server:
    """Serves files from memory; can break connections off and ignore ranges."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.ranges: list[str | None] = []
        self.cuts: list[int] = []
        """How many bytes the next connections give before they break off."""
        self.status = 0
        self.knows_ranges = True
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                wanted = self.headers["Range"]
                server.ranges.append(wanted)
                content = server.files.get(self.path, b"")
                start = int(wanted[6:-1]) if wanted and server.knows_ranges else 0
                if server.status or (start and start >= len(content)):
                    self.send_error(server.status or 416)
                    return
                self.send_response(206 if start else 200)
                self.send_header("Content-Length", str(len(content) - start))
                self.end_headers()
                end = start + server.cuts.pop(0) if server.cuts else len(content)
                self.wfile.write(content[start:end])

            def log_message(self, *_: Any) -> None: ...

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()

    def offer(self, name: str, content: bytes, *parts: str) -> Archive:
        self.files[f"/{name}"] = content
        url = f"http://127.0.0.1:{self.http.server_port}/{name}"
        return Archive(url, hashlib.md5(content).hexdigest(), parts or ("data",))


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(download, "PAUSE", 0.0)
    server = Server()
    yield server
    server.http.shutdown()
    server.http.server_close()


def unpacked(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.parent != root
    }


@pytest.mark.parametrize(
    ("name", "pack"),
    [("a.tgz", tar_of), ("a.tar", lambda files: tar_of(files, mode="w")), ("a.zip", zip_of)],
)
def test_the_wanted_parts_are_unpacked_and_no_others(
    server: Server, tmp_path: Path, name: str, pack: Callable[[dict[str, bytes]], bytes]
) -> None:
    archive = server.offer(name, pack(FILES))
    provide((archive,), tmp_path)
    assert unpacked(tmp_path) == {k: v for k, v in FILES.items() if k.startswith("data/")}
    assert not [path for path in tmp_path.iterdir() if path.name.endswith((".part", ".unpacked"))]


def test_parts_that_are_there_need_no_server(server: Server, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    provide((server.offer("a.tgz", tar_of(FILES)),), tmp_path)
    assert server.ranges == [] and unpacked(tmp_path) == {}


def test_an_archive_that_lies_there_is_used(server: Server, tmp_path: Path) -> None:
    content = tar_of(FILES)
    archive = server.offer("a.tgz", content)
    (tmp_path / "a.tgz").write_bytes(content)
    provide((archive,), tmp_path)
    assert server.ranges == [] and "data/a.txt" in unpacked(tmp_path)


def test_a_connection_that_breaks_off_is_taken_up_where_it_ended(
    server: Server, tmp_path: Path
) -> None:
    archive = server.offer("a.tar", tar_of(FILES, mode="w"))
    server.cuts = [100_000, 50_000]
    provide((archive,), tmp_path)
    assert server.ranges == [None, "bytes=100000-", "bytes=150000-"]
    assert unpacked(tmp_path)["data/a.txt"] == FILES["data/a.txt"]


def test_the_next_call_goes_on_with_a_download_given_up(server: Server, tmp_path: Path) -> None:
    archive = server.offer("a.tar", tar_of(FILES, mode="w"))
    server.cuts = [1000] + [0] * download.TRIES
    with pytest.raises(BesError, match=r"beyond the 1000 bytes in .*a\.tar\.part"):
        provide((archive,), tmp_path)
    assert not (tmp_path / "data").exists() and not (tmp_path / "a.tar").exists()
    server.ranges.clear()
    provide((archive,), tmp_path)
    assert server.ranges == ["bytes=1000-"] and "data/a.txt" in unpacked(tmp_path)


def test_a_server_without_ranges_sends_the_whole_again(server: Server, tmp_path: Path) -> None:
    archive = server.offer("a.tar", tar_of(FILES, mode="w"))
    server.knows_ranges, server.cuts = False, [1000]
    provide((archive,), tmp_path)
    assert "data/a.txt" in unpacked(tmp_path)


def test_a_partial_file_may_be_complete(server: Server, tmp_path: Path) -> None:
    content = tar_of(FILES)
    archive = server.offer("a.tgz", content)
    (tmp_path / "a.tgz.part").write_bytes(content)
    provide((archive,), tmp_path)
    assert "data/a.txt" in unpacked(tmp_path)


def test_a_wrong_checksum_leaves_nothing(server: Server, tmp_path: Path) -> None:
    archive = server.offer("a.tgz", tar_of(FILES))
    server.files["/a.tgz"] = tar_of(FILES | {"data/evil": b"1"})
    with pytest.raises(BesError, match=rf"MD5 \w+, expected {archive.md5}"):
        provide((archive,), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [".a.tgz.lock"]


def test_what_the_server_refuses_is_said_with_the_place_for_a_copy(
    server: Server, tmp_path: Path
) -> None:
    archive = server.offer("a.tgz", tar_of(FILES))
    server.status = 404
    with pytest.raises(BesError, match=r"HTTP status 404.*put the archive at .*/a\.tgz$"):
        provide((archive,), tmp_path)
    assert len(server.ranges) == 1


def test_no_server_at_all_is_an_error(
    monkeypatch: pytest.MonkeyPatch, server: Server, tmp_path: Path
) -> None:
    monkeypatch.setattr(download, "TRIES", 2)
    archive = server.offer("a.tgz", b"")
    server.http.shutdown()
    server.http.server_close()
    with pytest.raises(BesError, match="refused"):
        provide((archive,), tmp_path)


def test_what_a_killed_process_left_is_cleared_away(server: Server, tmp_path: Path) -> None:
    (tmp_path / ".a.tgz.unpacked" / "data").mkdir(parents=True)
    (tmp_path / ".a.tgz.unpacked" / "data" / "half").write_bytes(b"1")
    provide((server.offer("a.tgz", tar_of(FILES)),), tmp_path)
    assert "data/half" not in unpacked(tmp_path)


def test_a_part_that_is_there_is_not_replaced(server: Server, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    provide((server.offer("a.tgz", tar_of(FILES), "data", "other/c.txt"),), tmp_path)
    assert unpacked(tmp_path) == {"other/c.txt": b"c"}


def test_a_file_in_the_place_of_the_folder_is_an_error(server: Server, tmp_path: Path) -> None:
    (tmp_path / "root").write_bytes(b"")
    with pytest.raises(BesError, match="root: cannot be written to"):
        provide((server.offer("a.tgz", tar_of(FILES)),), tmp_path / "root")


def test_a_python_that_cannot_unpack_safely_does_not_unpack(
    monkeypatch: pytest.MonkeyPatch, server: Server, tmp_path: Path
) -> None:
    monkeypatch.delattr(tarfile, "data_filter")
    with pytest.raises(BesError, match=r"expected 3\.11\.4"):
        provide((server.offer("a.tgz", tar_of(FILES)),), tmp_path)
    assert unpacked(tmp_path) == {}
