"""The desk of a review: the photographs in order, the verdicts, and the files that are written."""

import base64
import json
import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from bes.data.corrections import CORRECTIONS, SCRIBBLES, correction_files
from bes.data.images import encode_labels
from bes.data.manifest import Catalog, ImageRecord
from bes.data.ranking import RankedLabel
from bes.data.review import (
    ACCEPTED,
    CORRECTED,
    REJECTED,
    REVIEW,
    Verdict,
    read_review,
    review_csv,
    signed,
)
from bes.data.working_size import resize_labels
from bes.errors import BesError
from bes.review.photograph import Photograph
from bes.review.strokes import Stroke, as_json, strokes_from
from bes.storage.files import digest_bytes, write_atomic
from bes.storage.lock import locked
from bes.storage.memo import digest_of

EARLIER = "accepted an earlier label"
"""In place of a verdict: a run made another label since, so this one is to be looked at."""
KEPT = 4
"""Photographs whose maps stay in memory."""


class Conflict(Exception):
    """Somebody else changed the photograph since it was looked at."""


@dataclass(frozen=True)
class Places:
    """Where a review is written to, relative to the root of the dataset."""

    corrections: str = CORRECTIONS
    review: str = REVIEW


class Kept(NamedTuple):
    """What the files say of a photograph."""

    strokes: tuple[Stroke, ...]
    base: bytes | None
    """A label PNG that was there before the strokes; None: the computed pseudo label."""
    correction: bytes | None
    written: bytes | None
    """The file of the strokes."""
    solved_from: str
    """A digest of the maps that the correction was solved on; empty where none was."""
    verdict: Verdict | None
    said: str
    """The verdict in a word, `EARLIER`, or empty where there is none."""
    revision: str
    """Another one whenever one of the files changed."""

    def is_of(self, verdict: str, strokes: tuple[Stroke, ...]) -> bool:
        """Whether these two are kept."""
        return (self.said, self.strokes) == (verdict, strokes)


class Past(NamedTuple):
    """What this desk found of a photograph before each of its changes, the last one last."""

    states: tuple[Kept, ...] = ()
    revision: str = ""
    """After the last change; where the files have another one, other hands were there since."""


