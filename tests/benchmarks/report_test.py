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
    "equal": {"f1": 0.5, "epochs": 1.5, "seconds": 60.0},
    "recommended": {"left_out": "would take 90 minutes"},
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
    "equal": {"f1": 0.505, "epochs": 3, "seconds": 60.0},
    "recommended": {"f1": 0.6, "epochs": 20, "seconds": 120.0},
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
                "seed": 1,
            },
            "peers": {"sept": OURS, "spans": PEER},
        }
    )


def line_with(page, *parts):
    (line,) = [line for line in page.splitlines() if all(part in line for part in parts)]
    return line


def test_medians_and_what_an_epoch_of_all_abstracts_would_take(results):
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
    results["peers"]["spans"]["equal"]["f1"] = 0.7
    page = render(results)
    assert "**the peer wins**" in line_with(page, "F1, equal time", "at least")
    wins = page.split("## Where a peer wins")[1].split("##")[0].strip().splitlines()
    assert wins == [
        "- cold start (s): Spans Inc. 3.0, ours 6.0",
        "- F1, equal time: Spans Inc. 0.700, ours 0.505",
    ]


def test_a_tagger_has_goals_of_its_own(results):
    results["peers"]["spans"]["span_based"] = False
    goals = render(results).split("## Goals")[1].split("##")[0]
    assert "training epoch" not in goals
    assert "at least 1.0 ×" in goals


def test_what_was_not_measured_stays_blank(results):
    del results["peers"]["spans"]["epochs"]
    page = render(results)
    assert "(would take 90 minutes)" in line_with(page, "| F1, recommended")
    assert line_with(page, "| training epoch (s) | Spans").endswith("|  |  | not measured |")
