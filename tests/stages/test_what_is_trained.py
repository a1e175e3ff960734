"""Which parameters are trained, at which rate and with which loss, and what the loop does."""

import itertools
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from plain import normalised, smooth
from small_network import SMALL_NETWORK

from bes.incremental.stage import TrainingRun
from bes.stages import classifier
from bes.training import loop
from bes.training.schedule import TrainingOptions

SMALL = ("--weights", "none", "--crop", 48)
EDGE = {0: "background", 50: "foreground", 100: "boundary", 150: "boundary", 200: "open"}


@pytest.fixture
def photographs(project, rng):
    """Of a cat and a dog, with labels of each kind."""
    for name, labels in (("a", ("cat",)), ("b", ("dog",)), ("c", ("cat", "dog")), ("d", ("dog",))):
        project.photograph(name, smooth(rng, 50, 60), labels)
    project.write()
    labels = np.kron(rng.integers(0, 3, (5, 6)), np.ones((10, 10), int)).astype(np.uint8)
    project.give("pseudo_labels", dict.fromkeys("abcd", labels))
    project.give("boundary_labels", dict.fromkeys("abcd", (50 * labels).astype(np.uint8)))
    return project


def stage_of(name: str) -> int:
    """The backbone's stage that a parameter belongs to; -1 for the head."""
    return int(name.split("stages.")[1].split(".")[0]) if "stages." in name else -1


@pytest.mark.parametrize("frozen", [0, 3])
def test_rates_of_the_classifier(photographs, frozen: int) -> None:
    flags = ["--lr", 0.02, "--head-lr-factor", 10, "--frozen-stages", frozen]
    training = photographs.training("classifier", "--backbone", SMALL_NETWORK, *SMALL, *flags)
    rates = training.rates()
    for name, parameter in training.network.named_parameters():
        if name == "classifier.weight":
            assert rates[name] == (pytest.approx(0.2), None)
        elif stage_of(name) < frozen:
            assert name not in rates and not parameter.requires_grad
        else:
            assert rates[name] == (pytest.approx(0.02), None) and parameter.requires_grad


@pytest.mark.parametrize("stage", ["benet", "irnet"])
@pytest.mark.parametrize("whole", [False, True])
def test_rates_of_the_networks_of_boundaries(photographs, stage: str, whole: bool) -> None:
    flags = ["--backbone", SMALL_NETWORK, *SMALL, "--lr", 0.03, *["--train-backbone"][: int(whole)]]
    if stage == "irnet":
        photographs.give(
            "cams", {n: np.ones((len(photographs.indices(n)), 13, 15)) for n in "abcd"}
        )
        flags.append("--no-crf")
    training = photographs.training(stage, *flags)
    rates = training.rates()
    names = {name for name, _ in training.network.named_parameters()}
    heads = {name for name in names if stage_of(name) < 0}
    assert heads == {n for n in names if n.startswith(("heads.", "fuse."))} and len(heads) == 17
    assert set(rates) == (names if whole else heads)
    assert set(rates.values()) == {(0.03, None)}
    training.network.train()
    norms = [m for m in training.network.backbone.modules() if hasattr(m, "running_mean")]
    assert all(norm.training == whole for norm in norms)


def test_rates_of_the_segmenter(photographs) -> None:
    for backbone, head in ((SMALL_NETWORK, "aspp"), ("vgg16", "largefov")):
        flags = ["--backbone", backbone, "--head", head, *SMALL, "--lr", 0.01]
        training = photographs.training("segmenter", *flags, "--head-lr-factor", 5)
        rates = training.rates()
        assert set(rates) == {name for name, _ in training.network.named_parameters()}
        for name, rate in rates.items():
            bias = name.endswith("bias")
            if stage_of(name) >= 0:
                assert rate == (0.01, 0.0 if bias else None), name
            else:
                assert rate == (pytest.approx(0.1 if bias else 0.05), 0.0 if bias else None), name
        counted = [id(parameter) for group in training.groups for parameter in group["params"]]
        assert len(counted) == len(set(counted))


@pytest.mark.parametrize("stage", ["classifier", "benet", "segmenter"])
def test_the_seed_settles_the_first_weights_and_the_views(photographs, stage: str) -> None:
    def start(seed: int) -> tuple[torch.Tensor, np.ndarray]:
        flags = ["--backbone", SMALL_NETWORK, *SMALL, "--seed", seed]
        training = photographs.training(stage, *flags)
        weights = [parameter.flatten() for parameter in training.network.parameters()]
        return torch.cat(weights), training.views[0, 0, 0][0]

    one, again, other = start(1), start(1), start(2)
    assert torch.equal(one[0], again[0]) and np.array_equal(one[1], again[1])
    assert not torch.equal(one[0], other[0]) and not np.array_equal(one[1], other[1])


