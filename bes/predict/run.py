"""Predicts a folder of photographs: only what is missing or changed, whole files, what failed."""

import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path, PurePath
from typing import NamedTuple

from bes.data.manifest import catalog_json
from bes.errors import BesError
from bes.incremental.device import acquire_device
from bes.predict.known_labels import read_known_labels
from bes.predict.photographs import find_photographs
from bes.predict.trained import TrainedNetwork
from bes.storage.code_digest import code_digest
from bes.storage.files import digest_bytes, digest_file, write_atomic, write_if_changed
from bes.storage.lock import locked
from bes.storage.memo import Entry, Memo, digest_of
from bes.storage.os_errors import refusal
from bes.storage.pool import limit_threads
from bes.storage.progress import Progress, say
from bes.storage.vouched import Voucher, vouched

KINDS = {"labels": ".png", "overlays": ".jpg", "probabilities": ".npz"}
"""Results of a photograph, each in a folder of its kind -> their ending."""


class Outcome(NamedTuple):
    """How a run ended."""

    computed: int
    unchanged: int
    failed: int


def predict(
    folder: Path,
    *,
    out: Path,
    trained: TrainedNetwork,
    kinds: Sequence[str],
    labels: Path | None,
    device: str,
    threads: int,
) -> Outcome:
    """Write `labels/`, and what else of `KINDS` is asked for, for the photographs below a folder.

    The results have the paths of the photographs. `labels` is a table of the classes in each. What
    is intact and was computed from the same photograph, labels, network, options and code is left
    alone. Photographs that cannot be read are told of and left out.

    Raises BesError for a folder, a table or an `out` that cannot be used.
    """
    found = find_photographs(folder, without=out)
    _check_out(out, folder)
    classes, notes = trained.catalog.classes, [*trained.notes, *found.notes]
    shown: dict[str, list[int]] = {}
    if labels is not None:
        known = read_known_labels(labels, folder, list(found.names), classes, without=out)
        shown, notes = known.indices, notes + known.notes
    for note in notes:
        print(note, file=sys.stderr)
    with locked(_lock(out)):
        write_if_changed(out / "classes.json", catalog_json(trained.catalog))
        return _predict(folder, found.names, out, trained, kinds, shown, device, threads)


def _predict(
    folder: Path,
    names: dict[str, str],
    out: Path,
    trained: TrainedNetwork,
    kinds: Sequence[str],
    shown: dict[str, list[int]],
    device: str,
    threads: int,
) -> Outcome:
    memo = Memo(out / "_memo" / "files.jsonl")
    origins = _Origins(trained)
    longest = os.pathconf(out, "PC_NAME_MAX") - max(map(len, KINDS.values()))
    digests: dict[Path, str] = {}
    due: dict[str, frozenset[str]] = {}
    failed = 0

    def fail(sentence: str) -> None:
        nonlocal failed
        failed += 1
        print(f"predict: {sentence}; left out", file=sys.stderr, flush=True)

    for path, name in names.items():
        if len(os.fsencode(Path(name).name)) > longest:
            fail(f"{folder / path}: found a name too long for its results, expected a shorter one")
            continue
        try:
            digest = digest_file(folder / path)
        except OSError as error:
            fail(refusal(error) or f"{folder / path}: cannot be read ({error.strerror})")
            continue
        if digest is None:
            fail(f"{folder / path}: is gone")
            continue
        digests[folder / path] = digest
        missing = [
            kind
            for kind in kinds
            if (entry := memo.entries.get(file := _file(kind, name))) is None
            or entry.origin != origins.of(kind, digest, shown.get(path), memo, name)
            or entry.file != digest_file(out / file)
        ]
        if missing:
            # A label that is made anew may be another.
            more = ["overlays"] if "labels" in missing and "overlays" in kinds else []
            due[path] = frozenset([*missing, *more])
    print(f"predict: {len(due)} of {len(names)} photographs to do", file=sys.stderr, flush=True)
    unchanged = len(names) - len(due) - failed
    if due:
        # One photograph a core beats one on all cores; before torch is imported.
        limit_threads(1)
        used = acquire_device(device)
        say("loading the network")
        from bes.predict.compute import Task, compute

        tasks = {
            folder / path: Task(
                path=folder / path,
                files={kind: out / _file(kind, names[path]) for kind in KINDS},
                due=kinds_due,
                shown=shown.get(path),
            )
            for path, kinds_due in due.items()
        }
        relative = {folder / path: path for path in due}
        progress = Progress("predict", len(tasks), unit="photographs", interval=5.0)
        photographs = Voucher(folder, {str(PurePath(path)): digests[folder / path] for path in due})
        with vouched([*trained.vouchers, photographs]):
            for result in compute([*tasks.values()], trained, device=used, threads=threads):
                path = relative[result.task.path]
                name = names[path]
                if result.problem is not None:
                    fail(result.problem)
                    # Those of another photograph that was there before.
                    for kind in KINDS:
                        (out / _file(kind, name)).unlink(missing_ok=True)
                for kind, content in result.contents.items():
                    file = _file(kind, name)
                    write_atomic(out / file, content)
                    digest = digests[result.task.path]
                    origin = origins.of(kind, digest, shown.get(path), memo, name)
                    memo.add(file, Entry(origin, digest_bytes(content)))
                progress.step()
    # What this call did not ask for is not left as it was made of something else.
    stale = [
        file
        for path, name in names.items()
        for kind in KINDS
        if kind not in kinds
        and (digest := digests.get(folder / path)) is not None
        and (entry := memo.entries.get(file := _file(kind, name))) is not None
        and entry.origin != origins.of(kind, digest, shown.get(path), memo, name)
    ]
    for file in stale:
        (out / file).unlink(missing_ok=True)
    memo.forget(stale)
    memo.compact()
    return Outcome(len(names) - unchanged - failed, unchanged, failed)


class _Origins:
    """What each file is computed from, by name, as digests."""

    def __init__(self, trained: TrainedNetwork):
        catalog = trained.catalog
        self._code = {"code": code_digest("bes.predict.compute")}
        self._maps = self._code | {
            "network": trained.digest,
            "segmentation_maps": digest_of(asdict(trained.maps)),
            "reading": digest_of([catalog.max_pixels, catalog.bit_depth]),
        }
        self._labels = {"predictions": digest_of(asdict(trained.predictions))}

    def of(
        self, kind: str, photograph: str, shown: list[int] | None, memo: Memo, name: str
    ) -> dict[str, str]:
        """Of a kind of result of a photograph, of which its digest and its labels are given."""
        read = {"photograph": photograph}
        if kind == "overlays":
            entry = memo.entries.get(_file("labels", name))
            return self._code | read | {"labels": entry.file if entry else ""}
        origin = self._maps | read | {"shown": digest_of(shown)}
        return origin | self._labels if kind == "labels" else origin


def _file(kind: str, name: str) -> str:
    """A result of a photograph, relative to the folder of all results."""
    return f"{kind}/{name}{KINDS[kind]}"


def _lock(out: Path) -> Path:
    """What one call at a time holds; it marks a folder as one of results."""
    return out / "_memo" / "predict.lock"


def _check_out(out: Path, folder: Path) -> None:
    """Raises BesError for a folder that the results must not go to."""
    if folder.resolve().is_relative_to(out.resolve()):
        raise BesError(f"--out: found {out}, where the photographs are, expected another folder")
    if out.is_dir() and any(out.iterdir()) and not _lock(out).exists():
        raise BesError(
            f"--out: found files in {out} that `bes predict` did not write, expected an empty "
            "folder, one to make, or one of an earlier call"
        )
