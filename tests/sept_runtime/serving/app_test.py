import asyncio
import base64
import gzip
import io
import json
import threading
import zipfile
from pathlib import Path
from typing import Any, Iterator, List, Optional, Sequence

import pytest

from sept_runtime.documents import Document, Prediction
from sept_runtime.formats.records import open_records
from sept_runtime.inference.json_lines import Request, predict_requests
from sept_runtime.options import Decoding
from sept_runtime.serving.app import ServedModel, make_app
from sept_runtime.serving.limits import Limits
from sept_runtime.serving.queue import PredictionQueue, QueueFullError
from tests.sept_runtime.word_predictor import NeighborPredictor, WordPredictor

pytestmark = pytest.mark.filterwarnings("ignore:Using `httpx` with")
testclient = pytest.importorskip("starlette.testclient")

TEXT = "We train a parser on a corpus."


class FailingPredictor(WordPredictor):
    """Fails where a document has the word "poison"."""

    def predict_batch(self, documents: Sequence[Document], decoding: Decoding) -> List[Prediction]:
        if any("poison" in document.words for document in documents):
            raise ValueError("this document cannot be encoded")
        return super().predict_batch(documents, decoding)


class StalledPredictor(WordPredictor):
    """Computes nothing before it is released."""

    def __init__(self) -> None:
        super().__init__()
        self.entered, self.released = threading.Event(), threading.Event()

    def predict_batch(self, documents: Sequence[Document], decoding: Decoding) -> List[Prediction]:
        self.entered.set()
        assert self.released.wait(60)
        return super().predict_batch(documents, decoding)


def client(predictor: Any = None, limits: Optional[Limits] = None, **options: Any) -> Any:
    model = ServedModel(predictor or FailingPredictor(), Decoding(), "words", "1.0")
    app = make_app(model, limits, **options)
    return testclient.TestClient(app, base_url="http://localhost", raise_server_exceptions=False)


@pytest.fixture(scope="module")
def served() -> Iterator[Any]:
    with client() as connected:
        yield connected


def found(output: Any) -> List[str]:
    return [entity["text"] for entity in output["entities"]]


def test_an_object_gives_an_object_and_a_list_gives_a_list(served):
    one = served.post("/predict", json={"id": "a", "text": TEXT})
    assert one.status_code == 200
    assert (found(one.json()), one.json()["id"]) == (["parser", "corpus"], "a")
    many = served.post("/predict", json=[{"text": TEXT}, {"text": "No corpus."}, {"txt": "?"}])
    first, second, third = many.json()
    assert (many.status_code, found(first), found(second)) == (
        200,
        ["parser", "corpus"],
        ["corpus"],
    )
    assert "error" in third


@pytest.mark.parametrize(
    "body, reason",
    [
        (b"{", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"", "not JSON"),
        (b'{"text": 1}', "'text'"),
        (b"[" * 100_000, "not JSON"),
        (b'"text"', "object"),
    ],
)
def test_a_body_that_is_not_a_document_is_refused_with_the_reason(served, body, reason):
    answer = served.post("/predict", content=body)
    assert answer.status_code == 422
    assert reason in answer.json()["error"]


def test_a_document_that_the_model_cannot_process_fails_alone(served):
    good, bad, also_good = served.post(
        "/predict", json=[{"text": TEXT}, {"text": "poison"}, {"text": TEXT}]
    ).json()
    assert found(good) == found(also_good) == ["parser", "corpus"]
    assert bad["error"] == "this document cannot be encoded"


def test_options_are_checked(served):
    assert found(served.post("/predict?min_score=0.6", json={"text": TEXT}).json()) == ["corpus"]
    for query, reason in (
        ("min_scor=0.5", "min_score"),
        ("min_score=high", "'high'"),
        ("min_score=2", "between 0 and 1"),
        ("flat=maybe", "'maybe'"),
    ):
        answer = served.post(f"/predict?{query}", json={"text": TEXT})
        assert answer.status_code == 422 and reason in answer.json()["error"]


