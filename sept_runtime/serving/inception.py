"""The protocol between INCEpTION and an external recommender (CAS XMI in JSON)."""

from typing import Any, NamedTuple

from cassis import Cas, TypeSystem, load_cas_from_xmi, load_typesystem
from lxml import etree

from sept_runtime.documents import Document, DocumentError, Prediction
from sept_runtime.formats.inputs import document_from_text
from sept_runtime.formats.json_lines import JsonObject
from sept_runtime.serving.limits import refuse_declarations


class InceptionRequest(NamedTuple):
    """
    A document that INCEpTION asks annotations for.

    # Parameters

    cas : `Cas`
    layer : `str`
        The type of the annotations.
    feature : `str`
        The feature of the type that holds the label.
    document : `Document`
    """

    cas: Cas
    layer: str
    feature: str
    document: Document


def read_request(body: Any) -> InceptionRequest:
    """
    Read the body of a prediction request.

    # Raises

    `DocumentError` if a field is missing, or XML is not valid or declares a document type.
    """
    try:
        layer, feature = body["metadata"]["layer"], body["metadata"]["feature"]
        xmi, type_system = body["document"]["xmi"], body["typeSystem"]
    except (KeyError, TypeError):
        raise DocumentError(
            "expected an object with 'metadata' ('layer', 'feature'), 'document' ('xmi') and "
            "'typeSystem'"
        ) from None
    if not all(isinstance(each, str) for each in (layer, feature, xmi, type_system)):
        raise DocumentError("'layer', 'feature', 'xmi' and 'typeSystem' must be strings")
    for name, text in (("xmi", xmi), ("typeSystem", type_system)):
        refuse_declarations(name, text)
    try:
        types: TypeSystem = load_typesystem(type_system)
        cas = load_cas_from_xmi(xmi, typesystem=types, lenient=True)
        types.get_type(layer)
    except (etree.XMLSyntaxError, KeyError, ValueError, AttributeError, TypeError) as error:
        raise DocumentError(f"the document is not valid CAS XMI: {error}") from None
    except Exception as error:
        # cassis reports an unknown type by its own exception.
        raise DocumentError(f"the document cannot be read: {error}") from None
    return InceptionRequest(cas, layer, feature, document_from_text(cas.sofa_string or ""))


def answer(asked: InceptionRequest, prediction: Prediction) -> JsonObject:
    """Return the document with the predicted entities as annotations of the layer."""
    document = asked.document
    assert document.offsets is not None
    annotation_type = asked.cas.typesystem.get_type(asked.layer)
    for entity in prediction.entities:
        values = {
            "begin": document.offsets[entity.start][0],
            "end": document.offsets[entity.end][1],
            asked.feature: entity.label,
            f"{asked.feature}_score": entity.score,
            "inception_internal_predicted": True,
        }
        known = {feature.name for feature in annotation_type.all_features}
        asked.cas.add(annotation_type(**{k: v for k, v in values.items() if k in known}))
    return {"document": asked.cas.to_xmi()}
