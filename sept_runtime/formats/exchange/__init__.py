"""
Files of Label Studio, doccano, Prodigy, INCEpTION and spaCy, and Hugging Face's dicts.

All of them hold a text and spans of characters. `CharacterDocument` is what they have in common; a
module per tool reads and writes its files.
"""

from sept_runtime.formats.exchange.characters import (
    CharacterDocument,
    CharacterSpan,
    align_document,
    character_document,
)

__all__ = ["CharacterDocument", "CharacterSpan", "align_document", "character_document"]
