"""
The protocol between Label Studio and a machine learning backend.

Offsets count characters (code points), in Label Studio as in Python: its editor's own tests
("Should calculate offsets by code points in text") say so.
"""

import xml.etree.ElementTree as ElementTree
from typing import Any, Dict, List, NamedTuple, Optional, Sequence

from sept_runtime.documents import DocumentError
from sept_runtime.formats.json_lines import JsonObject
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
    # Labeling configurations have no document type; one would only serve to expand entities.
    if "<!DOCTYPE" in xml.upper() or "<!ENTITY" in xml.upper():
        raise DocumentError("label_config: a document type is not accepted")
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


def results(
    asked: LabelStudioRequest, outputs: Sequence[JsonObject], model_version: str
) -> List[JsonObject]:
    """
    Return the predictions of tasks as Label Studio reads them.

    Entities whose label the project does not offer are left out. A task that could not be predicted
    has no result.
    """
    return [prediction_to_label_studio(output, asked.config, model_version) for output in outputs]


def prediction_to_label_studio(
    output: JsonObject, config: LabelingConfig, model_version: str
) -> JsonObject:
    """
    Return one prediction in Label Studio's format.

    # Parameters

    output : `JsonObject`
        A line of `sept predict`.
    config : `LabelingConfig`
    model_version : `str`
    """
    result: List[JsonObject] = []
    ids: Dict[int, str] = {}
    scores: List[float] = []
    for index, entity in enumerate(output.get("entities", [])):
        if config.labels and entity["label"] not in config.labels:
            continue
        ids[index] = f"entity-{index}"
        if entity.get("score") is not None:
            scores.append(entity["score"])
        result.append(
            {
                "id": ids[index],
                "from_name": config.from_name,
                "to_name": config.to_name,
                "type": "labels",
                "score": entity.get("score"),
                "value": {
                    "start": entity["start"],
                    "end": entity["end"],
                    "text": entity["text"],
                    "labels": [entity["label"]],
                },
            }
        )
    symmetric = set(output.get("symmetric_relation_labels", []))
    for relation in output.get("relations") or []:
        if relation["head"] in ids and relation["tail"] in ids:
            result.append(
                {
                    "type": "relation",
                    "from_id": ids[relation["head"]],
                    "to_id": ids[relation["tail"]],
                    "direction": "bi" if relation["label"] in symmetric else "right",
                    "labels": [relation["label"]],
                }
            )
    score: Optional[float] = sum(scores) / len(scores) if scores else 0.0
    return {"result": result, "score": score, "model_version": model_version}
