"""A configuration becomes the options of each stage, or one sentence says what is wrong with it."""

import argparse
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from snakemake.cli import parse_config

from bes.commands.arguments import add_config
from bes.errors import BesError
from bes.options.declared import options_of
from bes.project.schema import json_schema
from bes.project.sections import SECTIONS, ProjectOptions
from bes.project.settings import PRESETS, Project, check_weights, load_project, read_project
from bes.stages.shared.dataset_kinds import DatasetOptions
from bes.stages.shared.walk_labels import PseudoLabelOptions


def stages_of(project: Project, experiment: str) -> dict[str, set[str]]:
    """Experiment -> the stages of `experiment` whose files lie in that experiment's folder."""
    homes: dict[str, set[str]] = {}
    for stage, home in project.experiments[experiment].home.items():
        homes.setdefault(home, set()).add(stage)
    return homes


def test_the_presets_say_nothing_that_is_so_anyway() -> None:
    assert yaml.safe_load((PRESETS / "official.yaml").read_text()) == {}
    paper = yaml.safe_load((PRESETS / "paper.yaml").read_text())
    for stage, keys in paper.items():
        defaults = SECTIONS[stage]()
        assert all(getattr(defaults, key) != value for key, value in keys.items()), stage


def test_the_official_preset_is_the_defaults() -> None:
    options = load_project({}).experiments["base"].options
    assert options == {name: cls() for name, cls in SECTIONS.items()}


PUBLISHED: dict[str, dict[str, Any]] = {
    "classifier": {
        **{"backbone": "resnet50", "pooling": "features", "attention_k": 0.001, "epochs": 5},
        **{"detach_attention": True, "frozen_stages": 3, "batch_norm": "frozen", "lr": 0.1},
        **{"head_lr_factor": 10, "momentum": 1e-4, "weight_decay": 1e-4, "power": 0.9},
        **{"batch_size": 16, "resize_long": (320, 512), "crop": 512},
    },
    "cams": {"scales": (1.0, 0.5, 1.5, 2.0), "flip": True, "relu": True},
    "boundary_labels": {
        **{"theta_fg": 0.30, "theta_bg": 0.07, "window": 13, "theta_scale": 0.30},
        **{"theta_diff": 0.10, "foreground_pairs": True, "crf": True},
        **{"crf_bilateral_sxy": 50, "crf_iterations": 10},
    },
    "benet": {
        **{"epochs": 3, "lr": 0.1, "momentum": 1e-4, "weight_decay": 1e-4, "power": 0.9},
        **{"train_backbone": False, "scale": (0.5, 1.5), "crop": 512, "batch_size": 16},
    },
    "irnet": {
        **{"theta_fg": 0.30, "theta_bg": 0.05, "radius": 10, "batch_size": 32, "epochs": 3},
        **{"lr": 0.1, "momentum": 1e-4},
    },
    "boundary_maps": {"network": "benet", "scales": (1.0,), "flip": True},
    "revised_maps": {"beta": 5, "radius": 5, "steps": 2**8},
    "pseudo_labels": {
        **{"threshold": 0.25, "crf": True, "crf_bilateral_sxy": 20, "crf_iterations": 10},
    },
    "evaluation": {"cam_threshold": 0.11, "revised_threshold": 0.25},
    # Of the networks' own papers: there is no published code of this part.
    "segmenter": {
        **{"head": "aspp", "backbone": "resnet101", "output_stride": 8, "iterations": 20_000},
        **{"batch_size": 10, "crop": 321, "power": 0.9, "momentum": 0.9, "weight_decay": 5e-4},
        **{"lr": 2.5e-4, "head_lr_factor": 10, "loss_scales": (1.0, 0.75, 0.5)},
    },
    "segmentation_maps": {"scales": (1.0, 0.75, 0.5), "merge": "max", "flip": True},
    "predictions": {
        **{"crf_gaussian_sxy": 1, "crf_gaussian_compat": 3, "crf_bilateral_sxy": 67},
        **{"crf_bilateral_srgb": 3, "crf_bilateral_compat": 4, "crf_iterations": 10},
    },
}
"""The settings that docs/differences.md says the published numbers come from."""


@pytest.mark.parametrize("stage", PUBLISHED)
def test_without_a_key_the_settings_are_those_of_the_published_code(stage: str) -> None:
    options = load_project({}).experiments["base"].options[stage]
    assert {key: getattr(options, key) for key in PUBLISHED[stage]} == PUBLISHED[stage]


def test_the_paper_differs_where_it_prints_other_values() -> None:
    paper = load_project({"preset": "paper"}).experiments["base"].options
    assert paper["classifier"].momentum == 0.9
    assert paper["boundary_labels"].theta_scale == 0.35


