"""
Adapts a pre-trained encoder to a domain before SEPT is trained on it: masked language modeling goes
on with texts of the domain that nobody has annotated (Devlin et al. 2019, section 3.1; Gururangan
et al. 2020, "Don't Stop Pretraining", section 3).
"""

from sept_allennlp.adaptation.masked_language_model import MaskedLanguageModel
from sept_allennlp.adaptation.masked_pieces import MaskedPieces
from sept_allennlp.adaptation.text_blocks import TextBlockReader
from sept_allennlp.adaptation.write_encoder import WriteEncoder

__all__ = ["MaskedLanguageModel", "MaskedPieces", "TextBlockReader", "WriteEncoder"]