def test_limits_refuse_with_a_reason():
    limits = Limits(max_body_bytes=1000, max_documents=2, max_words=5)
    with client(limits=limits) as limited:
        large = limited.post("/predict", json={"text": "x " * 600})
        assert (large.status_code, "1000" in large.json()["error"]) == (413, True)
        many = limited.post("/predict", json=[{"text": "a"}] * 3)
        assert (many.status_code, "3 documents" in many.json()["error"]) == (413, True)
        (long,) = limited.post("/predict", json=[{"text": "a b c d e f"}]).json()
        assert "6 words" in long["error"]
        assert limited.post("/predict", json={"text": "a parser"}).status_code == 200


def test_a_full_queue_refuses_at_once_and_recovers():
    predictor = StalledPredictor()
    with client(predictor, Limits(max_queued=2)) as busy:
        answers: List[Any] = []

        def post_two() -> None:
            answers.append(busy.post("/predict", json=[{"text": TEXT}] * 2))

        waiting = threading.Thread(target=post_two)
        waiting.start()
        assert predictor.entered.wait(60)
        refused = busy.post("/predict", json={"text": TEXT})
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        predictor.released.set()
        waiting.join(60)
        assert [answer.status_code for answer in answers] == [200]
        assert busy.post("/predict", json={"text": TEXT}).status_code == 200


def test_a_request_that_takes_too_long_is_answered():
    predictor = StalledPredictor()
    with client(predictor, Limits(request_seconds=0.1)) as slow:
        answer = slow.post("/predict", json={"text": TEXT})
        predictor.released.set()
    assert answer.status_code == 503 and "0.1 seconds" in answer.json()["error"]


def test_waiting_documents_share_a_batch_and_cancelled_ones_are_left_out():
    predictor = StalledPredictor()

    async def run() -> List[Any]:
        queue = PredictionQueue(predictor, max_documents=4)
        computing = asyncio.create_task(queue.run())
        documents = [Document(str(n), [["a", "parser"]]) for n in range(4)]
        first = asyncio.create_task(queue.predict(documents[:1], Decoding()))
        while not predictor.entered.is_set():
            await asyncio.sleep(0.01)
        rest = [asyncio.create_task(queue.predict([each], Decoding())) for each in documents[1:]]
        await asyncio.sleep(0)
        with pytest.raises(QueueFullError):
            await queue.predict(documents[:1], Decoding())
        rest[0].cancel()
        await asyncio.sleep(0)
        predictor.released.set()
        results = await asyncio.gather(first, *rest[1:])
        computing.cancel()
        assert queue.num_documents == 0
        return results

    results = asyncio.run(run())
    assert [[len(each.entities) for each in outcomes] for outcomes in results] == [[1], [1], [1]]
    # One alone, then two of the three that waited.
    assert predictor.batches == [[2], [2, 2]]


def test_a_stream_answers_each_line_in_order(served):
    lines = [{"id": str(n), "text": TEXT if n % 2 else "Nothing."} for n in range(100)]
    body = b"\n".join(json.dumps(line).encode() for line in lines) + b"\n{\n\n{\n"
    answer = served.post("/predict/stream", content=body)
    outputs = [json.loads(line) for line in answer.text.splitlines()]
    assert [output["id"] for output in outputs[:100]] == [str(n) for n in range(100)]
    assert [len(output["entities"]) for output in outputs[:4]] == [0, 2, 0, 2]
    assert [output["line"] for output in outputs[100:]] == [101, 102, 103]


def test_a_stream_with_a_line_over_the_limit_ends_with_an_error():
    with client(limits=Limits(max_body_bytes=100)) as limited:
        body = json.dumps({"text": "a parser"}).encode() + b"\n" + b"x" * 200
        outputs = limited.post("/predict/stream", content=body).text.splitlines()
    assert found(json.loads(outputs[0])) == ["parser"]
    assert json.loads(outputs[1]) == {"error": "a line has more than 100 bytes", "line": 2}


def test_foreign_host_names_are_refused():
    with client(allowed_hosts=["sept.example.org"]) as guarded:
        for host, status in (
            ("localhost:8000", 200),
            ("127.0.0.1:8000", 200),
            ("[::1]:8000", 200),
            ("sept.example.org", 200),
            ("attacker.example.net", 421),
        ):
            assert guarded.get("/health", headers={"host": host}).status_code == status