def test_the_classifier_pools_as_it_was_asked_to(photographs) -> None:
    flags = ["--pooling", "class_maps", "--attention-k", 0.5, "--no-detach-attention"]
    training = photographs.training("classifier", "--backbone", SMALL_NETWORK, *SMALL, *flags)
    for network in (training.network, photographs.network("classifier")):
        assert (network.pooling, network.k, network.detach) == ("class_maps", 0.5, False)


@pytest.mark.parametrize(
    ("head", "layers"), [("aspp", [4, 4, 4, 4]), ("largefov", [1024, 1024, 4])]
)
def test_the_segmenter_has_the_head_that_it_was_asked_for(
    photographs, head: str, layers: list[int]
) -> None:
    flags = ["--backbone", SMALL_NETWORK, *SMALL, "--head", head]
    training = photographs.training("segmenter", *flags)
    for network in (training.network.network, photographs.network("segmenter")):
        found = [m for m in network.head.modules() if isinstance(m, torch.nn.Conv2d)]
        assert [layer.out_channels for layer in found] == layers


def test_to_look_at_the_maps_after_a_training_moves_no_statistics(photographs) -> None:
    """Of a fresh network, which the loop that is left out here has not trained."""
    flags = ["--backbone", SMALL_NETWORK, *SMALL, "--train-backbone"]
    network = photographs.training("benet", *flags).network
    counts = [value for name, value in network.named_buffers() if name.endswith("tracked")]
    assert counts and not any(counts)


@pytest.mark.parametrize("norm", ["frozen", "train"])
def test_statistics_of_batch_norm_stay_or_move(photographs, norm: str) -> None:
    flags = ["--backbone", SMALL_NETWORK, *SMALL, "--resize-long", 48, 60, "--frozen-stages", 1]
    training = photographs.training("classifier", *flags, "--batch-norm", norm)
    network = training.network.train()
    before = {name: value.clone() for name, value in network.named_buffers()}
    network(torch.randn(2, 3, 48, 48))
    for name, value in network.named_buffers():
        moved = norm == "train" and stage_of(name) >= 1
        assert torch.equal(value, before[name]) != moved, name


@pytest.mark.parametrize(("weights", "norm"), [("none", True), ("classifier", False)])
def test_the_segmenter_keeps_the_statistics_of_weights_that_it_was_given(
    photographs, weights: str, norm: bool
) -> None:
    settings = {
        "backbone": SMALL_NETWORK,
        "n_classes": 3,
        "pooling": "gap",
        "k": 0.0,
        "detach": True,
    }
    classifier = photographs.give_network("classifier", settings)
    flags = ["--backbone", "mobilenet_v2", "--weights", weights, "--crop", 48]
    network = photographs.training("segmenter", *flags).network.train()
    norms = [m for m in network.modules() if hasattr(m, "running_mean")]
    assert {module.training for module in norms} == {norm}
    if weights == "classifier":
        state = dict(classifier.backbone.named_parameters())
        for name, parameter in network.network.backbone.named_parameters():
            assert torch.equal(parameter, state[name])


def test_networks_of_boundaries_start_from_the_backbone_of_the_classifier(photographs) -> None:
    settings = {"backbone": "mobilenet_v2", "n_classes": 3, "pooling": "gap", "k": 0.0}
    classifier = photographs.give_network("classifier", settings | {"detach": True})
    flags = ["--weights", "classifier", "--crop", 48]
    network = photographs.training("benet", *flags).network
    state = classifier.backbone.state_dict()
    assert len(state) > 200
    for name, value in network.backbone.state_dict().items():
        assert torch.equal(value, state[name])
    assert photographs.network("benet").backbone.channels == classifier.backbone.channels


def test_the_loss_of_the_classifier_is_the_cross_entropy_of_each_class(photographs) -> None:
    training = photographs.training("classifier", "--backbone", SMALL_NETWORK, *SMALL)
    scores, present = torch.randn(4, 3), torch.randint(0, 2, (4, 3)).float()
    p = 1 / (1 + (-scores).exp())
    expected = -(present * p.log() + (1 - present) * (1 - p).log()).mean()
    torch.testing.assert_close(training.loss(scores, present)["total"], expected)


