import random
from typing import List

import torch
from allennlp.common.checks import ConfigurationError
from allennlp.data import Instance, TensorDict
from allennlp.data.data_loaders.data_collator import DataCollator, allennlp_collate
from transformers import DataCollatorForLanguageModeling

from sept_allennlp.archives.encoders import PretrainedEncoder


@DataCollator.register("mlm_collator")
class MaskedLanguageModelCollator(DataCollator):
    """
    Collator that masks random word pieces, chosen anew each time a block is read.

    Of the chosen pieces 80% are replaced by the encoder's mask, 10% by any other piece, and 10%
    stay as they are (Devlin et al. 2019, section 3.1), which `transformers` does. Special pieces
    are never chosen.

    AllenNLP's collator `language_model` does the same for a text that is a `TextField`, with an
    object for each of its pieces.

    Registered as a `DataCollator` with name "mlm_collator".

    # Parameters

    model_name : `str`
        A hub name, a folder, or the archive of a trained model.
    mask_probability : `float`, optional (default = `0.15`)
        The share of pieces to guess.

    # Raises

    `ConfigurationError` if the encoder's tokenizer has no mask.
    """

    def __init__(self, model_name: str, mask_probability: float = 0.15) -> None:
        tokenizer = PretrainedEncoder(model_name).tokenizer
        if tokenizer.mask_token is None:
            raise ConfigurationError(
                f"{model_name}: this encoder cannot be adapted by masked language modeling, "
                f"because "
                "its tokenizer has no mask"
            )
        self._special = torch.tensor(tokenizer.all_special_ids)
        self._collator = DataCollatorForLanguageModeling(
            tokenizer, mlm=True, mlm_probability=mask_probability
        )

    def __call__(self, instances: List[Instance]) -> TensorDict:
        """
        Return a batch with `pieces` and `targets`, each of shape `(batch_size, block_length)`.

        The encoder sees `pieces`. `targets` are the original pieces where it is to guess, and -100
        everywhere else.

        # Parameters

        instances : `List[Instance]`
            From `TextBlockReader`.
        """
        # Shape: (batch_size, block_length)
        pieces = allennlp_collate(instances)["pieces"]
        assert isinstance(pieces, torch.Tensor)
        special = torch.isin(pieces, self._special)
        # From Python's generator, as AllenNLP shuffles: "--recover" restores it by reading the
        # training data again. It does not restore torch's.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(random.getrandbits(63))
            masked, targets = self._collator.torch_mask_tokens(pieces.clone(), special)
        return {"pieces": masked, "targets": targets}
