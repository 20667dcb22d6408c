"""The protocol between Label Studio and a machine learning backend."""

import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from typing import Any, List, NamedTuple, Optional, Sequence

from sept_runtime.documents import DocumentError
from sept_runtime.formats.exchange import CharacterDocument
from sept_runtime.formats.exchange.label_studio import mean_score, results
from sept_runtime.formats.json_lines import JsonObject
from sept_runtime.serving.limits import refuse_declarations
from sept_runtime.version import VERSION

EVENTS = frozenset(
    {"ANNOTATION_CREATED", "ANNOTATION_UPDATED", "ANNOTATION_DELETED", "START_TRAINING"}
)
"""The events of a webhook that are acknowledged with 201."""


class LabelingConfig(NamedTuple):
    """
    What a labeling configuration says about spans of text.

    # Parameters

    from_name : `str`
        The name of the `Labels` tag.
    to_name : `str`
        The name of the `Text` tag.
    field : `str`
        The field of a task's data that holds the text.
    labels : `Sequence[str]`
        The labels that the project offers.
    """

    from_name: str
    to_name: str
    field: str
    labels: Sequence[str]


class LabelStudioRequest(NamedTuple):
    """The tasks to predict: the project's configuration, and per task its prediction input."""

    config: LabelingConfig
    inputs: List[JsonObject]


def status() -> JsonObject:
    """Return what Label Studio asks of a backend that is up."""
    return {"status": "UP", "model_class": "sept", "version": VERSION}


def read_config(xml: str) -> LabelingConfig:
    """
    Read a labeling configuration.

    # Raises

    `DocumentError` if it is not XML, declares entities, or has no `Labels` tag for a `Text` tag.
    """
    refuse_declarations("label_config", xml)
    try:
        root = ElementTree.fromstring(xml)
    except (ElementTree.ParseError, ValueError) as error:
        raise DocumentError(f"label_config is not valid XML: {error}") from None
    texts = {
        tag.get("name"): tag.get("value", "")
        for tag in root.iter()
        if tag.tag in ("Text", "HyperText")
    }
    for tag in root.iter("Labels"):
        name, to_name = tag.get("name"), tag.get("toName")
        if name and to_name in texts and to_name is not None:
            value = texts[to_name]
            if not value.startswith("$") or len(value) < 2:
                raise DocumentError(f"label_config: the text's value {value!r} must be '$FIELD'")
            labels = [label.get("value", "") for label in tag.iter("Label")]
            return LabelingConfig(name, to_name, value[1:], labels)
    raise DocumentError("label_config: no <Labels> tag refers to a <Text> tag")


def read_request(body: Any) -> LabelStudioRequest:
    """
    Read the body of `POST /predict`.

    # Raises

    `DocumentError` if tasks or configuration are missing or invalid.
    """
    if not isinstance(body, dict) or not isinstance(body.get("tasks"), list):
        raise DocumentError("expected an object with a list of 'tasks'")
    xml = body.get("label_config")
    if not isinstance(xml, str) or not xml.strip():
        raise DocumentError("'label_config' is missing")
    config = read_config(xml)
    inputs: List[JsonObject] = []
    for number, task in enumerate(body["tasks"], start=1):
        data = task.get("data") if isinstance(task, dict) else None
        if not isinstance(data, dict):
            raise DocumentError(f"task {number}: 'data' must be an object")
        inputs.append({"text": data.get(config.field)})
    return LabelStudioRequest(config, inputs)


def answer(
    asked: LabelStudioRequest, documents: Sequence[Optional[CharacterDocument]], version: str
) -> JsonObject:
    """
    Return the answer to a prediction request.

    # Parameters

    asked : `LabelStudioRequest`
    documents : `Sequence[Optional[CharacterDocument]]`
        The predicted document of each task; `None` for a task that could not be predicted, which
        has no result.
    version : `str`
        The model's name and version.
    """
    config = asked.config
    predictions = []
    for document in documents:
        offered = _offered(document, config.labels)
        predictions.append(
            {
                "result": results(offered, config.from_name, config.to_name),
                "score": mean_score(offered),
                "model_version": version,
            }
        )
    return {"results": predictions}


def _offered(document: Optional[CharacterDocument], labels: Sequence[str]) -> CharacterDocument:
    """Return the document without entities whose label the project does not offer."""
    if document is None:
        return CharacterDocument("", "", {})
    spans = {
        name: span for name, span in document.spans.items() if not labels or span.label in labels
    }
    kept = [each for each in document.relations if each[0] in spans and each[1] in spans]
    return replace(document, spans=spans, relations=kept)
