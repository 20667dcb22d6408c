"""
Drawn documents and options through `sept predict`: no traceback, no wrong offset, no lost line.
Drawn bodies to each address of `sept serve`: it never fails, and answers the next request right.

`make fuzz` draws 100,000 documents, 5,000 sets of options and 5,000 bodies; the suite draws a few.
The same numbers draw the same inputs.
"""

import contextlib
import io
import json
import os
import random
from collections import Counter
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Tuple

import pytest

from sept_runtime.commands import main
from sept_runtime.formats.predictions import prediction_from_json
from sept_runtime.onnx import predictor as onnx_predictor
from sept_runtime.options import PROBABILITY, SWITCH, Decoding, decoding_options

DOCUMENTS = int(os.environ.get("FUZZ_DOCUMENTS", 400))
OPTION_SETS = int(os.environ.get("FUZZ_OPTION_SETS", 100))
BODIES = int(os.environ.get("FUZZ_BODIES", 400))
DOCUMENTS_PER_FILE = 50

FRAGMENTS = (
    "we use parsers for scientific documents . The model ( Smith et al. , 2019 ) reaches 92.4% F1-"
    "score LSTM.[4] BERT:[1] e.g. i.e. Fig. 3 E. coli pv. S. Typhimurium subsp. C++ $O(n^2)$ "
    "\\alpha β ﬁ é e\u0301 naïve 机器学习 日本語。 العربية हाँ। 🧬 👩‍🔬 \U0001d6fc \u200b "
    "\u202e \ufeff \xad "
    "-LRB- -RRB- ... … ? ! — – -- '' `` \" ' ’s n't cannot https://a.b/c?d=e x@y.z \x00 \x1b[31m "
    "\x85 \u2028 \ud800 \udfff \\n <b> &amp; ,,, [12] 1,000 null NaN \t \r \r\n \n\n"
).split(" ")


def draw_text(draw: random.Random) -> str:
    kind = draw.random()
    if kind < 0.05:
        return "".join(chr(draw.randrange(0x110000)) for _ in range(draw.randrange(12)))
    number = draw.randrange(400) if kind < 0.07 else draw.randrange(14)
    pieces = [draw.choice(FRAGMENTS) for _ in range(number)]
    return draw.choice([" ", " ", " ", "", "\n"]).join(pieces)


def draw_words(draw: random.Random) -> List[str]:
    return [draw.choice(FRAGMENTS) for _ in range(draw.randrange(10))]


def draw_value(draw: random.Random, depth: int = 0) -> Any:
    makers: List[Callable[[], Any]] = [
        lambda: None,
        lambda: draw.choice([True, False]),
        lambda: draw.choice([0, -1, 7, 10**400, 2**63]),
        lambda: draw.choice([0.5, -1e308, float("nan"), float("inf")]),
        lambda: draw_text(draw),
        lambda: draw_words(draw),
    ]
    if depth < 3:
        makers += [
            lambda: [draw_value(draw, depth + 1) for _ in range(draw.randrange(4))],
            lambda: {
                draw_text(draw)[:9]: draw_value(draw, depth + 1) for _ in range(draw.randrange(3))
            },
        ]
    return draw.choice(makers)()


def draw_fields(draw: random.Random) -> Dict[str, Any]:
    forms: Dict[str, Callable[[], Any]] = {
        "text": lambda: draw_text(draw),
        "tokens": lambda: draw_words(draw),
        "sentences": lambda: [draw_words(draw) for _ in range(draw.randrange(4))],
    }
    names = draw.choice([["text"], ["text"], ["tokens"], ["sentences"], ["text", "tokens"], []])
    fields = {name: forms[name]() for name in names}
    if draw.random() < 0.5:
        fields[draw.choice(["id", "doc_key", "doc_id", "title"])] = draw_text(draw)[:20]
    if "sentences" in fields and draw.random() < 0.5:
        count = sum(map(len, fields["sentences"]))
        fields["ner"] = [
            [[draw.randrange(count + 1), draw.randrange(count + 1), "Task"]] if count else []
            for _ in fields["sentences"]
        ]
    if draw.random() < 0.2:
        extra = ["text", "tokens", "sentences", "id", "ner", "relations", "entities"]
        extra += ["word_offsets", "predicted_ner", "gold_relations", "format_version", "error"]
        fields[draw.choice(extra)] = draw_value(draw)
    return fields


def draw_line(draw: random.Random) -> bytes:
    kind = draw.random()
    if kind < 0.03:
        line = draw.randbytes(draw.randrange(40))
    elif kind < 0.06:
        line = json.dumps(draw_value(draw)).encode()
    elif kind < 0.09:
        line = json.dumps(draw_fields(draw)).encode()[: draw.randrange(60)]
    else:
        fields = draw_fields(draw)
        line = json.dumps(fields, ensure_ascii=draw.random() < 0.5).encode("utf-8", "replace")
    return line.replace(b"\n", b" ")


