"""The page of 'sept report' in a real browser."""

import json
from typing import Any, Iterator, List

import pytest

from sept_runtime.views.report.report import render_report
from tests.browser import needs_browser, requested_addresses, start_browser

pytest.importorskip("selenium")
pytestmark = needs_browser


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a report over 60 documents, each with a name of its own and a common one."""
    folder = tmp_path_factory.mktemp("report")
    lines = [
        {
            "id": f"paper {number}",
            "year": 2000 + number % 3,
            "sentences": [["The", "parser", "reads", f"corpus-{number:02}", "<b>", "."]],
            "entities": [
                {"start_word": 1, "end_word": 1, "label": "Method", "score": 0.5},
                {"start_word": 3, "end_word": 3, "label": "Material", "score": 0.5},
            ],
        }
        for number in range(60)
    ]
    (folder / "out.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    page = folder / "report.html"
    page.write_text(render_report(str(folder / "out.jsonl"), "year"), encoding="utf-8")
    return page.as_uri()


@pytest.fixture(scope="module")
def started() -> Iterator[Any]:
    driver = start_browser()
    yield driver
    driver.quit()


@pytest.fixture
def browser(started: Any, page: str) -> Any:
    started.set_window_size(1200, 900)
    started.get(page)
    return started


def names(browser: Any) -> List[str]:
    return [each.text for each in browser.find_elements("css selector", "#entities tbody button")]


def test_entities_are_searched_and_filtered_by_label(browser: Any) -> None:
    assert names(browser)[:2] == ["parser", "corpus-00"] and len(names(browser)) == 50
    browser.find_element("id", "more").click()
    assert len(names(browser)) == 61 and not browser.find_element("id", "more").is_displayed()
    browser.find_element("id", "search").send_keys("CORPUS-1")
    assert names(browser) == [f"corpus-{number}" for number in range(10, 20)]
    assert browser.find_element("id", "found").text == "10 of 61 entities"
    method, _ = browser.find_elements("css selector", "#labels button")
    method.click()
    assert (method.text, names(browser)) == ("Method", [])


def test_a_name_shows_its_sentences_below_it_and_hides_them(browser: Any) -> None:
    button = browser.find_element("css selector", "#entities tbody button")
    button.click()
    rows = browser.find_elements("css selector", "#entities tbody tr")
    sentences = [each.text for each in rows[1].find_elements("css selector", "p")]
    assert len(sentences) == 10
    assert sentences[0] == "The parser reads corpus-00 <b> . paper 0, 2000"
    assert rows[1].find_element("css selector", "mark").text == "parser"
    assert browser.execute_script("return scrollY") == 0
    button.click()
    assert not browser.find_elements("css selector", ".sentences")


def test_a_phone_needs_no_sideways_scrolling_and_breaks_no_number(browser: Any) -> None:
    browser.set_window_size(390, 844)
    browser.find_element("css selector", "#entities tbody button").click()
    # Headless Chromium may not make a window as narrow as that.
    width = browser.execute_script("return document.documentElement.scrollWidth - innerWidth")
    assert width <= 0
    heights = {
        each.size["height"]
        for each in browser.find_elements("css selector", "#entities tbody td.number")
        if each.is_displayed()
    }
    assert len(heights) == 1


def test_the_report_requests_nothing_and_logs_nothing(browser: Any, page: str) -> None:
    assert browser.get_log("browser") == []
    requested = requested_addresses(browser)
    assert requested and {*requested} == {page}
