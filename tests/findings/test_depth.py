"""Which layers a tuned encoder needs: frozen, cut off and put back, as tables and figures' rows."""

import math
from dataclasses import replace

import pandas as pd
import pytest

from isomorph import figures
from isomorph.effects import Estimate
from isomorph.findings import Found, depth

SCORES = {"tuned": 0.80, "frozen_third": 0.80, "frozen_two_thirds": 0.79, "frozen_all": 0.5,
          "kept_third": 0.6, "kept_two_thirds": 0.79}  # fmt: skip
BELOW = [0.80, 0.79, 0.70, 0.79, 0.5, 0.4, 0.3]  # with so many blocks put back
ABOVE = [0.80, 0.80, 0.79, 0.6, 0.5, 0.4, 0.3]


def found(scores=SCORES, pair="nli", seeds=5, size="laptop"):
    lines = []
    for seed in range(seeds):
        small = seed / 1000
        other = (4 - seed) / 1000  # so that no difference is the same in all seeds
        for name, value in scores.items():
            own = {"condition": name, "seed": seed, "digest": f"{name}{pair}{seed}"}
            lines += [
                own
                | {
                    "metric": "test_score",
                    "layer": None,
                    "value": value + (small if name == "tuned" else other),
                },
                own | {"metric": "floor", "layer": None, "value": 0.33},
            ]
            if name != "tuned":
                continue
            lines += [
                own | {"metric": "weight_distance", "layer": i, "value": 1.0} for i in range(1, 7)
            ]
            for metric, curve in zip(depth.ENDS, (BELOW, ABOVE), strict=True):
                lines += [own | {"metric": metric, "layer": i, "value": v + (other if i else small)}
                          for i, v in enumerate(curve)]  # fmt: skip
    columns = ["condition", "seed", "digest", "metric", "layer", "value"]
    rows = pd.DataFrame(lines, columns=columns).assign(
        pair=pair, size=size, tokens=0, provenance="recorded"
    )
    return Found(rows.astype({"layer": "Int64", "value": float}), size, 18, depth.CONDITIONS)


NOTHING = found({})


def test_scores_by_task_end_with_no_encoder():
    table = depth.by_task(found()).set_index("condition")
    assert table.loc["lower two thirds frozen", "inference"] == "79.2 [79.0, 79.4]"
    assert table.index[-1] == "no encoder"
    assert table.loc["no encoder", "inference"].startswith("33.0")
    assert set(table["parsing"]) == {"not run"}
    assert set(depth.by_task(NOTHING)["inference"]) == {"not run"}


def test_both_ladders_end_where_all_blocks_are_tuned():
    rows = depth.ladder(found())
    mean = rows.groupby(["way", "blocks tuned"])["value"].mean().round(3)
    assert mean["lower blocks frozen"].to_dict() == {0: 0.502, 2: 0.792, 4: 0.802, 6: 0.802}
    assert mean["upper blocks cut off"].to_dict() == {2: 0.602, 4: 0.792, 6: 0.802}
    assert set(rows["metric"]) == {"inference"}
    assert depth.ladder(found(), ("parsing",)).empty and depth.ladder(NOTHING).empty
    drawn = figures.dose_response(
        rows, x="blocks tuned", metrics=["inference"], group="way", baselines=depth.levels(found())
    )
    assert len(drawn.axes) == 1


def test_what_is_put_back_is_counted_from_either_end():
    rows = depth.put_back(found())
    assert rows["blocks put back"].max() == 6 and set(rows["way"]) == set(depth.ENDS.values())
    (line,) = depth.spared(found()).to_dict("records")
    # Going up once more after a fall does not count.
    assert line["spared from the bottom up"] == "1 of 6"
    assert line["spared from the top down"] == "2 of 6"
    assert line["none put back"] == "80.2" and line["all put back"] == "30.2" and line["seeds"] == 5
    drawn = figures.dose_response(rows, x="blocks put back", metrics=["inference"], group="way")
    assert len(drawn.axes) == 1
    assert depth.put_back(NOTHING).empty and depth.spared(NOTHING).empty


def test_three_questions_have_answers_of_their_own():
    table = depth.questions(found()).set_index("question")
    assert table["value"].round(1).to_dict() == {
        "lower 4 frozen": -1.0, "upper 2 cut off": -1.0, "lower 4 put back": -30.0,
        "upper 2 put back": -1.0,
    }  # fmt: skip
    assert table["so"].tolist() == [
        "the upper blocks can do it alone", "the upper blocks are not needed",
        "the lower blocks carry part of it", "the upper blocks carry little of it",
    ]  # fmt: skip
    told = depth.told(table.reset_index())
    assert "score: with the lower 4 frozen, it falls by 1.0 points" in told


def test_what_was_not_run_is_left_out_and_said():
    some = {name: SCORES[name] for name in ("tuned", "frozen_two_thirds")}
    assert len(depth.questions(found(some))) == 3
    assert depth.questions(NOTHING).empty
    one = found({"frozen_two_thirds": 0.6})
    for seed in range(3):
        moved = one.rows.iloc[:1].assign(metric="weight_distance", layer=6, seed=seed)
        one = replace(one, rows=pd.concat([one.rows, moved], ignore_index=True))
    assert set(depth.ladder(one)["blocks tuned"]) == {2}, "without the encoder tuned as a whole"
    assert depth.levels(one)["no encoder"] == {"inference": pytest.approx(33)}
    assert depth.told(depth.questions(NOTHING)) == "No run of this is recorded yet."
    assert depth.levels(NOTHING) == {"no encoder": {}} and depth.blocks_of(NOTHING) == 0


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (-1.0, 1.0, "the upper blocks can do it alone"),
        (-9.0, -3.0, "the upper blocks cannot do it alone"),
        (-9.0, 0.0, "not told"),
        (math.nan, math.nan, "no interval: all agree, or are of one model"),
    ],
)
def test_an_answer_is_by_the_interval(low, high, said):
    assert depth.answer("frozen", Estimate(-1.0, low, high, 5, True, ("nli",))) == said


def test_the_error_of_a_sample():
    noise = depth.sampling(found())
    assert noise.examples == 600 and noise.error == pytest.approx(
        100 * (0.8 * 0.2 / 600) ** 0.5, 0.01
    )
    assert depth.sampling(NOTHING) is None
