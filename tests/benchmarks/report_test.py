import copy

import pytest

from benchmarks.peers.report import render

PEER = {
    "title": "Spans Inc.",
    "unit": "sentence",
    "span_based": True,
    "versions": {"spans": "1.0"},
    "environment_mb": 900.0,
    "epoch_abstracts": 5,
    "epochs": [{"update_seconds": 10.0, "abstracts": 5, "epochs": 1.0}],
    "predictions": {
        "1": [{"seconds": 8.0, "peak_mb": 400.0}],
        "32": [
            {"seconds": 9.0, "peak_mb": 800.0},
            {"seconds": 4.0, "peak_mb": 700.0},
            {"seconds": 1.0, "peak_mb": 600.0},
        ],
    },
    "cold_starts": [3.0],
    "equal": [{"seed": 1, "f1": 0.5, "epochs": 1.5, "seconds": 60.0}],
    "recommended": [],
    "recommended_left_out": "would take 90 minutes",
}
OURS = {
    **PEER,
    "title": "Ours",
    "epoch_abstracts": 10,
    "epochs": [{"update_seconds": 10.0, "abstracts": 10, "epochs": 1.0}],
    "predictions": {
        "1": [{"seconds": 2.0, "peak_mb": 300.0}],
        "32": [{"seconds": 2.0, "peak_mb": 300.0}],
    },
    "cold_starts": [6.0],
    "equal": [{"seed": 1, "f1": 0.505, "epochs": 3, "seconds": 60.0}],
    "recommended": [{"seed": 1, "f1": 0.6, "epochs": 20, "seconds": 120.0}],
}


@pytest.fixture
def results():
    return copy.deepcopy(
        {
            "machine": {"processor": "P", "cores": 2, "memory_gib": 24, "python": "3.11"},
            "settings": {
                "train_abstracts": 10,
                "dev_abstracts": 8,
                "budget_seconds": 60.0,
            },
            "peers": {"sept": OURS, "spans": PEER},
        }
    )


def line_with(page, *parts):
    (line,) = [line for line in page.splitlines() if all(part in line for part in parts)]
    return line


def test_medians_and_the_time_of_an_epoch_of_all_abstracts(results):
    page = render(results)
    # 8 abstracts in 4 s, the median of three.
    assert line_with(page, "| predicts, batch 32", "2.0 |").endswith("| 4.0 | 2.0 |")
    # Ten seconds for half of the abstracts.
    assert line_with(page, "| training epoch (s)", "from").endswith(
        "| 10 | 20 (from 5 of 10 abstracts) |"
    )


def test_goals_are_met_or_missed(results):
    page = render(results)
    assert "| 4.00 × | at least 3.0 × | met |" in line_with(page, "batch 1 ", "Spans Inc.", "×")
    assert line_with(page, "batch 32", "×").endswith("| 2.00 × | at least 3.0 × | missed |")
    assert line_with(page, "F1, equal time", "+").endswith("| +0.005 | at least +0.01 | missed |")


def test_says_where_a_peer_wins(results):
    results["peers"]["spans"]["equal"][0]["f1"] = 0.7
    page = render(results)
    assert "**the other is ahead**" in line_with(page, "F1, equal time", "at least")
    wins = page.split("## Where another tool is ahead")[1].split("##")[0].strip().splitlines()
    assert wins == [
        "- cold start (s): Spans Inc. 3.0; Ours 6.0",
        "- F1, equal time: Spans Inc. 0.700; Ours 0.505",
    ]


def test_a_peer_wins_against_the_exported_model_or_only_against_the_trained_one(results):
    exported = {"title": "Exported", "unit": "abstract", "trained_by": "sept", "span_based": True}
    exported.update(cold_starts=[1.0], environment_mb=950.0)
    results["peers"]["sept_exported"] = exported
    results["peers"]["sept"]["environment_mb"] = 2000.0
    page = render(results)
    everywhere, elsewhere = (
        page.split("## Where another tool is ahead")[1]
        .split("##")[0]
        .split("Ahead of only one of ours")
    )
    assert "- environment (MB): Spans Inc. 900; Ours 2000, Exported 950" in everywhere
    assert "- cold start (s): Spans Inc. 3.0; Ours 6.0, Exported 1.0" in elsewhere
    # It is no peer, and has no goal to reach.
    assert "Exported" not in page.split("## Goals")[1].split("##")[0]


def test_several_seeds_are_a_mean_and_a_deviation(results):
    results["peers"]["spans"]["equal"].append(
        {"seed": 2, "f1": 0.7, "epochs": 2.5, "seconds": 120.0}
    )
    page = render(results)
    # (.5 + .7) / 2, and the root of .1² + .1².
    assert "0.600 ± 0.141 (2 epochs, 1.5 min, 2 seeds)" in line_with(page, "| F1, equal", "min")
    assert "seed (1, 2)" in page


def test_times_are_relative_to_the_encoder(results):
    results["encoder_alone"] = [{"seconds": 0.5}, {"seconds": 1.0}, {"seconds": 3.0}]
    page = render(results)
    # 8 abstracts in 2 s and in 4 s; the encoder needs 1 s.
    assert line_with(page, "| predicts, batch 32", "encoders").endswith(
        "| 4.0 (2.00 encoders) | 2.0 (4.00 encoders) |"
    )


def test_a_tagger_has_goals_of_its_own(results):
    results["peers"]["spans"]["span_based"] = False
    goals = render(results).split("## Goals")[1].split("##")[0]
    assert "training epoch" not in goals
    assert "at least 1.0 ×" in goals


def test_missing_measurements_stay_blank(results):
    del results["peers"]["spans"]["epochs"]
    page = render(results)
    assert "(would take 90 minutes)" in line_with(page, "| F1, recommended")
    assert line_with(page, "| training epoch (s) | Spans").endswith("|  |  | not measured |")