@pytest.fixture(scope="module")
def folder(related_model: Path) -> Iterator[Path]:
    """Yield the folder of a model of entities and relations, which is loaded once."""
    loaded = onnx_predictor.ExportedPredictor(related_model, threads=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(onnx_predictor, "ExportedPredictor", lambda *_: loaded)
        yield related_model


def predict(*arguments: Any) -> Tuple[Any, str]:
    """Return the exit status of `sept predict`, or its message, and its output to stderr."""
    error = io.StringIO()
    with contextlib.redirect_stderr(error):
        try:
            main(["predict", *map(str, arguments)])
        except SystemExit as exit:
            return exit.code, error.getvalue()
    return 0, error.getvalue()


def check_output(output: Dict[str, Any], fields: Any) -> None:
    text = output["text"]
    words = [word for sentence in output["sentences"] for word in sentence]
    assert [text[start:end] for start, end in output["word_offsets"]] == words
    if isinstance(fields.get("text"), str) and fields["text"].strip():
        assert text == fields["text"]
    for entity in output["entities"]:
        assert text[entity["start"] : entity["end"]] == entity["text"] != ""
        assert output["word_offsets"][entity["start_word"]][0] == entity["start"]
        assert output["word_offsets"][entity["end_word"]][1] == entity["end"]
        assert 0 <= entity["score"] <= 1
    for relation in output["relations"]:
        assert {relation["head"], relation["tail"]} <= set(range(len(output["entities"])))
    read = prediction_from_json(output)
    assert len(read.predicted_entities) == len(output["entities"])


def test_drawn_documents(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    counts: Counter[str] = Counter()
    faults: List[str] = []
    for seed in range(0, DOCUMENTS, DOCUMENTS_PER_FILE):
        draw = random.Random(seed)
        lines = [draw_line(draw) for _ in range(DOCUMENTS_PER_FILE - 1)]
        # Blank lines at the end would be no documents.
        lines.append(json.dumps({"id": "last", "text": "We train a parser."}).encode())
        source.write_bytes(b"\n".join(lines) + b"\n")
        status, said = predict(source, "--model", folder, "-o", target)
        outputs = [json.loads(line.decode("utf-8")) for line in target.read_bytes().splitlines()]
        assert len(outputs) == len(lines), (seed, status, said)
        failed = sum("error" in output and "text" not in output for output in outputs)
        assert status == int(failed > 0), (seed, status, said)
        assert f"{len(lines)} lines, {len(lines) - failed} annotated, {failed} failed" in said
        for number, (line, output) in enumerate(zip(lines, outputs), start=1):
            counts["documents"] += 1
            if "error" in output and "text" not in output:
                assert output["line"] == number and output["error"], (seed, number)
            else:
                counts["annotated"] += 1
                counts["entities"] += len(output["entities"])
                counts["relations"] += len(output["relations"])
                try:
                    check_output(output, json.loads(line.decode("utf-8-sig")))
                except Exception as error:
                    faults.append(f"seed {seed}, line {number}: {error!r}")
    assert faults == []
    assert counts["annotated"] > DOCUMENTS / 4 and counts["entities"] and counts["relations"]
    with capsys.disabled():
        print("\n", dict(counts))


VALUES = [
    "0",
    "1",
    ".5",
    "0.95",
    "1e-3",
    "2",
    "-1",
    "1.5",
    "nan",
    "inf",
    "-inf",
    "",
    " ",
    "x",
    "５",
]
VALUES += ["true", "false", "[]", "1_0", "0x1", "9" * 400, "--flat", "\ud800", "1,5", "None", "-0"]


def draw_options(draw: random.Random) -> List[str]:
    arguments: List[str] = []
    for name, option in decoding_options().items():
        if draw.random() < 0.25:
            flag = f"--{name.replace('_', '-')}"
            if option.metadata["kind"] is SWITCH:
                arguments.append(
                    draw.choice([flag, f"--no-{name}", f"{flag}={draw.choice(VALUES)}"])
                )
            else:
                good = ["0", "1", ".25", "0.9"] if option.metadata["kind"] is PROBABILITY else ["2"]
                arguments.append(f"{flag}={draw.choice([*good * 20, *VALUES])}")
    if draw.random() < 0.3:
        names = [*decoding_options(), "min_scor", "FLAT", "", "precision", "changed", "__class__"]
        values = [True, False, 0, 1, 0.5, 0.9, None, "false", "0.5", [], {}, -1, 2, 10**400, 1e300]
        options = {draw.choice(names): draw.choice(values) for _ in range(draw.randrange(3))}
        text = json.dumps(options)
        damaged = [text[:-1], "[1]", "null", "", "NaN", '{"min_score": NaN}', "[" * 9999]
        arguments.append(f"--predictor-args={draw.choice([text] * 9 + damaged)}")
    if draw.random() < 0.1:
        name = draw.choice(["--batch-size", "--threads", "--min-scor", "--color", "--mod", "--te"])
        arguments.append(f"{name}={draw.choice(VALUES)}")
    return arguments


def check_options(output: Dict[str, Any], arguments: List[str]) -> None:
    given = dict(argument.split("=", 1) for argument in arguments if "=" in argument)
    scores = [entity["score"] for entity in output["entities"]]
    if "--min-score" in given:
        assert all(score >= float(given["--min-score"]) for score in scores)
    if "--min-relation-score" in given:
        limit = float(given["--min-relation-score"])
        assert all(relation["score"] >= limit for relation in output["relations"])
    if "--top-labels" in given:
        number = int(given["--top-labels"])
        assert all(len(entity.get("labels", [])) <= number for entity in output["entities"])
    if "--flat" in arguments:
        ends = [(entity["start_word"], entity["end_word"]) for entity in output["entities"]]
        assert all(end < start for (_, end), (start, _) in zip(ends, ends[1:]))


def test_drawn_options(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    texts = ["We train a small model on a corpus of documents for parsing.", "It works."]
    source.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    counts: Counter[str] = Counter()
    for seed in range(OPTION_SETS):
        arguments = draw_options(random.Random(seed))
        target.unlink(missing_ok=True)
        status, said = predict(source, "--model", folder, "-o", target, *arguments)
        counts["option sets"] += 1
        if status == 0:
            counts["accepted"] += 1
            outputs = [json.loads(line) for line in target.read_text().splitlines()]
            assert [output["text"] for output in outputs] == texts, (seed, arguments)
            for output in outputs:
                check_options(output, arguments)
        else:
            counts["refused"] += 1
            message = said.splitlines()[-1] if status == 2 else str(status)
            assert message.startswith("sept predict: "), (seed, arguments, status, said)
            assert "Traceback" not in message and "\n" not in message
            assert not target.exists()
    assert counts["accepted"] and counts["refused"]
    with capsys.disabled():
        print("\n", dict(counts))


def draw_body(draw: random.Random) -> bytes:
    kind = draw.random()
    if kind < 0.4:
        return draw_line(draw)
    values = [draw_fields(draw) for _ in range(draw.randrange(4))]
    if kind < 0.5:
        return b"\n".join(draw_line(draw) for _ in range(draw.randrange(5)))
    if kind < 0.6:
        return json.dumps(values).encode()
    if kind < 0.7:
        return json.dumps([*values, draw_value(draw)]).encode()
    labels = "<Label value='Task'/><Label value='&lt;'/>"
    config = (
        f"<View><Labels name='l' toName='t'>{labels}</Labels><Text name='t' value='$text'/></View>"
    )
    fields = {
        "tasks": [{"id": draw_value(draw, 2), "data": value} for value in values],
        "label_config": draw.choice([config, config, config[:40], draw_text(draw)]),
        "document": {"xmi": draw.choice(["<xmi:XMI/>", draw_text(draw)])},
        "metadata": draw_value(draw),
        "action": draw_value(draw),
        "params": draw_value(draw),
    }
    for name in list(fields):
        if draw.random() < 0.15:
            fields[name] = draw_value(draw)
        elif draw.random() < 0.1:
            del fields[name]
    return json.dumps(fields).encode()


ADDRESSES = [
    "/predict",
    "/predict?min_score=0.3&flat=true",
    "/predict/stream",
    "/predict/file",
    "/page/predict",
    "/page/file",
    "/page/brat",
    "/label-studio/predict",
    "/label-studio/setup",
    "/webhook",
    "/inception/predict",
]


@pytest.mark.filterwarnings("ignore:Using `httpx` with")
def test_drawn_bodies(folder: Path, capsys: pytest.CaptureFixture) -> None:
    testclient = pytest.importorskip("starlette.testclient")
    app = pytest.importorskip("sept_runtime.serving.app")
    predictor = onnx_predictor.ExportedPredictor(folder)
    served = app.make_app(app.ServedModel(predictor, Decoding(), "drawn", "1.0"))
    counts: Counter[str] = Counter()
    good = {"text": "We train a parser."}
    with testclient.TestClient(served, "http://localhost", raise_server_exceptions=False) as client:
        expected = client.post("/predict", json=good).json()
        for seed in range(BODIES):
            draw = random.Random(seed)
            address, body = draw.choice(ADDRESSES), draw_body(draw)
            answer = client.post(address, content=body)
            counts[f"status {answer.status_code}"] += 1
            # INCEpTION's protocol is an extra.
            assert answer.status_code < 500 or answer.status_code == 501, (seed, address, body)
            if answer.status_code >= 400:
                assert answer.json()["error"], (seed, address, body)
            elif address.startswith("/predict?") or address == "/predict":
                check_answers(json.loads(body.decode("utf-8-sig")), answer.json(), (seed, body))
            if seed % 10 == 0:
                assert client.post("/predict", json=good).json() == expected, (seed, address, body)
    assert counts["status 200"] > BODIES / 10 and counts["status 422"] > BODIES / 10
    with capsys.disabled():
        print("\n", dict(counts))


def check_answers(asked: Any, answers: Any, where: Any) -> None:
    if "results" in answers:
        assert len(answers["results"]) == len(asked["tasks"]), where
        return
    if not isinstance(asked, list):
        asked, answers = [asked], [answers]
    assert len(answers) == len(asked), where
    for fields, output in zip(asked, answers):
        if "error" not in output or "text" in output:
            check_output(output, fields)