def test_a_token_is_accepted_as_bearer_or_basic():
    basic = base64.b64encode(b"anyone:secret").decode()
    with client(token="secret") as guarded:
        assert guarded.get("/health").status_code == 401
        for value, status in (
            ("Bearer secret", 200),
            (f"Basic {basic}", 200),
            ("Bearer wrong", 401),
            ("Basic !", 401),
        ):
            answer = guarded.get("/health", headers={"authorization": value})
            assert answer.status_code == status


def test_pages_of_other_origins_may_call_only_where_allowed(served):
    origin = {"origin": "https://example.org"}
    assert "access-control-allow-origin" not in served.get("/health", headers=origin).headers
    with client(cors_origins=["https://example.org"]) as open_to_one:
        allowed = open_to_one.get("/health", headers=origin)
        assert allowed.headers["access-control-allow-origin"] == "https://example.org"


def test_the_page_is_self_contained(served):
    page = served.get("/", headers={"accept": "text/html"})
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "script-src 'self'" in policy
    assert "//" not in page.text
    assert served.get("/page.js").headers["content-type"].startswith("text/javascript")
    assert ".type0 {" in served.get("/page.css").text


def test_hostile_text_is_drawn_as_text(served):
    hostile = '<script>alert(1)</script> "parser" onload=x'
    (drawn,) = served.post("/page/predict", json=[{"text": hostile}]).json()
    assert drawn["prediction"]["text"] == hostile
    assert "<script" not in drawn["html"] and "&lt;script&gt;" in drawn["html"]


def test_predictions_are_downloaded_as_brat_files(served):
    predictions = served.post("/predict", json=[{"id": "a", "text": TEXT}]).json()
    answer = served.post("/page/brat", json=predictions)
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.read("brat/a.txt").decode().startswith(TEXT)
        assert "T1\tThing 11 17\tparser" in archive.read("brat/a.ann").decode()
    assert served.post("/page/brat", json=[{"text": 1}]).status_code == 422


def test_the_server_describes_itself(served):
    assert served.get("/model").json()["labels"] == ["Thing"]
    assert served.get("/health").json()["status"] == "UP"
    metrics = served.get("/metrics").text
    assert "# TYPE sept_documents_total counter" in metrics
    assert "sept_queued_documents 0" in metrics
    description = served.get("/openapi.json").json()
    assert "/predict" in description["paths"] and description["openapi"].startswith("3.1")
    assert served.get("/nowhere").status_code == 404
    assert served.get("/predict").status_code == 405


CONFIG = """<View><Labels name="ner" toName="doc"><Label value="Thing"/></Labels>
<Text name="doc" value="$abstract"/></View>"""


def test_label_studio_gets_spans_and_relations():
    text = "A \N{GRINNING FACE} parser, a corpus."
    body = {"tasks": [{"id": 1, "data": {"abstract": text}}], "label_config": CONFIG}
    with client(NeighborPredictor()) as connected:
        assert connected.get("/").json()["status"] == "UP"
        setup = connected.post("/setup", json={"project": "1", "schema": CONFIG}).json()
        assert setup == {"model_version": "words-1.0"}
        for path in ("/predict", "/label-studio/predict"):
            (prediction,) = connected.post(path, json=body).json()["results"]
            first, second, relation = prediction["result"]
            # Characters are code points: the face is one.
            assert first == {
                "id": "e0",
                "from_name": "ner",
                "to_name": "doc",
                "type": "labels",
                "score": 0.5,
                "value": {"start": 4, "end": 10, "text": "parser", "labels": ["Thing"]},
            }
            assert second["value"]["start"] == text.index("corpus")
            assert relation == {
                "type": "relation",
                "from_id": "e0",
                "to_id": "e1",
                "direction": "right",
                "labels": ["BEFORE"],
            }
            assert prediction["score"] == (0.5 + 0.75) / 2
            assert prediction["model_version"] == "words-1.0"


@pytest.mark.parametrize(
    "config, reason",
    [
        ("", "missing"),
        ("<View>", "not valid XML"),
        ("<View/>", "<Labels>"),
        ('<!DOCTYPE v [<!ENTITY a "b">]><View>&a;</View>', "DOCTYPE"),
    ],
)
def test_a_labeling_configuration_that_cannot_be_used_is_explained(served, config, reason):
    body = {"tasks": [{"data": {"abstract": TEXT}}], "label_config": config}
    answer = served.post("/label-studio/predict", json=body)
    assert answer.status_code == 422 and reason in answer.json()["error"]