def test_the_loss_of_benet_is_eq_4_on_the_cells(photographs, rng) -> None:
    training = photographs.training("benet", "--backbone", SMALL_NETWORK, *SMALL)
    labels = rng.choice([0, 50, 100, 150, 200], (2, 6, 7)).astype(np.uint8)
    logits = torch.randn(2, 1, 6, 7)
    full = torch.from_numpy(np.kron(labels, np.ones((4, 4), np.uint8)))
    sums, counts = dict.fromkeys(EDGE.values(), 0.0), dict.fromkeys(EDGE.values(), 0)
    for logit, label in zip(logits.flatten().tolist(), labels.flatten().tolist(), strict=True):
        p = 1 / (1 + math.exp(-logit))
        kind = EDGE[label]
        sums[kind] += -math.sqrt(p) * math.log(p) if kind == "boundary" else -math.log(1 - p)
        counts[kind] += 1
    means = {kind: sums[kind] / (counts[kind] + 1) for kind in sums}
    expected = means["boundary"] + (means["foreground"] + means["background"]) / 2
    assert training.loss(logits, full)["total"].item() == pytest.approx(expected, rel=1e-4)


def test_the_loss_of_irnet_is_over_pairs_closer_than_the_radius(photographs, rng) -> None:
    photographs.give("cams", {n: np.ones((len(photographs.indices(n)), 13, 15)) for n in "abcd"})
    flags = ["--backbone", SMALL_NETWORK, *SMALL, "--no-crf", "--radius", 3]
    training = photographs.training("irnet", *flags)
    labels = rng.choice([0, 1, 2, 255], (7, 8)).astype(np.uint8)
    logits = torch.randn(1, 1, 7, 8)
    boundary = logits[0, 0].sigmoid().double().numpy()
    costs: dict[str, list[float]] = {"foreground": [], "background": [], "different": []}
    places = list(itertools.product(range(7), range(8)))
    for (y0, x0), (y1, x1) in itertools.combinations(places, 2):
        dy, dx = y1 - y0, x1 - x0
        first, second = int(labels[y0, x0]), int(labels[y1, x1])
        if dy**2 + dx**2 >= 9 or 255 in (first, second):
            continue
        between = [
            boundary[y, x]
            for y in range(min(y0, y1), max(y0, y1) + 1)
            for x in range(min(x0, x1), max(x0, x1) + 1)
            if abs(dy * (x - x0) - dx * (y - y0)) < math.hypot(dy, dx)
        ]
        kind = "different" if first != second else "foreground" if first else "background"
        share = max(between) if kind == "different" else 1 - max(between)
        costs[kind].append(-math.log(share + 1e-5))
    means = {kind: float(np.mean(values)) for kind, values in costs.items()}
    expected = (means["foreground"] + means["background"]) / 2 + means["different"]
    full = torch.from_numpy(np.kron(labels, np.ones((4, 4), np.uint8)))[None]
    assert training.loss(logits, full)["total"].item() == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("balanced", [False, True])
def test_the_loss_of_the_segmenter_is_the_cross_entropy_of_each_scale(
    photographs, rng, balanced: bool
) -> None:
    flags = ["--backbone", SMALL_NETWORK, *SMALL, "--output-stride", 16]
    training = photographs.training("segmenter", *flags, *["--balanced"][: int(balanced)])
    labels = rng.choice([0, 0, 0, 1, 2, 255], (2, 3, 3)).astype(np.uint8)
    logits = torch.randn(2, 4, 4, 3, 3)
    total = 0.0
    for scale in range(4):
        costs: dict[bool, list[float]] = {True: [], False: []}
        for b, y, x in np.ndindex(2, 3, 3):
            if labels[b, y, x] != 255:
                cost = F.cross_entropy(
                    logits[b, scale, :, y, x], torch.tensor(int(labels[b, y, x]))
                )
                costs[labels[b, y, x] > 0].append(cost.item())
        parts = [np.mean(part) for part in costs.values()]
        total += np.mean(parts) if balanced else np.mean(costs[True] + costs[False])
    full = torch.from_numpy(np.kron(labels, np.ones((16, 16), np.uint8)))
    assert training.loss(logits, full)["total"].item() == pytest.approx(total, rel=1e-4)


