"""A training gives the same network however often it is interrupted and on however many devices."""

import io
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import nn
from torch.optim.optimizer import register_optimizer_step_pre_hook
from vouching import settle_digests, vouch_for

from bes.data.manifest import read_catalog, read_manifest, write_dataset
from bes.errors import BesError
from bes.incremental.stage import Trained, TrainingRun, image_file
from bes.networks.benet import build_benet
from bes.storage.files import DIGEST_LENGTH, write_atomic
from bes.storage.layout import model_file, model_receipt
from bes.training import loop as training
from bes.training.run import TrainingStage, run_training
from bes.training.schedule import TrainingOptions


@dataclass(frozen=True)
class ToyOptions(TrainingOptions):
    """Options of a network with ten weights."""

    weights: str = "none"
    """None."""


OPTIONS = ToyOptions(iterations=8, batch_size=4, lr=0.1, momentum=0.9, seed=3)
Harm = Callable[[int], float]


def toy_stage(harm: Harm = lambda step: 1.0) -> TrainingStage:
    """A stage whose loss is multiplied by what `harm` makes of the number of losses so far."""

    def fit(options: ToyOptions, run: TrainingRun) -> Trained:
        torch.manual_seed(options.seed)
        network = nn.Sequential(nn.Conv2d(3, 2, 1), nn.BatchNorm2d(2), nn.Dropout(0.0))
        calls = iter(range(1000))

        def view(index: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
            image = rng.random((3, 4, 4), np.float32) + index
            return image, image[:2].copy()

        def loss(outputs: torch.Tensor, targets: torch.Tensor) -> dict[str, torch.Tensor]:
            return {"total": (outputs - targets).square().mean() * harm(next(calls))}

        history = training.train(
            network,
            name="toy",
            views=training.Views(view, names=[r.id for r in run.train_records], seed=options.seed),
            groups=[{"params": list(network.parameters()), "lr": options.lr}],
            loss=loss,
            options=options,
            run=run,
        )
        return Trained(network, {"toy": True}, history)

    return TrainingStage(name="toy", options=ToyOptions, fit=fit)


def run(
    dataset: Path,
    out: Path,
    *,
    stage: TrainingStage | None = None,
    options: ToyOptions = OPTIONS,
    policy: str = "auto",
    code: str = "1",
    devices: int = 1,
) -> None:
    run_training(
        stage or toy_stage(),
        options=options,
        dataset=dataset,
        folders={},
        out=out,
        policy=policy,
        device="cpu",
        devices=devices,
        threads=1,
        code=code,
    )


def dies(at: int) -> Harm:
    def harm(step: int) -> float:
        if step == at:
            raise RuntimeError("killed")
        return 1.0

    return harm


@pytest.fixture(autouse=True)
def keep_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """A training sets the number of threads for its process; other tests keep theirs."""
    monkeypatch.setattr("bes.training.run.limit_threads", lambda count: None)


@pytest.fixture
def checkpoint_at_each_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "CHECKPOINT_SECONDS", -1.0)


def measuring_stage(looked: list[set[str]]) -> TrainingStage:
    """A stage that measures on what is held out, and notes at which photographs it looked."""

    def measure(options: ToyOptions, run: TrainingRun) -> dict[str, int]:
        assert model_file(run.out).exists()
        looked.append({record.id for record in run.records if record.split == "val"})
        return {"photographs": len(looked[-1])}

    return replace(toy_stage(), measure=measure)


def hold_out(dataset: Path, *images: str) -> None:
    """Have photographs held out that are copies of one to train on; no more than these."""
    train = [r for r in read_manifest(dataset / "images.csv") if r.split == "train"]
    held_out = [replace(train[0], id=image, split="val") for image in images]
    catalog = read_catalog(dataset / "classes.json")
    write_dataset(dataset, records=[*train, *held_out], catalog=catalog, shards=3)


def test_photographs_held_out_train_nothing_and_are_measured(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, looked = tmp_path / "out", list[set[str]]()
    hold_out(dataset, "one")
    run(dataset, out, stage=measuring_stage(looked))
    network = model_file(out).read_bytes()
    date = model_file(out).stat().st_mtime_ns
    hold_out(dataset, "one", "two")
    never = replace(measuring_stage(looked), fit=lambda options, run: pytest.fail("trained"))
    run(dataset, out, stage=never)
    run(dataset, out, stage=never)
    assert looked == [{"one"}, {"one", "two"}]
    receipt = json.loads(model_receipt(out).read_bytes())
    assert receipt["measured"] == {"photographs": 2}
    assert model_file(out).read_bytes() == network and model_file(out).stat().st_mtime_ns == date
    # From scratch it is the same.
    run(dataset, tmp_path / "new", stage=measuring_stage(looked))
    assert model_receipt(tmp_path / "new").read_bytes() == model_receipt(out).read_bytes()


@pytest.mark.usefixtures("checkpoint_at_each_step")
@pytest.mark.parametrize("step", [1, 5, 7])
def test_a_training_killed_after_a_checkpoint_ends_with_the_same_bytes(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], step: int
) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    run(dataset, whole)
    with pytest.raises(RuntimeError, match="killed"):
        run(dataset, killed, stage=toy_stage(dies(step)))
    assert not model_file(killed).exists() and not model_receipt(killed).exists()
    capsys.readouterr()
    run(dataset, killed)
    assert f"resumed after {step} iterations" in capsys.readouterr().err
    for name in ("model.safetensors", "model.json", "metrics.csv"):
        assert (killed / name).read_bytes() == (whole / name).read_bytes()
    assert sorted(path.name for path in (killed / "_memo").iterdir()) == [
        *("train.jsonl", "train.lock", "trained.json")
    ]


