"""The sheet on which a threshold is chosen without masks."""

import numpy as np
from PIL import Image

from bes.incremental.stage import stage_of
from bes.incremental.whole import run_whole
from bes.report.threshold_sheet import draw_row, draw_threshold_sheet, thresholds_around
from bes.stages.quality import QualityOptions

RAMP = np.tile(np.linspace(0, 1, 40, dtype=np.float32), (30, 1))[None]
PHOTO = np.full((120, 160, 3), 90, np.uint8)


def test_the_chosen_threshold_is_among_others_on_both_sides():
    assert thresholds_around(0.32) == [0.19, 0.22, 0.27, 0.32, 0.38, 0.46, 0.55]
    assert thresholds_around(0.9)[-1] < 1 and 0.9 in thresholds_around(0.9)
    assert thresholds_around(0.0) == [0.0]


def test_the_higher_the_threshold_the_less_is_labelled():
    row = draw_row(PHOTO, RAMP, [1], [], [0.1, 0.5, 0.9])
    columns = np.split(row, 3, axis=1)
    red = [int((c[..., 0] > c[..., 1] + 20).sum()) for c in columns]
    assert red[0] > red[1] > red[2] > 0


def test_a_prior_counts_as_in_the_labels():
    nothing = draw_row(PHOTO, RAMP, [1], [np.zeros(RAMP.shape[1:], np.float32)], [0.5])
    assert (nothing[..., 0] > nothing[..., 1] + 20).sum() == 0


def test_the_chosen_column_is_framed_and_the_command_stands_beneath():
    rows = [draw_row(PHOTO, RAMP[:0], [], [], [0.2, 0.3])] * 2
    framed = [
        np.array(draw_threshold_sheet(rows, [0.2, 0.3], chosen)).astype(int)
        for chosen in (0.2, 0.3)
    ]
    yellow = [(each[..., 0] - each[..., 2] > 100).any(0) for each in framed]
    middle = len(yellow[0]) // 2
    assert yellow[0][: middle - 10].any() and not yellow[0][middle + 10 :].any()
    assert yellow[1][middle + 10 :].any() and not yellow[1][: middle - 10].any()
    assert framed[0][-30:].max() > 200


def test_the_page_shows_it_where_there_are_no_masks(make_run, tmp_path):
    from test_report import report

    for masks in (False, True):
        run = make_run(masks=masks, ranking=True)
        page = report(run, tmp_path / f"report {masks}")
        assert ("labelled at the thresholds in the columns" in page) is not masks
        assert ("data:image/jpeg;base64," in page) is not masks


def test_the_stage_draws_it(make_run, tmp_path):
    run = make_run(masks=False)
    stage, out = stage_of("quality"), tmp_path / "quality"
    folders = {name: run.folders[name] for name in stage.reads}
    options = QualityOptions(threshold=0.3)
    run_whole(stage, options=options, dataset=run.dataset, folders=folders, out=out, threads=1)
    assert Image.open(out / "thresholds.jpg").height > 6 * 160