def test_keys_change_the_preset() -> None:
    config = {"preset": "paper", "boundary_labels": {"window": 9}, "cams": {"scales": [1, 2]}}
    options = load_project(config).experiments["base"].options
    assert options["boundary_labels"].window == 9
    assert options["boundary_labels"].theta_scale == 0.35
    assert options["cams"].scales == (1.0, 2.0)


def test_a_key_for_both_networks_is_weaker_than_that_of_one() -> None:
    config = {"backbone": "resnet18", "seed": 7, "weights": "none", "benet": {"seed": 8}}
    options = load_project(config).experiments["base"].options
    assert [options[name].backbone for name in ("classifier", "benet")] == ["resnet18"] * 2
    assert [options[name].weights for name in ("classifier", "benet")] == ["none"] * 2
    assert [options[name].seed for name in ("classifier", "benet")] == [7, 8]


def test_the_threshold_of_the_labels_is_the_one_the_revised_maps_are_scored_at() -> None:
    config: dict[str, Any] = {"pseudo_labels": {"threshold": 0.4}}
    assert load_project(config).experiments["base"].options["evaluation"].revised_threshold == 0.4
    config["evaluation"] = {"revised_threshold": 0.3}
    assert load_project(config).experiments["base"].options["evaluation"].revised_threshold == 0.3


def test_the_threshold_of_the_labels_is_the_one_their_quality_is_judged_at() -> None:
    config = {"pseudo_labels": {"threshold": 0.4}}
    assert load_project(config).experiments["base"].options["quality"].threshold == 0.4


@pytest.mark.parametrize("on_the_command_line", [False, True])
def test_text_is_read_as_what_its_option_takes(on_the_command_line: bool, tmp_path: Path) -> None:
    """Snakemake makes text of all that its command line has within braces."""
    overrides = [
        "shards=4",
        "name=mine",
        "seed=null",
        "device=cpu",
        "pseudo_labels={threshold: 0.4, crf: false, crf_iterations: 5}",
        "cams={scales: [1, 0.5], flip: True}",
        "classifier={lr: 1e-5, resize_long: [64, 96], weights: none}",
        "dataset={root: 0123, photographs: null, masks: , classes: [cat, 8], download: no}",
        "segmenter={output_stride: 16, iterations: 0}",
        "experiments={one: {seed: 3, benet: {seed: 4}}, two: null, three: {seed: }}",
        "sweeps={s: {seed: [0, 1], pseudo_labels: {threshold: [0.3, 0.4], crf: [true]}}}",
    ]
    if on_the_command_line:
        project = read_project([], overrides)
    else:
        content = {
            k: yaml.load(v, yaml.BaseLoader) for k, _, v in (o.partition("=") for o in overrides)
        }
        project = load_project(content)
    assert project.settings == ProjectOptions(name="mine", shards=4, device="cpu")
    base = project.experiments["base"].options
    assert base["pseudo_labels"] == PseudoLabelOptions(threshold=0.4, crf=False, crf_iterations=5)
    assert base["cams"].scales == (1.0, 0.5) and base["cams"].flip is True
    assert base["classifier"].lr == 1e-5 and base["classifier"].resize_long == (64, 96)
    assert base["dataset"] == DatasetOptions(root="0123", masks="", classes=("cat", "8"))
    assert base["segmenter"].output_stride == 16 and base["segmenter"].iterations == 0
    one = project.experiments["one"].options
    assert one["classifier"].seed == 3 and one["benet"].seed == 4
    swept = {name for name in project.experiments if name.startswith("s+")}
    assert len(swept) == 4 and "s+threshold=0.3+crf=True+seed=0" in swept


def test_numbers_and_their_text_give_the_same_folders() -> None:
    """`bes status` and the workflow find the same results, however a value was handed over."""
    numbers = {"sweeps": {"s": {"pseudo_labels": {"threshold": [0.3]}, "seed": [1]}}}
    texts = {"sweeps": {"s": {"pseudo_labels": {"threshold": ["0.3"]}, "seed": ["1"]}}}
    assert load_project(numbers) == load_project(texts)


@pytest.mark.parametrize(
    "overrides",
    [
        ["pseudo_labels={threshold: 0.4}", "cams={flip: false}"],
        ["name='a'", "goal=predictions", "seed=1_0"],
        ['dataset={"root": "a=b", "classes": ["-x", "y z"]}'],
    ],
)
def test_overrides_are_read_by_the_code_of_snakemake(overrides: list[str]) -> None:
    assert read_project([], overrides) == load_project(parse_config(overrides))