class Desk:
    """A review. Its methods may be called from several threads, and several processes may review
    the same dataset: each change is written under a lock, and refused with `Conflict` if it is of
    another revision than the files are."""

    def __init__(
        self,
        catalog: Catalog,
        records: list[ImageRecord],
        ranking: list[RankedLabel],
        *,
        places: Places,
        maps: Callable[[ImageRecord], str],
        label: Callable[[ImageRecord], str | None],
        photograph: Callable[[ImageRecord], Photograph],
    ):
        """`maps` gives a digest of what the strokes of a photograph are solved on, `label` one of
        its computed pseudo label."""
        known = {record.id: record for record in records if not record.held_out}
        self.catalog, self.places = catalog, places
        self._images = {record.id for record in records}
        self.ranking = [row for row in ranking if row.image in known]
        self.records = [known[row.image] for row in self.ranking]
        self._maps, self._label, self._photograph = maps, label, photograph
        self._open: OrderedDict[int, Photograph] = OrderedDict()
        self._past: dict[int, Past] = {}
        self._lock = threading.RLock()
        self._corrections = correction_files(self._root / places.corrections)
        self._read_review()  # what is wrong with it is said before the page opens

    def overview(self) -> dict[str, Any]:
        """What the page starts with."""
        return {
            "classes": self.catalog.classes,
            "photographs": [
                {
                    "id": record.id,
                    "labels": record.labels,
                    "width": record.width,
                    "height": record.height,
                    "reason": row.reason,
                    "verdict": verdict,
                }
                for row, record, verdict in zip(
                    self.ranking, self.records, self._verdicts(), strict=True
                )
            ],
        }

    def counts(self) -> Counter[str]:
        """How many photographs have which verdict; of some it is `EARLIER`."""
        return Counter(filter(None, self._verdicts()))

    def jpeg(self, number: int) -> bytes:
        """The photograph of a place in the ranking, from 0."""
        with self._photograph_of(number) as photograph:
            return photograph.jpeg()

    def boundary_png(self, number: int) -> bytes:
        """Its boundary map."""
        with self._photograph_of(number) as photograph:
            return photograph.boundary_png()

    def state(self, number: int) -> dict[str, Any]:
        """Its label, strokes and verdict. Strokes that were drawn on other maps are solved anew."""
        kept = self._read(number)
        anew = bool(kept.strokes) and kept.solved_from != self._maps(self.records[number])
        with self._photograph_of(number) as photograph:
            if anew or kept.correction is None:
                label = photograph.label(kept.base, kept.strokes)
            else:
                label = photograph.label(kept.correction, ())
        height, width = label.shape
        return {
            "revision": kept.revision,
            "verdict": kept.said,
            "strokes": as_json(kept.strokes),
            "width": width,
            "height": height,
            "label": base64.b64encode(label.tobytes()).decode(),
            "anew": anew,
        }

    def change(
        self, number: int, revision: str, verdict: str, strokes: Any, *, undo: bool = False
    ) -> dict[str, Any]:
        """Write verdict and strokes of a photograph, and the label that follows from these. With
        `undo` the files are put back as they were when these two were there before.

        Raises BesError for values that are none, and Conflict.
        """
        record = self.records[number]
        drawn = strokes_from(strokes, record.labels)
        kept = self._read(number)
        if kept.revision != revision:
            raise Conflict
        past = self._past.get(number, Past())
        states = past.states if past.revision == revision else ()
        earlier = [at for at, state in enumerate(states) if state.is_of(verdict, drawn)]
        if undo and earlier:
            new, states = states[earlier[-1]], states[: earlier[-1]]
        else:
            new, states = self._changed(number, kept, verdict, drawn), (*states, kept)
        with self._lock, locked(self._root / f".{REVIEW}.lock"):
            if self._read(number).revision != revision:
                raise Conflict
            _put(self._strokes_file(record), new.written, kept.written)
            _put(self._correction_file(record), new.correction, kept.correction)
            self._write_verdict(record, new.verdict)
            self._past[number] = Past(states, self._read(number).revision)
        return self.state(number)

    def _changed(self, number: int, kept: Kept, verdict: str, drawn: tuple[Stroke, ...]) -> Kept:
        """What is to be kept with this verdict and these strokes."""
        if verdict not in ("", ACCEPTED, REJECTED, CORRECTED):
            raise BesError(f"found the verdict {verdict!r}, expected accepted, rejected or none")
        record = self.records[number]
        maps, content, written = self._maps(record), kept.correction, kept.written
        changed = drawn != kept.strokes or (bool(drawn) and kept.solved_from != maps)
        if changed:
            content = kept.base
            if drawn:
                with self._photograph_of(number) as photograph:
                    label = photograph.label(kept.base, drawn)
                content = encode_labels(resize_labels(label, (record.height, record.width)))
            written = _strokes_json(record, drawn, kept.base, content, maps)
        if verdict != REJECTED and (verdict or changed):
            verdict = CORRECTED if content is not None else verdict.replace(CORRECTED, "")
        digest = ""
        if verdict == ACCEPTED:
            with self._photograph_of(number) as photograph:
                digest = photograph.digest
        row = kept.verdict
        if (verdict, digest) != ((row.verdict, row.digest) if row else ("", "")):
            row = signed(record.id, verdict, digest) if verdict else None
        return kept._replace(correction=content, written=written, verdict=row)

    def _verdicts(self) -> Iterator[str]:
        """Of each photograph, see `Kept.said`."""
        review = self._read_review()
        for record in self.records:
            yield self._said(record, review.get(record.id), self._label)

    def _said(
        self, record: ImageRecord, row: Verdict | None, label: Callable[[ImageRecord], str | None]
    ) -> str:
        """See `Kept.said`; `label` gives the digest of the computed pseudo label."""
        if row is None or not row.digest:
            return row.verdict if row else ""
        corrected = self._correction_file(record).exists()
        return row.verdict if row.holds(None if corrected else label(record)) else EARLIER

    @property
    def _root(self) -> Path:
        return self.catalog.root

    def _correction_file(self, record: ImageRecord) -> Path:
        otherwise = self._root / self.places.corrections / f"{record.id}.png"
        return self._corrections.get(record.id, otherwise)

    def _strokes_file(self, record: ImageRecord) -> Path:
        return self._root / SCRIBBLES / f"{record.id}.json"

    @contextmanager
    def _photograph_of(self, number: int) -> Iterator[Photograph]:
        """The photograph, which nobody else uses at the time."""
        with self._lock:
            record = self.records[number]
            if number not in self._open:
                self._open[number] = self._photograph(record)
                if len(self._open) > KEPT:
                    self._open.popitem(last=False)
            self._open.move_to_end(number)
            yield self._open[number]

    def _read_review(self) -> dict[str, Verdict]:
        path = self._root / self.places.review
        return read_review(path, self._images) if path.exists() else {}

    def _read(self, number: int) -> Kept:
        record = self.records[number]
        correction, written = (
            path.read_bytes() if path.exists() else None
            for path in (self._correction_file(record), self._strokes_file(record))
        )
        verdict = self._read_review().get(record.id)
        strokes: tuple[Stroke, ...] = ()
        base, solved_from = correction, ""
        if written is not None:
            path = self._strokes_file(record)
            try:
                content = json.loads(written)
                made, from_maps = content["correction"], str(content["solved_from"])
                encoded, drawn = content["base"], content["strokes"]
                before = None if encoded is None else base64.b64decode(encoded)
            except (ValueError, KeyError, TypeError) as error:
                raise BesError(f"{path}: not strokes of `bes review` ({error})") from None
            # A correction of another hand takes the place of the strokes.
            if correction is None or digest_bytes(correction) == made:
                strokes, base, solved_from = strokes_from(drawn, record.labels), before, from_maps
                if correction is None:
                    solved_from = ""
        digests = [c and digest_bytes(c) for c in (correction, written)]
        revision = digest_of([*digests, [*vars(verdict).values()] if verdict else None])

        def label(_: ImageRecord) -> str:
            with self._photograph_of(number) as photograph:
                return photograph.digest

        said = self._said(record, verdict, label)
        return Kept(strokes, base, correction, written, solved_from, verdict, said, revision)

    def _write_verdict(self, record: ImageRecord, row: Verdict | None) -> None:
        review = self._read_review()
        before = review.pop(record.id, None)
        if row == before:
            return
        if row:
            review[record.id] = row
        # So that both can be configured at once.
        (self._root / self.places.corrections).mkdir(parents=True, exist_ok=True)
        text = review_csv(review.values())
        write_atomic(self._root / self.places.review, text.encode(), durable=True)


def _strokes_json(
    record: ImageRecord,
    strokes: tuple[Stroke, ...],
    base: bytes | None,
    correction: bytes | None,
    maps: str,
) -> bytes | None:
    """The file of the strokes of a photograph; None where there are none."""
    if not strokes:
        return None
    content = {
        "image": record.id,
        "strokes": as_json(strokes),
        "solved_from": maps,
        "correction": correction and digest_bytes(correction),
        "base": base and base64.b64encode(base).decode(),
    }
    return (json.dumps(content, ensure_ascii=False, indent=1) + "\n").encode()


def _put(path: Path, content: bytes | None, there: bytes | None) -> None:
    """Have a file of that content, or none, in the place of what is there."""
    if content == there:
        return
    if content is None:
        path.unlink(missing_ok=True)
    else:
        write_atomic(path, content, durable=True)