def test_each_place_of_each_step_has_a_draw_of_its_own() -> None:
    """Otherwise the photographs of a batch would all be mirrored, and cut at one place."""

    def view(index: int, draw: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        return draw.random(1), np.zeros(1)

    places = list(itertools.product(range(3), repeat=3))
    views = [loop.Views(view, names=["a"], seed=seed) for seed in range(3)]
    drawn = [views[seed][0, step, place][0].item() for seed, step, place in places]
    assert len(set(drawn)) == len(places)
    assert [views[seed][0, step, place][0].item() for seed, step, place in places] == drawn


def test_the_loop_is_gradient_descent_with_momentum_decay_and_a_falling_rate(tmp_path) -> None:
    """Twenty steps of a linear fit, against the update written out."""
    rng = np.random.default_rng(0)
    inputs, targets = rng.normal(size=(8, 3)).astype(np.float32), rng.normal(size=8)
    network = torch.nn.Linear(3, 1)
    weight, bias = (p.detach().double().numpy().copy() for p in network.parameters())
    options = TrainingOptions(
        iterations=20, batch_size=4, lr=0.1, momentum=0.8, weight_decay=0.02, power=0.7, seed=1
    )
    seen = []

    def view(index: int, draw: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        seen.append(index)
        return inputs[index], targets[index].astype(np.float32)

    history = loop.train(
        network,
        name="line",
        views=loop.Views(view, names=[str(n) for n in range(8)], seed=1),
        groups=[
            {"params": [network.weight], "lr": 0.1},
            {"params": [network.bias], "lr": 0.3, "weight_decay": 0.0},
        ],
        loss=lambda y, t: {"total": (y.squeeze(1) - t).square().mean(), "other": y.sum()},
        options=options,
        run=TrainingRun(None, [], {}, tmp_path, "line", "cpu", 1, 1),  # type: ignore[arg-type]
    )
    pushes = [np.zeros_like(weight), np.zeros_like(bias)]
    for step in range(20):
        chosen = seen[4 * step : 4 * step + 4]
        errors = inputs[chosen] @ weight[0] + bias - targets[chosen]
        assert history[step]["total"] == pytest.approx((errors**2).mean(), rel=1e-4)
        factor = (1 - step / 20) ** 0.7
        assert history[step]["lr"] == pytest.approx(0.1 * factor)
        gradients = [
            (2 * errors[:, None] * inputs[chosen]).mean(0)[None] + 0.02 * weight,
            np.array([(2 * errors).mean()]),
        ]
        pushes = [0.8 * push + gradient for push, gradient in zip(pushes, gradients, strict=True)]
        weight = weight - 0.1 * factor * pushes[0]
        bias = bias - 0.3 * factor * pushes[1]
    np.testing.assert_allclose(network.weight.detach().numpy(), weight, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(network.bias.detach().numpy(), bias, rtol=1e-3, atol=1e-5)
    assert sorted(seen[:8]) == sorted(seen[8:16]) == list(range(8))


@pytest.mark.parametrize(
    ("precision", "computed"), [("32-true", torch.float32), ("bf16-mixed", torch.bfloat16)]
)
def test_a_forward_pass_has_the_precision_asked_for_and_weights_and_loss_have_all(
    tmp_path, precision: str, computed: torch.dtype
) -> None:
    network, found = torch.nn.Sequential(torch.nn.Linear(3, 1)).eval(), []
    network[0].register_forward_hook(lambda _, inputs, output: found.append(output.dtype))

    def loss(outputs: torch.Tensor, targets: torch.Tensor) -> dict[str, torch.Tensor]:
        found.append(outputs.dtype)
        return {"total": (outputs - targets).square().mean()}

    def view(index: int, draw: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        return draw.random(3, np.float32), draw.random(1, np.float32)

    loop.train(
        network,
        name="line",
        views=loop.Views(view, names=["0", "1"], seed=1),
        groups=[{"params": list(network.parameters())}],
        loss=loss,
        options=TrainingOptions(iterations=1, batch_size=2, precision=precision),  # type: ignore[arg-type]
        run=TrainingRun(None, [], {}, tmp_path, "line", "cpu", 1, 1),  # type: ignore[arg-type]
    )
    assert found == [computed, torch.float32]
    assert network.training
    assert {parameter.dtype for parameter in network.parameters()} == {torch.float32}


def test_a_segmenter_learns_which_colour_is_which_label(project, rng) -> None:
    """Twenty steps on plain colours, and the held-out photograph comes out right."""
    colours = np.array([[30, 30, 30], [230, 40, 40], [40, 60, 230]], np.uint8)
    found = {}
    for name in "abcde":
        found[name] = np.kron(rng.integers(0, 3, (1, 2)), np.ones((48, 24), int)).astype(np.uint8)
        split = "val" if name == "e" else "train"
        project.photograph(name, colours[found[name]], ("cat", "dog"), split=split)
    project.write()
    project.give("pseudo_labels", {name: found[name] for name in "abcd"})
    settings = {"backbone": "resnet18", "n_classes": 3, "pooling": "gap", "k": 0.0, "detach": True}
    project.give_network("classifier", settings)
    project.run(
        *("segmenter", "--weights", "classifier", "--iterations", 20),
        *("--batch-size", 4, "--lr", 0.01, "--head-lr-factor", 1, "--crop", 48),
        *("--scale", 1, 1, "--loss-scales", 1, "--output-stride", 8),
    )
    losses = [float(row["total"]) for row in project.table("segmenter/metrics.csv")]
    assert np.mean(losses[-3:]) < 0.6 * losses[0]
    project.run("segmentation_maps", "--scales", 1)
    project.run("predictions", "--no-crf")
    assert (project.pixels("predictions", "e") == found["e"]).mean() > 0.6


def test_the_classifier_learns_colours_and_says_how_well(project, rng) -> None:
    colours = {"cat": (220, 30, 30), "dog": (30, 220, 30), "owl": (30, 30, 220)}
    for number in range(12):
        name = ("cat", "dog", "owl")[number % 3]
        noise = rng.integers(0, 30, (40, 40, 3))
        split = "val" if number >= 9 else "train"
        photo = (np.array(colours[name]) + noise).astype(np.uint8)
        project.photograph(f"{number}", photo, (name,), split=split)
    project.write()
    project.run(
        *("classifier", "--backbone", SMALL_NETWORK, "--weights", "none", "--iterations", 12),
        *("--frozen-stages", 0, "--batch-norm", "train", "--batch-size", 9, "--lr", 0.02),
        *("--momentum", 0.9, "--crop", 40, "--resize-long", 40, 40),
    )
    measured = project.json("classifier/model.json")["measured"]
    assert measured["split"] == "val"
    assert measured["average_precision"] == {"cat": 1.0, "dog": 1.0, "owl": 1.0}
    assert measured["mean_average_precision"] == 1.0


@pytest.mark.parametrize("at_once", [1, 3])
def test_average_precision_of_the_classifier_is_that_of_its_scores(
    project, rng, monkeypatch, at_once: int
) -> None:
    """On `val` where there is one, and of no class that is nowhere; of two sizes, in batches."""
    monkeypatch.setitem(classifier.MEASURED_AT_ONCE, "cpu", at_once)
    for number in range(10):
        labels = [("cat",), ("dog",), ("cat", "dog")][int(rng.integers(3))]
        size = (50, 40) if number == 3 else (40, 50)
        project.photograph(
            f"{number}", smooth(rng, *size), labels, split=("train", "val")[number % 2]
        )
    # Of the test set nothing is looked at.
    project.photograph("test", smooth(rng, 40, 50), ("cat",), split="test")
    project.write()
    flags = ["--backbone", SMALL_NETWORK, *SMALL, "--iterations", 1, "--batch-size", 2, "--lr", 0]
    project.run("classifier", *flags)
    network = project.network("classifier")
    measured = project.json("classifier/model.json")["measured"]

    held_out = [record for record in project.records if record.split == "val"]
    photos = [project.photo(record.id) for record in held_out]
    with torch.inference_mode():
        scores = [network(normalised(photo)[None])[0].tolist() for photo in photos]
    expected = {}
    for place, name in enumerate(project.classes):
        ranked = sorted(
            (
                (row[place], name in record.labels)
                for row, record in zip(scores, held_out, strict=True)
            ),
            reverse=True,
        )
        hits = [
            sum(t for _, t in ranked[: n + 1]) / (n + 1) for n, (_, t) in enumerate(ranked) if t
        ]
        expected[name] = round(float(np.mean(hits)), 4) if hits else None
    assert measured["average_precision"] == expected
    defined = [value for value in expected.values() if value is not None]
    assert measured["mean_average_precision"] == pytest.approx(np.mean(defined), abs=1e-3)
    assert expected["owl"] is None