@pytest.mark.parametrize("words", [["-C", "shards=3"], ["--config"], ["--configfiles", "a", "b"]])
def test_a_configuration_is_given_as_to_snakemake(words: list[str]) -> None:
    parser = argparse.ArgumentParser()
    add_config(parser)
    assert {str(value) for value in parser.parse_args(words).__dict__.values()}


def test_weights_that_are_no_file_are_found_before_anything_is_trained(tmp_path: Path) -> None:
    file = tmp_path / "net {1}'s.pth"
    file.touch()
    for weights in ("imagenet", "none", str(file)):
        check_weights(load_project({"weights": weights}))
    check_weights(load_project({"benet": {"weights": "classifier"}}))
    for config, place in (
        (
            {"weights": "gone.pth"},
            "classifier.weights: found 'gone.pth', which is no file, expected",
        ),
        ({"benet": {"weights": str(tmp_path)}}, "benet.weights: found"),
        (
            {"classifier": {"weights": "classifier"}},
            "classifier.weights: found 'classifier', which",
        ),
        ({"experiments": {"a": {"weights": "x{y}"}}}, "classifier.weights of a: found 'x{y}'"),
        (
            {"goal": "predictions", "segmenter": {"weights": "x"}},
            "found 'x', which is no file, expected imagenet, none, classifier or the path",
        ),
    ):
        with pytest.raises(BesError, match=re.escape(place)):
            check_weights(load_project(config))
    # What the goal does not need is not asked for.
    check_weights(load_project({"segmenter": {"weights": "x"}, "irnet": {"weights": "x"}}))


def test_an_experiment_has_its_own_folders_from_its_first_difference_on() -> None:
    project = load_project(
        {
            "name": "voc12",
            "experiments": {
                "walk": {"revised_maps": {"beta": 8}},
                "both": {"base": "walk", "pseudo_labels": {"threshold": 0.4}},
                "seed1": {"seed": 1},
                "same": {"revised_maps": {"beta": 5}},
                "nothing": None,
            },
        }
    )
    of_all = {"dataset", "foreground", "regions"}
    first = {"classifier", "cams", "boundary_labels", "benet", "irnet", "boundary_maps"} | of_all
    beyond = {"segmenter", "segmentation_maps", "predictions", "boundary_scores", "export"}
    last = {"evaluation", "quality", "report"} | beyond
    teacher = {"teacher_labels", "teacher", "teacher_maps"}
    # Without a teacher nothing but the walk's options tells these apart.
    walk = {"revised_maps", "revised_teacher_maps"}
    assert stages_of(project, "walk") == {
        "base": first,
        "walk": {"pseudo_labels"} | walk | teacher | last,
    }
    assert stages_of(project, "both") == {
        "base": first,
        "walk": walk,
        "both": {"pseudo_labels"} | teacher | last,
    }
    assert stages_of(project, "seed1") == {"base": of_all, "seed1": {*SECTIONS} - of_all}
    for name in ("same", "nothing"):
        assert stages_of(project, name) == {"base": {*SECTIONS}}
    assert project.folder("both", "revised_maps") == Path("results/voc12/walk/revised_maps")
    computed = project.computed()
    assert len(computed) == len(set(computed))
    assert {stage for stage, folder in computed if "walk" in folder.parts} == {
        *("revised_maps", "pseudo_labels", "evaluation", "quality", "report")
    }


def test_the_goal_settles_which_stages_are_computed() -> None:
    beyond = {"segmenter", "segmentation_maps", "predictions"}
    asked_for = {"boundary_scores", "export", "irnet", "foreground", "regions"}
    asked_for |= {"teacher_labels", "teacher", "teacher_maps", "revised_teacher_maps"}
    for goal, wanted in (
        ("pseudo_labels", {*SECTIONS} - beyond - asked_for),
        ("predictions", {*SECTIONS} - asked_for),
    ):
        project = load_project({"goal": goal})
        assert {stage for stage, _ in project.computed()} == wanted


def test_irnet_is_trained_where_an_experiment_takes_its_boundaries() -> None:
    compared = {"boundary_maps": {"network": "irnet"}}
    project = load_project({"experiments": {"irnet": compared, "wide": {"cams": {"flip": False}}}})
    assert project.experiments["irnet"].home["cams"] == "base"
    folders = [folder for stage, folder in project.computed() if stage == "irnet"]
    assert folders == [Path("results/photographs/base/irnet")]
    assert "irnet" in project.wanted_by("irnet")
    assert "irnet" not in project.wanted_by("base") | project.wanted_by("wide")
    assert stages_of(project, "irnet")["irnet"].isdisjoint({"benet", "irnet", "boundary_labels"})


