"""Options, versions, time and memory."""

from dataclasses import replace

from bes.incremental.journal import Run
from bes.report.origins import efforts, settings, versions

RUN = Run(
    origin="one",
    options={"scales": [1.0, 0.5], "flip": True, "root": None},
    defaults={"scales": [1.0], "flip": True, "root": "data"},
    code="0123abcd",
    versions={"torch": "2.4.0"},
    device="cpu",
    threads=2,
    finished="2026-01-02T03:04:05+00:00",
    images=30,
    seconds=10.0,
    cpu_seconds=18.0,
    memory=100,
)
LATER = replace(RUN, finished="2026-02-01T00:00:00+00:00", images=10, seconds=6.0, memory=70)


def test_time_and_photographs_are_summed_and_the_peak_is_the_highest():
    (effort,) = efforts({"cams": [RUN, LATER]}, [])
    assert (effort.images, effort.seconds, effort.cpu_seconds, effort.memory) == (40, 16, 36, 100)
    assert effort.rate == 2.5


def test_a_training_has_no_photographs_a_second():
    (effort,) = efforts({"benet": [RUN]}, ["benet"])
    assert effort.rate is None


def test_a_stage_without_a_journal_is_left_out():
    assert efforts({"cams": []}, []) == [] == settings({"cams": []})


def test_options_are_those_of_the_last_run_and_changes_are_marked():
    last = replace(LATER, options=RUN.options | {"flip": False})
    rows = {row.name: row for row in settings({"cams": [last, RUN]})}
    assert (rows["scales"].value, rows["scales"].default) == ("1.0, 0.5", "1.0")
    assert (rows["flip"].value, rows["root"].value) == ("no", "none")
    assert all(row.changed for row in rows.values())


def test_stages_of_different_versions_are_told_apart():
    other = replace(RUN, versions={"torch": "2.5.0"})
    assert versions({"cams": [RUN], "benet": [RUN]}) == [("torch", "2.4.0")]
    assert versions({"cams": [RUN], "benet": [other]}) == [("torch", "2.4.0 (cams); 2.5.0 (benet)")]
