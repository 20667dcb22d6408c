"""INCEpTION's external recommender."""

from typing import Any, Dict, Iterator

import pytest

from sept_runtime.options import Decoding
from sept_runtime.serving.app import ServedModel, make_app
from tests.sept_runtime.word_predictor import WordPredictor

cassis = pytest.importorskip("cassis")
testclient = pytest.importorskip("starlette.testclient")
pytestmark = pytest.mark.filterwarnings("ignore:Using `httpx` with")

LAYER = "custom.Entity"
TEXT = "A \N{GRINNING FACE} parser."


@pytest.fixture(scope="module")
def served() -> Iterator[Any]:
    app = make_app(ServedModel(WordPredictor(), Decoding(), "words", "1.0"))
    with testclient.TestClient(app, base_url="http://localhost") as connected:
        yield connected


def request(xmi: str = "", types: str = "") -> Dict[str, Any]:
    system = cassis.TypeSystem()
    layer = system.create_type(name=LAYER, supertypeName="uima.tcas.Annotation")
    for name, kind in (
        ("value", "uima.cas.String"),
        ("value_score", "uima.cas.Double"),
        ("inception_internal_predicted", "uima.cas.Boolean"),
    ):
        system.create_feature(domainType=layer, name=name, rangeType=kind)
    cas = cassis.Cas(typesystem=system)
    cas.sofa_string, cas.sofa_mime = TEXT, "text/plain"
    return {
        "metadata": {"layer": LAYER, "feature": "value"},
        "document": {"xmi": xmi or cas.to_xmi()},
        "typeSystem": types or system.to_xml(),
    }


def test_entities_are_annotations_of_the_layer(served):
    asked = request()
    answer = served.post("/inception/predict", json=asked)
    assert answer.status_code == 200
    types = cassis.load_typesystem(asked["typeSystem"])
    cas = cassis.load_cas_from_xmi(answer.json()["document"], typesystem=types)
    (found,) = cas.select(LAYER)
    assert (found.get_covered_text(), found.value, found.value_score) == ("parser", "Thing", 0.5)
    assert found.inception_internal_predicted


@pytest.mark.parametrize(
    "body, reason",
    [
        ({}, "'metadata'"),
        (request(xmi="<"), "not valid CAS XMI"),
        (request(xmi='<!DOCTYPE x [<!ENTITY e "e">]><x>&e;</x>'), "DOCTYPE"),
        (request(types='<!DOCTYPE x SYSTEM "file:///etc/passwd"><x/>'), "DOCTYPE"),
        ({**request(), "metadata": {"layer": "no.Layer", "feature": "value"}}, "no.Layer"),
        ({**request(), "typeSystem": 1}, "must be strings"),
    ],
)
def test_an_object_that_is_not_a_document_is_refused_in_one_line(served, body, reason):
    answer = served.post("/inception/predict", json=body)
    assert answer.status_code == 422
    assert reason in answer.json()["error"] and "\n" not in answer.json()["error"]