def test_an_experiment_with_other_cams_has_an_irnet_of_its_own() -> None:
    sweep = {"boundary_maps": {"network": ["benet", "irnet"]}, "seed": [0, 1]}
    project = load_project({"sweeps": {"both": sweep}})
    folders = [folder.parent.name for stage, folder in project.computed() if stage == "irnet"]
    assert folders == ["base", "both+network=irnet+seed=1"]


def test_a_sweep_is_an_experiment_for_each_combination() -> None:
    project = load_project(
        {
            "sweeps": {
                "theta": {
                    "boundary_labels": {"theta_scale": [0.3, 0.35], "theta_diff": [0.1, 0.2]},
                    "seed": [0, 1],
                }
            }
        }
    )
    names = [name for name in project.experiments if name != "base"]
    assert len(names) == 8
    name = "theta+theta_scale=0.35+theta_diff=0.1+seed=1"
    assert name in names
    options = project.experiments[name].options
    assert options["boundary_labels"].theta_scale == 0.35
    assert options["classifier"].seed == options["benet"].seed == 1
    assert (
        project.experiments["theta+theta_scale=0.35+theta_diff=0.1+seed=0"].home["cams"] == "base"
    )


def test_the_experiments_of_a_sweep_have_names_that_folders_can_have() -> None:
    sweep = {
        "cams": {"scales": [[1.0], [1.0, 0.5]]},
        "classifier": {"weights": ["none", "/data/my weights.pth"], "lr": [1e-5]},
    }
    names = [*load_project({"sweeps": {"a": sweep}}).experiments][1:]
    assert len(names) == 4
    assert "a+weights=data-my-weights.pth+lr=1e-05+scales=1.0-0.5" in names


@pytest.mark.parametrize("value", [1, "1", 0.5, "0.5", "1e-05", 1e-5])
def test_an_experiment_of_a_sweep_has_one_name_in_a_file_and_on_the_command_line(
    value: float | str,
) -> None:
    swept = {"sweeps": {"a": {"pseudo_labels": {"threshold": [value]}}}}
    number = {"1": 1, "0.5": 0.5, "1e-05": 1e-5}[str(value)]
    assert f"a+threshold={number}" in load_project(swept).experiments


@pytest.mark.parametrize(
    ("key", "config"),
    [
        ("name", {"name": "n" * 121}),
        ("experiments", {"experiments": {"n" * 121: None}}),
        ("experiments", {"sweeps": {"n" * 110: {"pseudo_labels": {"threshold": [0.123]}}}}),
        ("comparisons", {"comparisons": {"n" * 121: {"experiments": ["base"]}}}),
    ],
)
def test_a_name_is_no_longer_than_folders_can_have(key: str, config: dict[str, Any]) -> None:
    with pytest.raises(BesError, match=rf"config: {key}: .*n.* characters, expected at most 120"):
        load_project(config)
    load_project({"name": "n" * 120, "experiments": {"n" * 120: None}})


def test_a_bound_is_said_in_full() -> None:
    with pytest.raises(BesError, match=r"config: seed: found 1\d+, expected at most \d{10,}$"):
        load_project({"seed": 10**30})


def test_the_schema_describes_every_key_with_its_default() -> None:
    schema = json_schema(documented=True)
    jsonschema.Draft202012Validator.check_schema(schema)
    properties = schema["properties"]
    assert set(properties) == {
        *(option.name for option in options_of(ProjectOptions)),
        *SECTIONS,
        *("experiments", "sweeps", "comparisons"),
    }
    for name, cls in SECTIONS.items():
        for option in options_of(cls):
            key = properties[name]["properties"][option.name]
            assert key["description"] and "default" in key, f"{name}.{option.name}"


@pytest.mark.parametrize("file", sorted(PRESETS.parent.glob("*.yaml")), ids=lambda file: file.name)
def test_the_configurations_that_come_along_are_valid(file: Path) -> None:
    assert "base" in read_project([file], []).experiments


def test_a_configuration_is_merged_as_snakemake_does(tmp_path: Path) -> None:
    first, second = tmp_path / "first.yaml", tmp_path / "second.yaml"
    first.write_text("name: one\ncams: {flip: false, scales: [1.0]}\n")
    second.write_text("name: two\ncams: {scales: [2.0]}\n")
    project = read_project([first, second], ["shards=4", "dataset={root: /data, seed: 3}"])
    assert project.settings.name == "two" and project.settings.shards == 4
    options = project.experiments["base"].options
    assert options["cams"].flip is False and options["cams"].scales == (2.0,)
    assert options["dataset"].root == "/data" and options["dataset"].seed == 3