def test_events_of_label_studio_are_acknowledged(served):
    known = [("ANNOTATION_CREATED", 201), ("START_TRAINING", 201)]
    for action, status in (*known, ("OTHER", 200), (["ANNOTATION_CREATED"], 200)):
        assert served.post("/webhook", json={"action": action}).status_code == status


RIS = b"TY  - JOUR\nID  - one\nTI  - A parser\nAB  - We build a corpus.\nPY  - 2021\nER  -\n"
CSV = b"id,abstract,year\n1,A parser.,2020\n2,,2021\n3,A corpus.,2022\n"
FILES = {
    "refs.ris": RIS,
    "refs.nbib": b"PMID- 1\nTI  - A title\nAB  - A parser\n      and a corpus.\n",
    "refs.bib": b"@article{one, title = {A}, abstract = {A parser.}}",
    "export.csv": CSV,
    "export.csv.gz": gzip.compress(CSV, mtime=0),
    "pubmed.xml": b"<PubmedArticleSet><PubmedArticle><PMID>1</PMID><Abstract>"
    b"<AbstractText>A parser.</AbstractText></Abstract></PubmedArticle></PubmedArticleSet>",
    "paper.tei.xml": b"<TEI><teiHeader><abstract><p>A parser.</p></abstract></teiHeader></TEI>",
    "array.json": b'[{"text": "A parser."}, {"text": "A corpus."}]',
    "lines.jsonl": b'{"text": "A parser."}\n{"text": "A corpus."}\n',
    "notes.txt": b"A parser.",
}


def lines_of(answer: Any) -> List[Any]:
    assert answer.status_code == 200, answer.text
    return [json.loads(line) for line in answer.text.splitlines()]


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_answered_record_by_record_as_by_predict(served, name, tmp_path):
    if name.endswith(".bib"):
        pytest.importorskip("bibtexparser")
    (tmp_path / name).write_bytes(FILES[name])
    with open_records(str(tmp_path / name)) as file:
        requests = [
            Request.from_record(record._replace(origin=Path(record.origin).name))
            for record in file.records
        ]
    expected = list(predict_requests(FailingPredictor(), requests, Decoding()))
    answers = lines_of(served.post(f"/predict/file?name={name}", content=FILES[name]))
    assert answers == json.loads(json.dumps(expected))
    assert any(answer.get("entities") for answer in answers)


def test_a_record_without_a_text_is_an_error_with_its_line(served):
    first, second, third = lines_of(
        served.post("/predict/file?keep=year", content=CSV, headers={"content-type": "text/csv"})
    )
    assert (found(first), first["year"]) == (["parser"], "2020")
    assert "id, year" in second["error"] and second["line"] == 3
    assert (found(third), third["id"]) == (["corpus"], "3")


def test_fields_of_a_file_are_parameters(served):
    content = b"nr;body;name\n7;A corpus.;The parser\n"
    query = "format=csv&text_field=body&id_field=nr&title_field=name&with_title=true&keep=nr,name"
    (answer,) = lines_of(served.post(f"/predict/file?{query}&min_score=0.6", content=content))
    assert (answer["id"], answer["name"]) == ("7", "The parser")
    assert answer["text"] == "The parser\n\nA corpus."
    assert [(each["text"], each["field"]) for each in answer["entities"]] == [("corpus", "text")]
    content = b"nr;body\n7;A corpus.\n"
    (answer,) = lines_of(served.post("/predict/file?format=csv", content=content))
    assert answer["error"].endswith(": nr, body; did you mean text_field=body?")
    many = served.post("/predict/file?name=a.txt&one_per_line=true", content=b"A parser.\nNo.\n")
    assert [answer["id"] for answer in lines_of(many)] == ["a-1", "a-2"]


