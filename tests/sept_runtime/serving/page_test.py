"""The page of the server in a real browser."""

import json
import socket
import threading
from pathlib import Path
from typing import Any, Iterator, List, Sequence
from urllib.parse import quote

import pytest

from sept_runtime.documents import Document, Prediction, ScoredRelation, ScoredSpan
from sept_runtime.options import Decoding
from sept_runtime.serving.app import ServedModel, make_app
from tests.browser import needs_browser, requested_addresses, start_browser, wait_for

selenium = pytest.importorskip("selenium")
uvicorn = pytest.importorskip("uvicorn")
pytestmark = needs_browser

SCORES = {"parser": ("Method", 0.9), "corpus": ("Material", 0.6), "onload": ("Task", 0.8)}
TEXT = "We train a parser on a corpus."


class PagePredictor:
    """A `SpanPredictor` that knows a few words, and relates neighbors."""

    finds_relations = True
    max_batch_words = 1000
    labels = ("Material", "Method", "Task")

    def predict_batch(self, documents: Sequence[Document], decoding: Decoding) -> List[Prediction]:
        predictions = []
        for document in documents:
            entities = [
                ScoredSpan(
                    n, n, *SCORES[word], ((SCORES[word][0], SCORES[word][1]), ("Task", 0.05))
                )
                for n, word in enumerate(document.words)
                if word in SCORES
            ]
            relations = [
                ScoredRelation(n, n + 1, "USED-FOR", 0.5) for n in range(len(entities) - 1)
            ]
            predictions.append(Prediction(entities, relations))
        return predictions


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    app = make_app(ServedModel(PagePredictor(), Decoding(), "words", "1.0"))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
        running = threading.Thread(target=server.run, args=([listening],), daemon=True)
        running.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
        server.should_exit = True
        running.join(30)


@pytest.fixture(scope="module")
def downloads(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("downloads")


@pytest.fixture(scope="module")
def browser(downloads) -> Iterator[Any]:
    driver = start_browser(downloads)
    yield driver
    driver.quit()


def predict(browser: Any, address: str, text: str) -> None:
    browser.get("about:blank")
    browser.get(f"{address}#text={quote(text)}")
    wait_for(lambda: browser.find_elements("css selector", "#documents article"))


def shown(browser: Any) -> List[str]:
    entities = browser.find_elements("css selector", ".entity:not(.off) > .words")
    return [entity.text for entity in entities]


def test_a_text_is_typed_and_its_entities_are_shown(browser, address):
    browser.get(address)
    wait_for(lambda: browser.find_element("id", "model").text == "words 1.0")
    browser.find_element("id", "text").send_keys(TEXT)
    browser.find_element("id", "predict").click()
    wait_for(lambda: shown(browser) == ["parser", "corpus"])
    (row,) = browser.find_elements("css selector", "tr[data-head]")
    assert "USED-FOR" in row.text


def test_slider_and_boxes_hide_entities_and_their_relations(browser, address):
    predict(browser, address, TEXT)
    browser.execute_script(
        "const s = document.getElementById('score'); s.value = 0.7;"
        "s.dispatchEvent(new Event('input'))"
    )
    assert shown(browser) == ["parser"]
    assert (
        browser.find_element("css selector", "tr[data-head]").get_attribute("class").endswith("off")
    )
    browser.find_element("css selector", "#labels input[value=Method]").click()
    assert shown(browser) == []


def test_a_click_or_a_key_shows_all_scores(browser, address):
    predict(browser, address, TEXT)
    entity = browser.find_element("css selector", ".entity")
    entity.click()
    assert "Method 0.900, Task 0.050" in browser.find_element("id", "details").text
    from selenium.webdriver.common.keys import Keys

    browser.find_elements("css selector", ".entity")[1].send_keys(Keys.ENTER)
    assert "Material 0.600" in browser.find_element("id", "details").text


def test_downloads_hold_what_is_shown(browser, address, downloads):
    predict(browser, address, TEXT)
    browser.find_element("css selector", "#labels input[value=Material]").click()
    for name in ("jsonl", "csv", "brat"):
        browser.find_element("id", name).click()
    files = {"predictions.jsonl", "entities.csv", "brat.zip"}
    wait_for(lambda: files <= {path.name for path in downloads.iterdir()})
    prediction = json.loads((downloads / "predictions.jsonl").read_text())
    assert [entity["text"] for entity in prediction["entities"]] == ["parser"]
    assert prediction["relations"] == []
    lines = (downloads / "entities.csv").read_text().splitlines()
    assert lines == ["document,text,label,score,start,end", ",parser,Method,0.9,11,17"]


def test_the_records_of_a_file_are_shown(browser, address, tmp_path):
    path = tmp_path / "refs.ris"
    path.write_text(
        "TY  - JOUR\nTI  - First\nAB  - A parser.\nER  -\n"
        "TY  - JOUR\nTI  - Second\nER  -\n"
        "TY  - JOUR\nTI  - <b>Third</b>\nAB  - A corpus.\nER  -\n"
    )
    browser.get(address)
    wait_for(lambda: browser.find_element("id", "model").text == "words 1.0")
    browser.find_element("id", "file").send_keys(str(path))
    wait_for(lambda: shown(browser) == ["parser", "corpus"])
    headings = [each.text for each in browser.find_elements("css selector", "article h2")]
    assert headings[0] == "First" and headings[2] == "<b>Third</b>"
    assert "could not be predicted" in browser.find_element("id", "message").text
    # What is no such file is explained.
    path.with_name("picture.png").write_bytes(b"\x89PNG")
    browser.find_element("id", "file").send_keys(str(path.with_name("picture.png")))
    wait_for(lambda: "the format is unknown" in browser.find_element("id", "message").text)


@pytest.mark.parametrize(
    "text",
    [
        '<script>document.title="changed"</script> parser',
        '"><img src=x onerror=document.title="changed"> parser',
        "\u05e9\u05dc\u05d5\u05dd \u202e parser",
        "\N{GRINNING FACE} parser",
        'onload="x" parser',
    ],
)
def test_hostile_text_is_shown_as_text(browser, address, text):
    predict(browser, address, text)
    assert "parser" in shown(browser)
    drawn = browser.execute_script(
        "const t = document.querySelector('#documents .text').cloneNode(true);"
        "t.querySelectorAll('.slot').forEach((s) => s.remove()); return t.textContent"
    )
    assert drawn.strip() == text
    assert browser.title == "Entities in scientific text"
    assert not browser.find_elements("css selector", "#documents script, #documents img")


def test_a_phone_needs_no_sideways_scrolling(browser, address):
    browser.set_window_size(390, 844)
    predict(browser, address, TEXT)
    width = browser.execute_script("return document.documentElement.scrollWidth - innerWidth")
    browser.set_window_size(1200, 900)
    assert width <= 0


def test_the_page_requests_nothing_and_logs_nothing(browser, address):
    browser.get_log("browser"), browser.get_log("performance")
    predict(browser, address, TEXT)
    assert browser.get_log("browser") == []
    requested = requested_addresses(browser)
    assert requested and all(
        url.startswith((address, "about:", "blob:", "data:")) for url in requested
    )
