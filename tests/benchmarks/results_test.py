import pytest

from benchmarks.peers.results import Results
from benchmarks.peers.workers import OURS, PEERS

SETTINGS = {"train_abstracts": 10}


def test_saved_figures_are_read_again(tmp_path):
    results = Results(tmp_path, SETTINGS, PEERS)
    results.of(PEERS[0])["cold_starts"] = [1.5]
    results.keep("cold start", PEERS[0])
    again = Results(tmp_path, SETTINGS, [OURS, *PEERS])
    assert again.of(PEERS[0])["cold_starts"] == [1.5]
    assert "cold_starts" not in again.of(OURS)


def test_figures_of_other_code_are_dropped(tmp_path):
    results = Results(tmp_path, SETTINGS, PEERS)
    for peer in PEERS[:2]:
        results.of(peer)["cold_starts"] = [1.5]
    results.of(PEERS[0])["code"] = "another"
    results.keep("cold start", PEERS[0])
    again = Results(tmp_path, SETTINGS, PEERS)
    assert "cold_starts" not in again.of(PEERS[0])
    assert again.of(PEERS[0])["title"] == PEERS[0].title
    assert again.of(PEERS[1])["cold_starts"] == [1.5]


def test_figures_of_other_settings_are_refused(tmp_path):
    Results(tmp_path, SETTINGS, PEERS).keep("nothing yet", PEERS[0])
    with pytest.raises(SystemExit, match="give another --work"):
        Results(tmp_path, {"train_abstracts": 11}, PEERS)
