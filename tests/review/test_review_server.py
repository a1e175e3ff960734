"""The server of a review: who may ask it, and for what."""

import http.client
import io
import json
from pathlib import Path
from typing import Any

import pytest
from moons import MOON, NAMES, SIZE
from PIL import Image

from bes.errors import BesError
from bes.review.server import LARGEST_BODY, ReviewServer

JSON = {"Content-Type": "application/json"}


def ask(
    server: ReviewServer,
    path: str,
    content: Any = None,
    *,
    token: str | None = None,
    method: str = "",
    headers: dict[str, str] | None = None,
) -> tuple[int, bytes]:
    """Status and content of an answer; the path is sent as it is."""
    connection = http.client.HTTPConnection(*server.server_address, timeout=10)
    body = None if content is None else json.dumps(content)
    sent = (JSON if body else {}) | (headers or {})
    place = f"/{server.token if token is None else token}/{path}"
    try:
        connection.request(method or ("POST" if body else "GET"), place, body, sent)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def change(server: ReviewServer, number: int, verdict: str, *strokes: Any) -> tuple[int, Any]:
    revision = json.loads(ask(server, f"photographs/{number}")[1])["revision"]
    content = {"revision": revision, "verdict": verdict, "strokes": list(strokes)}
    status, answer = ask(server, f"photographs/{number}", content)
    return status, json.loads(answer)


def test_it_listens_on_this_machine_alone(server: ReviewServer) -> None:
    assert server.server_address[0] == "127.0.0.1"
    assert len(server.token) >= 32 and server.token in server.url


@pytest.mark.parametrize("path", ["", "page.js", "review", "photographs/0", "end"])
@pytest.mark.parametrize("token", ["", "guess", "..", "%2e%2e"])
def test_nothing_is_told_without_the_token(server: ReviewServer, path: str, token: str) -> None:
    status, answer = ask(server, path, token=token)
    assert status == 403
    assert json.loads(answer) == {"error": "expected the whole address, with its token"}


def test_nothing_is_written_without_the_token(server: ReviewServer) -> None:
    content = {"revision": "", "verdict": "rejected", "strokes": []}
    assert ask(server, "photographs/0", content, token="guess")[0] == 403
    assert not Path("photographs/review.csv").exists()


def test_other_sites_are_refused(server: ReviewServer) -> None:
    # By a name of theirs that points to this machine, and by a form that needs no permission.
    assert ask(server, "review", headers={"Host": "example.org"})[0] == 403
    assert ask(server, "review", headers={"Host": "localhost:9000"})[0] == 200
    assert ask(server, "photographs/0", {}, headers={"Content-Type": "text/plain"})[0] == 415


@pytest.mark.parametrize(
    "path",
    [
        "../../../../etc/passwd",
        "..%2f..%2fetc%2fpasswd",
        "server.py",
        "photographs/../../results/p/base/dataset/images.csv",
        "photographs/0/../1",
        "photographs/a%20moon.png",
        "photographs/4",
        "photographs/-1",
        "photographs/0/boundary.png/",
    ],
)
def test_paths_are_no_files(server: ReviewServer, path: str) -> None:
    assert ask(server, path) == (404, b'{"error": "no such page"}')


def test_the_page_asks_nobody_else(server: ReviewServer) -> None:
    for name in ("", "page.css", "page.js"):
        status, content = ask(server, name)
        assert status == 200 and b"http://" not in content and b"https://" not in content


def test_pictures_and_overview(server: ReviewServer) -> None:
    photographs = json.loads(ask(server, "review")[1])["photographs"]
    assert [one["id"] for one in photographs] == list(NAMES)
    for path, mode in (("photograph.jpg", "RGB"), ("boundary.png", "RGBA")):
        image = Image.open(io.BytesIO(ask(server, f"photographs/0/{path}")[1]))
        assert image.mode == mode and image.width / image.height == SIZE[1] / SIZE[0]


def test_a_change_is_answered_with_the_new_state(server: ReviewServer) -> None:
    status, state = change(server, 0, "corrected", MOON)
    assert status == 200 and state["verdict"] == "corrected"
    assert state == json.loads(ask(server, "photographs/0")[1])
    assert change(server, 0, "corrected", MOON | {"label": "sun"})[0] == 400
    old = {"revision": "of before", "verdict": "rejected", "strokes": []}
    assert ask(server, "photographs/0", old)[0] == 409
    assert json.loads(ask(server, "photographs/0")[1]) == state


@pytest.mark.parametrize(
    "content", [[], 1, {}, {"revision": "x"}, {"revision": 1, "verdict": [], "strokes": []}]
)
def test_what_is_no_change_is_refused(server: ReviewServer, content: Any) -> None:
    assert ask(server, "photographs/0", content)[0] in (400, 409)


def test_no_more_is_read_than_a_review_needs(server: ReviewServer) -> None:
    for length in (str(LARGEST_BODY + 1), "-1", "x"):
        answer = ask(server, "photographs/0", {}, headers={"Content-Length": length})
        assert answer[0] == 413


def test_a_damaged_file_is_named(server: ReviewServer) -> None:
    Path("results/p/base/boundary_maps/a moon.png").write_bytes(b"")
    status, answer = ask(server, "photographs/0/boundary.png")
    assert status == 400 and "a moon.png: an empty file" in json.loads(answer)["error"]


def test_a_port_that_is_taken_is_named(server: ReviewServer) -> None:
    port = server.server_address[1]
    with pytest.raises(BesError, match=f"--port: found {port}, which cannot be used"):
        ReviewServer(server.desk, port=port, closing=dict)
