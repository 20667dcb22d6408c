from typing import Any, Dict, Sequence

from sept_runtime.formats.json_lines import JsonObject
from sept_runtime.serving.uploads import FILE_FORMATS
from sept_runtime.version import VERSION


def openapi(labels: Sequence[str]) -> JsonObject:
    """
    Return the OpenAPI 3.1 description of the server.

    # Parameters

    labels : `Sequence[str]`
        The entity labels of the served model.
    """
    text = {"type": "string"}
    number = {"type": "number", "minimum": 0, "maximum": 1}
    index = {"type": "integer", "minimum": 0}
    words = {"type": "array", "items": text}
    schemas: Dict[str, Any] = {
        "Document": {
            "type": "object",
            "description": "A document as text, as words, or as sentences of words.",
            "properties": {
                "id": {"type": ["string", "number"]},
                "title": text,
                "text": text,
                "tokens": words,
                "sentences": {"type": "array", "items": words},
            },
        },
        "Prediction": {
            "type": "object",
            "properties": {
                "format_version": index,
                "doc_key": text,
                "text": text,
                "sentences": {"type": "array", "items": words},
                "word_offsets": {"type": "array", "items": {"type": "array", "items": index}},
                "entities": {"type": "array", "items": {"$ref": "#/components/schemas/Entity"}},
                "relations": {
                    "type": "array",
                    "items": {"$ref": "#/components/schemas/Relation"},
                },
                "error": text,
            },
        },
        "Entity": {
            "type": "object",
            "description": "text[start:end] is the entity; characters are code points.",
            "properties": {
                "text": text,
                "label": {"type": "string", "enum": list(labels)},
                "score": number,
                "start": index,
                "end": index,
                "start_word": index,
                "end_word": index,
            },
        },
        "Relation": {
            "type": "object",
            "description": "head and tail are indices into entities.",
            "properties": {"head": index, "tail": index, "label": text, "score": number},
        },
        "Error": {"type": "object", "properties": {"error": text}, "required": ["error"]},
    }
    document = {"$ref": "#/components/schemas/Document"}
    prediction = {"$ref": "#/components/schemas/Prediction"}
    options = [
        _parameter("min_score", "Drop entities with a lower score.", number),
        _parameter("min_relation_score", "Drop relations with a lower score.", number),
        _parameter("top_labels", "Report the scores of so many labels.", index),
        _parameter("flat", "Keep only the best of overlapping entities.", {"type": "boolean"}),
    ]
    reading = [
        _parameter("name", "The file's name.", text),
        _parameter("format", "Its format.", {"type": "string", "enum": list(FILE_FORMATS)}),
        _parameter("text_field", "The field of the text.", text),
        _parameter("id_field", "The field of the id.", text),
        _parameter("title_field", "The field of the title.", text),
        _parameter("with_title", "Annotate the title, too.", {"type": "boolean"}),
        _parameter("keep", "Further fields for the answers, separated by commas.", text),
        _parameter("one_per_line", "Each line of a text is a document.", {"type": "boolean"}),
    ]

    def one_or_many(schema: JsonObject) -> JsonObject:
        return {"oneOf": [schema, {"type": "array", "items": schema}]}

    def content(schema: JsonObject, kind: str = "application/json") -> JsonObject:
        return {kind: {"schema": schema}}

    error = {"content": content({"$ref": "#/components/schemas/Error"})}
    errors = {
        "413": {"description": "The body, or a document, is too large.", **error},
        "422": {"description": "The body is not a document.", **error},
        "429": {"description": "Too many streams are open.", **error},
        "503": {"description": "The server is busy; try again later.", **error},
    }

    def get(summary: str, kind: str = "application/json") -> JsonObject:
        answer = {"description": summary, "content": content({"type": "object"}, kind)}
        return {"get": {"summary": summary, "responses": {"200": answer}}}

    return {
        "openapi": "3.1.0",
        "info": {
            "title": "sept",
            "version": VERSION,
            "summary": "Entities in scientific text, and relations between them.",
        },
        "paths": {
            "/predict": {
                "post": {
                    "summary": "Predict one document or a list of documents.",
                    "parameters": options,
                    "requestBody": {"required": True, "content": content(one_or_many(document))},
                    "responses": {
                        "200": {
                            "description": "A prediction for each document, in order.",
                            "content": content(one_or_many(prediction)),
                        },
                        **errors,
                    },
                }
            },
            "/predict/stream": {
                "post": {
                    "summary": "Predict JSON lines, answered line by line, in order.",
                    "parameters": options,
                    "requestBody": {
                        "required": True,
                        "content": content(text, "application/jsonl"),
                    },
                    "responses": {
                        "200": {
                            "description": "A line for each line.",
                            "content": content(text, "application/jsonl"),
                        },
                        "429": errors["429"],
                    },
                }
            },
            "/predict/file": {
                "post": {
                    "summary": "Predict the records of a file: PubMed, RIS, BibTeX, CSV and so on.",
                    "parameters": [*options, *reading],
                    "requestBody": {
                        "required": True,
                        "content": content(
                            {"type": "string", "format": "binary"}, "application/octet-stream"
                        ),
                    },
                    "responses": {
                        "200": {
                            "description": "A line for each record, in order.",
                            "content": content(text, "application/jsonl"),
                        },
                        **{status: errors[status] for status in ("413", "422", "429")},
                    },
                }
            },
            "/model": get("Describe the model."),
            "/health": get("Say that the server is up."),
            "/metrics": get("Return metrics for Prometheus.", "text/plain"),
        },
        "components": {"schemas": schemas},
    }


def _parameter(name: str, description: str, schema: JsonObject) -> JsonObject:
    return {
        "name": name,
        "in": "query",
        "required": False,
        "description": description,
        "schema": schema,
    }