def flip(content: bytes, place: float) -> bytes:
    """The content with one bit changed, that far into it."""
    index = int(place * (len(content) - 1))
    return content[:index] + bytes([content[index] ^ 1]) + content[index + 1 :]


CHECKPOINTS: dict[str, Callable[[bytes], bytes]] = {
    "no bytes": lambda whole: b"",
    "a few bytes": lambda whole: whole[:20],
    "half": lambda whole: whole[: len(whole) // 2],
    "all but the end": lambda whole: whole[:-1],
    "too much": lambda whole: whole + b"more",
    "a bit of its digest": lambda whole: flip(whole, 0.0),
    "a bit of its middle": lambda whole: flip(whole, 0.5),
    "a bit of its end": lambda whole: flip(whole, 1.0),
    "text": lambda whole: b"This is no checkpoint, however long it may be.",
    "one of another version, without a digest": lambda whole: whole[DIGEST_LENGTH:],
}


@pytest.mark.usefixtures("checkpoint_at_each_step")
def test_a_damaged_checkpoint_is_said_and_left_aside(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    run(dataset, whole)
    with pytest.raises(RuntimeError, match="killed"):
        run(dataset, killed, stage=toy_stage(dies(5)))
    checkpoint = killed / "_memo" / "checkpoint.pt"
    content = checkpoint.read_bytes()
    for kind, harm in CHECKPOINTS.items():
        shutil.rmtree(killed)
        write_atomic(checkpoint, harm(content))
        capsys.readouterr()
        run(dataset, killed)
        said = capsys.readouterr().err
        assert f"{checkpoint}: a damaged checkpoint is left aside" in said, kind
        assert "resumed" not in said, kind
        for name in ("model.safetensors", "model.json", "metrics.csv"):
            assert (killed / name).read_bytes() == (whole / name).read_bytes(), kind


@pytest.mark.usefixtures("checkpoint_at_each_step")
def test_a_checkpoint_of_another_training_is_not_resumed(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(RuntimeError, match="killed"):
        run(dataset, tmp_path / "out", stage=toy_stage(dies(5)))
    other = ToyOptions(iterations=8, batch_size=4, lr=0.2, momentum=0.9, seed=3)
    run(dataset, tmp_path / "out", options=other)
    run(dataset, tmp_path / "fresh", options=other)
    assert "resumed" not in capsys.readouterr().err
    assert model_file(tmp_path / "out").read_bytes() == model_file(tmp_path / "fresh").read_bytes()


@pytest.mark.usefixtures("checkpoint_at_each_step")
def test_a_loss_that_is_not_finite_stops_at_that_iteration_with_the_checkpoint_kept(
    dataset: Path, tmp_path: Path
) -> None:
    whole, out = tmp_path / "whole", tmp_path / "out"
    run(dataset, whole)
    broken = toy_stage(lambda step: float("nan") if step == 4 else 1.0)
    with pytest.raises(
        BesError, match=r"toy: the loss is nan at iteration 5 \(photo_02, .*\), expected a finite"
    ):
        run(dataset, out, stage=broken)
    assert not model_file(out).exists() and not model_receipt(out).exists()
    content = (out / "_memo" / "checkpoint.pt").read_bytes()[DIGEST_LENGTH:]
    state = torch.load(io.BytesIO(content), weights_only=True)
    assert len(state["history"]) == 4
    assert all(torch.isfinite(value).all() for value in state["network"].values())
    run(dataset, out)
    assert model_file(out).read_bytes() == model_file(whole).read_bytes()


def read_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    """Losses are read every few iterations, as on a GPU."""
    monkeypatch.setitem(training.MANNERS, "cpu", training.MANNERS["cpu"]._replace(read_every=3))


@pytest.mark.usefixtures("checkpoint_at_each_step")
def test_losses_that_are_read_every_few_iterations_are_the_same(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The 8 iterations are no multiple of 3, and a killed one goes on after 6."""
    whole, out = tmp_path / "whole", tmp_path / "out"
    run(dataset, whole)
    read_seldom(monkeypatch)
    with pytest.raises(RuntimeError, match="killed"):
        run(dataset, out, stage=toy_stage(dies(7)))
    run(dataset, out)
    for name in ("model.safetensors", "metrics.csv"):
        assert (out / name).read_bytes() == (whole / name).read_bytes()


@pytest.mark.usefixtures("checkpoint_at_each_step")
def test_a_loss_that_is_not_finite_is_named_also_if_it_is_read_later(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_seldom(monkeypatch)
    broken = toy_stage(lambda step: float("inf") if step == 3 else 1.0)
    with pytest.raises(BesError, match=r"toy: the loss is inf at iteration 4 \(photo_"):
        run(dataset, tmp_path / "out", stage=broken)
    content = (tmp_path / "out" / "_memo" / "checkpoint.pt").read_bytes()[DIGEST_LENGTH:]
    state = torch.load(io.BytesIO(content), weights_only=True)
    assert len(state["history"]) == 3
    assert all(torch.isfinite(value).all() for value in state["network"].values())


def test_what_a_gpu_computes_fast_is_the_same_training(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Layout and optimizer, on the CPU."""
    found: list[tuple[bool, ...]] = []

    def note(optimizer: torch.optim.Optimizer, *_: object) -> None:
        found.append((optimizer.defaults["fused"], torch.backends.cudnn.benchmark))

    def look(module: nn.Module, inputs: tuple[torch.Tensor]) -> None:
        if isinstance(module, nn.Conv2d):
            found.append((inputs[0].is_contiguous(memory_format=torch.channels_last),))

    hooks = [
        register_optimizer_step_pre_hook(note),
        nn.modules.module.register_module_forward_pre_hook(look),
    ]
    run(dataset, tmp_path / "plain")
    monkeypatch.setitem(training.MANNERS, "cpu", training.MANNERS["cuda"])
    run(dataset, tmp_path / "fast")
    for hook in hooks:
        hook.remove()
    assert found == 8 * [(False,), (False, False)] + 8 * [(True,), (True, True)]
    assert not torch.backends.cudnn.benchmark
    plain, fast = (
        safetensors.torch.load_file(model_file(tmp_path / name)) for name in ("plain", "fast")
    )
    assert plain.keys() == fast.keys()
    for name, weight in plain.items():
        torch.testing.assert_close(fast[name], weight, rtol=1e-4, atol=1e-5)


def test_nothing_is_trained_twice_and_a_frozen_network_outlives_new_photographs(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    run(dataset, out)
    before = model_file(out).read_bytes()
    never = toy_stage(dies(0))
    run(dataset, out, stage=never)
    assert capsys.readouterr().err.endswith("toy: up to date\n")

    manifest = dataset / "images.csv"
    manifest.write_text("".join(manifest.read_text().splitlines(keepends=True)[:-1]))
    run(dataset, out, stage=never, policy="frozen")
    assert capsys.readouterr().err.endswith("toy: kept, as the training policy is frozen\n")
    for changes in ({"code": "2"}, {"options": ToyOptions(iterations=8, batch_size=2)}):
        with pytest.raises(RuntimeError, match="killed"):
            run(dataset, out, stage=never, policy="frozen", **changes)  # type: ignore[arg-type]
    with pytest.raises(RuntimeError, match="killed"):
        run(dataset, out, stage=never)
    assert model_file(out).read_bytes() == before
    run(dataset, out)
    assert model_file(out).read_bytes() != before


def test_with_other_classes_it_is_trained_again_even_if_frozen(
    dataset: Path, tmp_path: Path
) -> None:
    """One more at the end leaves the numbers of all others, but the network has no output of it."""
    out = tmp_path / "out"
    run(dataset, out)
    catalog, records = read_catalog(dataset / "classes.json"), read_manifest(dataset / "images.csv")
    more = replace(catalog, classes=(*catalog.classes, "zebra"), mask_values=(1, 2, 3))
    write_dataset(dataset, records=records, catalog=more, shards=3)
    for policy in ("auto", "frozen"):
        with pytest.raises(RuntimeError, match="killed"):
            run(dataset, out, stage=toy_stage(dies(0)), policy=policy)
        assert not model_receipt(out).exists()


@pytest.mark.parametrize(
    "change",
    [{"max_pixels": 1000}, {"bit_depth": 12}, {"labels": ("dog",)}],
    ids=["max_pixels", "bit_depth", "labels"],
)
def test_other_labels_or_pixels_of_a_photograph_train_it_anew(
    dataset: Path, tmp_path: Path, change: dict[str, Any]
) -> None:
    out = tmp_path / "out"
    run(dataset, out)
    catalog, records = read_catalog(dataset / "classes.json"), read_manifest(dataset / "images.csv")
    if "labels" in change:
        records[0] = replace(records[0], **change)
    else:
        catalog = replace(catalog, **change)
    write_dataset(dataset, records=records, catalog=catalog, shards=3)
    with pytest.raises(RuntimeError, match="killed"):
        run(dataset, out, stage=toy_stage(dies(0)))


def test_a_damaged_network_is_trained_again_even_if_frozen(dataset: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(dataset, out)
    before = model_file(out).read_bytes()
    for content in (before[:-1] + b"x", None):
        model_file(out).unlink()
        if content is not None:
            model_file(out).write_bytes(content)
        run(dataset, out, policy="frozen")
        assert model_file(out).read_bytes() == before


def test_the_metrics_have_a_row_for_each_iteration(dataset: Path, tmp_path: Path) -> None:
    run(dataset, tmp_path / "out")
    header, *rows = (tmp_path / "out" / "metrics.csv").read_text().splitlines()
    assert header == "iteration,lr,total"
    assert [row.split(",")[0] for row in rows] == list("12345678")


def test_a_batch_that_devices_cannot_share_is_refused(dataset: Path, tmp_path: Path) -> None:
    with pytest.raises(BesError, match="batch_size: found 4, expected a multiple of the 3 devices"):
        run(dataset, tmp_path / "out", devices=3)


@pytest.mark.parametrize(
    ("accelerator", "devices", "threads", "workers"),
    [("cuda", 1, 8, 8), ("cuda", 4, 8, 2), ("cuda", 4, 2, 1), ("cpu", 1, 8, 0)],
)
def test_the_devices_of_a_job_share_its_threads_to_load_photographs(
    dataset: Path, accelerator: str, devices: int, threads: int, workers: int
) -> None:
    catalog = read_catalog(dataset / "classes.json")
    run = TrainingRun(catalog, [], {}, dataset, "", accelerator, devices, threads)
    assert run.workers == workers


def write_inputs_of_benet(dataset: Path, folder: Path) -> None:
    """Photographs, boundary labels with plenty of boundary, and the file of a classifier."""
    from PIL import Image

    from bes.data.images import encode_boundary_labels

    root = read_catalog(dataset / "classes.json").root
    root.mkdir()
    for record in read_manifest(dataset / "images.csv"):
        rng = np.random.default_rng(sum(record.id.encode()))
        size = (record.height, record.width)
        Image.fromarray(rng.integers(0, 256, (*size, 3), np.uint8)).save(root / record.path)
        labels = rng.choice(np.array([0, 50, 100, 150, 200], np.uint8), size)
        path = image_file("boundary_labels", folder / "boundary_labels", record.id)
        write_atomic(path, encode_boundary_labels(labels))
    write_atomic(model_file(folder / "classifier"), b"weights that nobody reads")
    settle_digests(dataset)
    for stage in ("boundary_labels", "classifier"):
        vouch_for(folder / stage, dataset)


def train_benet(dataset: Path, folder: Path, out: Path, *, devices: int) -> dict[str, Any]:
    """BENet by the command line; returns its weights."""
    words = ["benet", "--dataset", dataset, "--boundary-labels", folder / "boundary_labels"]
    words += ["--classifier", folder / "classifier", "--out", out, "--device", "cpu"]
    words += ["--gpus", devices, "--threads", devices, "--backbone", "mobilenet_v2"]
    words += ["--weights", "none", "--iterations", 3, "--batch-size", 4, "--crop", 32]
    words += ["--lr", 0.1, "--momentum", 0.9]
    command = [sys.executable, "-m", "bes", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(model_receipt(out).read_bytes())["files"]["model.safetensors"]
    return safetensors.torch.load_file(model_file(out))


def test_two_processes_train_what_one_does_at_the_same_total_batch(
    dataset: Path, tmp_path: Path
) -> None:
    write_inputs_of_benet(dataset, tmp_path)
    one = train_benet(dataset, tmp_path, tmp_path / "one", devices=1)
    two = train_benet(dataset, tmp_path, tmp_path / "two", devices=2)
    assert one.keys() == two.keys()
    for name, weight in one.items():
        assert torch.allclose(weight, two[name], rtol=0, atol=1e-5), name
    torch.manual_seed(0)
    initial = build_benet({"backbone": "mobilenet_v2"}, "none").fuse.weight
    assert (one["fuse.weight"] - initial).abs().max() > 1e-3
    rows = [(tmp_path / name / "metrics.csv").read_text().splitlines() for name in ("one", "two")]
    assert len(rows[0]) == len(rows[1]) == 4
    values = [[float(cell) for row in table[1:] for cell in row.split(",")] for table in rows]
    assert values[0] == pytest.approx(values[1], abs=1e-5)
