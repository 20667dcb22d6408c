import random
from typing import List

import torch
from allennlp.data import Instance, TensorDict
from allennlp.data.data_loaders.data_collator import DataCollator, allennlp_collate
from transformers import DataCollatorForLanguageModeling

from sept_allennlp.archives.encoders import fast_tokenizer


@DataCollator.register("mlm_collator")
class MaskedLanguageModelCollator(DataCollator):
    """
    Batches of blocks of word pieces, some of which are to be guessed: other ones each time a block
    is seen. Of these, 80% are replaced by the encoder's mask, 10% by any other piece, and 10% stay
    what they are (Devlin et al. 2019, section 3.1), which `transformers` does. Special pieces are
    never among them.

    AllenNLP's collator `language_model` does the same for a text that is a `TextField`, with an
    object for each of its pieces.

    Registered as a `DataCollator` with name "mlm_collator".

    # Parameters

    model_name : `str`
        Hub name or folder of the encoder.
    mask_probability : `float`, optional (default = `0.15`)
        What share of the pieces is to be guessed.
    """

    def __init__(self, model_name: str, mask_probability: float = 0.15) -> None:
        tokenizer = fast_tokenizer(model_name)
        self._special = torch.tensor(tokenizer.all_special_ids)
        self._collator = DataCollatorForLanguageModeling(
            tokenizer, mlm=True, mlm_probability=mask_probability
        )

    def __call__(self, instances: List[Instance]) -> TensorDict:
        """
        # Parameters

        instances : `List[Instance]`
            From `TextBlockReader`.

        # Returns

        A batch with `pieces` and `targets`, each of shape `(batch_size, block_length)`: what the
        encoder sees, and the right pieces where it is to guess, -100 everywhere else.
        """
        # Shape: (batch_size, block_length)
        pieces = allennlp_collate(instances)["pieces"]
        assert isinstance(pieces, torch.Tensor)
        special = torch.isin(pieces, self._special)
        # Drawn as AllenNLP shuffles: by Python's generator, which "--recover" brings to where it
        # was by reading once more what was trained on. Torch's goes on as if nobody had read.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(random.getrandbits(63))
            masked, targets = self._collator.torch_mask_tokens(pieces.clone(), special)
        return {"pieces": masked, "targets": targets}