@pytest.mark.parametrize(
    "query, content, reason",
    [
        ("", b"\x89PNG\r\n\x1a\n\x00\x00", "the format is unknown or not accepted here"),
        ("", b"", "the format is unknown"),
        ("name=a.parquet", b"PAR1", "the format is unknown or not accepted here"),
        ("format=parquet", b"PAR1", "format must be one of jsonl, json, csv"),
        ("format=pubmed", b"no XML", "not valid XML"),
        ("name=a.xml", b"<PubmedArticleSet><Pubmed", "not valid XML"),
        ("format=json", b"[" * 100_000, "not valid JSON"),
        ("format=json", b"7", "expected a list of objects"),
        ("name=a.csv.gz", gzip.compress(CSV, mtime=0)[:-9], "the file is damaged"),
        ("name=a.csv", gzip.compress(b"a" * 2_000_001), "the content has more than 2000000 bytes"),
        ("with_title=maybe", RIS, "with_title must be true or false, got 'maybe'"),
        ("color=red", RIS, "unknown option 'color'"),
    ],
)
def test_other_files_than_records_are_refused(query, content, reason):
    with client(limits=Limits(max_body_bytes=2_000_000)) as served:
        answer = served.post(f"/predict/file?{query}", content=content)
        assert (answer.status_code, reason in answer.json()["error"]) == (422, True), answer.text


def test_records_before_the_damage_are_answered(served):
    whole = b"<PubmedArticleSet><PubmedArticle><Abstract><AbstractText>A parser."
    whole += b"</AbstractText></Abstract></PubmedArticle>"
    for damage in (b"<Pubmed", b"</wrong>"):
        first, last = lines_of(served.post("/predict/file?name=a.xml", content=whole + damage))
        assert found(first) == ["parser"]
        assert "not valid XML" in last["error"] and last["line"] == 2


BOMB = b'<!DOCTYPE a [<!ENTITY b "%s"><!ENTITY c "%s"><!ENTITY d "%s"><!ENTITY e "%s">]>' % (
    b"parser " * 1_000,
    b"&b;" * 1_000,
    b"&c;" * 1_000,
    b"&d;" * 1_000,
)
HOSTILE = {
    "bomb.xml": BOMB + b"<PubmedArticle><AbstractText>&e;</AbstractText></PubmedArticle>",
    "entity.xml": b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
    b"<PubmedArticle><Abstract><AbstractText>&x; parser</AbstractText></Abstract></PubmedArticle>",
    "deep.xml": b"<PubmedArticle>" + b"<a>" * 200_000,
    "deep.json": b'[{"text": ' + b"[" * 200_000,
    "deep.tei": b"<TEI>" * 200_000,
    "quotes.csv": b'id,text\n1,"' + b"x" * 1_000_000,
    "nul.csv": b"id,text\n\x00,\x00\n",
    "nan.json": b'[{"text": NaN}]',
    "surrogate.json": b'[{"text": "A \\ud800 parser", "id": "\\ud800"}]',
    "types.json": b'[1, null, {"text": {"a": 1}}, {"text": [1]}, {"abstract": true}, {"id": {}}]',
    "braces.bib": b"@article{" + b"{" * 2_000,
    "entries.bib": b"@a{" * 2_000,
    "tags.ris": b"TY  - \n" * 1_000,
    "latin.txt": b"A parser \xe9\x81",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_no_file_makes_the_server_fail(served, name):
    for path in ("/predict/file", "/page/file"):
        answer = served.post(f"{path}?name={name}", content=HOSTILE[name])
        assert answer.status_code in (200, 422), answer.text[:500]
        assert "root:" not in answer.text
        for line in answer.text.splitlines():
            assert isinstance(json.loads(line), dict)
    assert found(served.post("/predict", json={"text": TEXT}).json()) == ["parser", "corpus"]


def test_a_page_gets_the_drawings_of_a_file_up_to_a_limit():
    content = b"".join(b'{"text": "A parser %d."}\n' % number for number in range(70))
    with client(limits=Limits(max_documents=65)) as served:
        *drawn, last = lines_of(served.post("/page/file?name=a.jsonl", content=content))
        assert len(drawn) == 65
        assert all("parser" in each["html"] and each["prediction"]["entities"] for each in drawn)
        assert last["error"] == "the rest is left out: only 65 documents are accepted"
        assert len(lines_of(served.post("/predict/file?name=a.jsonl", content=content))) == 70


def test_words_and_bytes_of_a_file_are_limited():
    with client(limits=Limits(max_body_bytes=100, max_words=3)) as served:
        answer = served.post("/predict/file?name=a.txt", content=b"x" * 101)
        assert answer.status_code == 413
        (line,) = lines_of(served.post("/predict/file?name=a.txt", content=b"A parser is long"))
        assert line["error"] == "the document has 4 words; at most 3 are accepted"
        assert line["line"] == 1
