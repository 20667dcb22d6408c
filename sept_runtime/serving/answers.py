"""Requests on their way to the queue, and their answers."""

from typing import Iterable, List, Optional, Sequence, Tuple

from sept_runtime.documents import Document, Prediction
from sept_runtime.formats.json_lines import JsonObject
from sept_runtime.inference.batching import num_words
from sept_runtime.inference.json_lines import Request
from sept_runtime.serving.limits import Limits
from sept_runtime.serving.queue import Outcome


def limited(request: Request, limits: Limits) -> Request:
    """Return the request, as a failed one if its document has too many words."""
    words = num_words(request.document)
    if words <= limits.max_words:
        return request
    reason = f"the document has {words} words; at most {limits.max_words} are accepted"
    return request._replace(document=Document(key="", sentences=[]), error=reason)


def documents_of(requests: Sequence[Request]) -> List[Document]:
    """Return the documents of the requests that have not failed."""
    return [request.document for request in requests if request.error is None]


def paired(
    requests: Sequence[Request], outcomes: Iterable[Outcome]
) -> List[Tuple[Request, Optional[Outcome]]]:
    """Return each request with its outcome, which are those of `documents_of`, in order."""
    following = iter(outcomes)
    return [(each, next(following) if each.error is None else None) for each in requests]


def answer(request: Request, outcome: Optional[Outcome]) -> JsonObject:
    """Return the prediction, or the error of what failed."""
    if isinstance(outcome, Prediction):
        return request.output(outcome)
    return request.failure(request.error or str(outcome))
