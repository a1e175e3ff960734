"""The server of a review: one page and its data, for one person on this machine."""

import hmac
import json
import re
import secrets
import sys
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from bes.errors import BesError
from bes.review.desk import Conflict, Desk
from bes.storage.os_errors import refusal

ADDRESS = "127.0.0.1"
HOSTS = {"127.0.0.1", "localhost", "[::1]"}
"""What a browser may call this machine: another name is one that points here to get at the page."""
ASSETS = {
    "": ("page.html", "text/html; charset=utf-8"),
    "page.css": ("page.css", "text/css; charset=utf-8"),
    "page.js": ("page.js", "text/javascript; charset=utf-8"),
}
PHOTOGRAPH = re.compile(r"photographs/(\d{1,9})(?:/(photograph\.jpg|boundary\.png))?")
LARGEST_BODY = 16_000_000
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data: blob:; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class ReviewServer(ThreadingHTTPServer):
    """Serves a desk on the loopback address, below a path that nobody can guess."""

    daemon_threads = True

    def __init__(self, desk: Desk, *, port: int, closing: Callable[[], dict[str, Any]]):
        """`closing` gives what the page says in the end. Raises BesError for a port in use."""
        self.desk, self.closing = desk, closing
        self.token = secrets.token_urlsafe(24)
        try:
            super().__init__((ADDRESS, port), _Handler)
        except (OSError, OverflowError) as error:
            raise BesError(
                f"--port: found {port}, which cannot be used ({error}), expected another"
            ) from None

    @property
    def url(self) -> str:
        """The address of the page."""
        return f"http://{ADDRESS}:{self.server_address[1]}/{self.token}/"

    def stop(self) -> None:
        """End `serve_forever`, from any thread."""
        threading.Thread(target=self.shutdown, daemon=True).start()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that went away is no error."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Refused(Exception):
    def __init__(self, status: HTTPStatus, sentence: str):
        super().__init__(sentence)
        self.status = status


class _Handler(BaseHTTPRequestHandler):
    server: ReviewServer
    protocol_version = "HTTP/1.1"
    # A browser that opens a connection and says nothing holds a thread.
    timeout = 60

    def do_GET(self) -> None:
        self._answer(self._get)

    def do_POST(self) -> None:
        self._answer(self._post)

    def _get(self, path: str) -> tuple[str, bytes]:
        desk = self.server.desk
        if path in ASSETS:
            name, kind = ASSETS[path]
            return kind, (Path(__file__).parent / name).read_bytes()
        if path == "review":
            return _json(desk.overview())
        if path == "end":
            return _json(self.server.closing())
        number, part = self._photograph(path)
        if part == "photograph.jpg":
            return "image/jpeg", desk.jpeg(number)
        if part == "boundary.png":
            return "image/png", desk.boundary_png(number)
        return _json(desk.state(number))

    def _post(self, path: str) -> tuple[str, bytes]:
        # A page of another site can send no JSON without being asked for permission first.
        if self.headers.get_content_type() != "application/json":
            raise _Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "expected JSON")
        content = self._body()
        if path == "end":
            self.server.stop()
            return _json(self.server.closing())
        number, part = self._photograph(path)
        if part:
            raise _Refused(HTTPStatus.METHOD_NOT_ALLOWED, "expected GET")
        try:
            revision, verdict, strokes = (
                content[name] for name in ("revision", "verdict", "strokes")
            )
        except (KeyError, TypeError):
            raise BesError("expected revision, verdict and strokes") from None
        undo = content.get("undo") is True
        return _json(self.server.desk.change(number, revision, verdict, strokes, undo=undo))

    def _body(self) -> Any:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > LARGEST_BODY:
            # What follows is not read, so nothing more can come on this connection.
            self.close_connection = True
            raise _Refused(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"expected at most {LARGEST_BODY} bytes"
            )
        try:
            return json.loads(self.rfile.read(int(length)))
        except (ValueError, RecursionError):
            raise BesError("found no JSON, expected some") from None

    def _photograph(self, path: str) -> tuple[int, str | None]:
        match = PHOTOGRAPH.fullmatch(path)
        if match is None or int(match[1]) >= len(self.server.desk.records):
            raise _Refused(HTTPStatus.NOT_FOUND, "no such page")
        return int(match[1]), match[2]

    def _path(self) -> str:
        """The path below the token."""
        host = self.headers.get("Host", "")
        if host.rpartition(":")[0] not in HOSTS and host not in HOSTS:
            raise _Refused(HTTPStatus.FORBIDDEN, "expected the address of this machine")
        _, token, *rest = (*self.path.split("?")[0].split("/", 2), "")
        if not hmac.compare_digest(token.encode(), self.server.token.encode()):
            raise _Refused(HTTPStatus.FORBIDDEN, "expected the whole address, with its token")
        return rest[0]

    def _answer(self, handle: Callable[[str], tuple[str, bytes]]) -> None:
        status = HTTPStatus.OK
        try:
            kind, content = handle(self._path())
        except _Refused as refused:
            status = refused.status
            kind, content = _json({"error": str(refused)})
            if self.command == "POST":
                self.close_connection = True
        except Conflict:
            status = HTTPStatus.CONFLICT
            kind, content = _json({"error": "somebody else changed the photograph meanwhile"})
        except BesError as error:
            status = HTTPStatus.BAD_REQUEST
            kind, content = _json({"error": str(error)})
        except OSError as error:
            if (sentence := refusal(error)) is None:
                raise
            status = HTTPStatus.INSUFFICIENT_STORAGE
            kind, content = _json({"error": sentence})
        self.send_response(status)
        for name, value in HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are of no interest to anybody, and their addresses hold the token."""


def _json(value: Any) -> tuple[str, bytes]:
    return "application/json", json.dumps(value).encode()
