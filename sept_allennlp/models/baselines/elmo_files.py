"""
The files of ELMo: its options and weights in training, and the model's own archive afterwards.

AllenNLP constructs an ELMo from two files, even when it loads a model whose archive holds all of
ELMo's weights. Our archives also hold the options, beside the vocabulary (see `encoders`). In place
of the weights, a file with the same shapes and without content is made from the options.
"""

import json
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Dict, Iterator, Optional, Tuple

import h5py
from allennlp.common.file_utils import cached_path
from allennlp.data.token_indexers.elmo_indexer import ELMoCharacterMapper

from sept_allennlp.archives.encoders import archive_folder, has_weights
from sept_allennlp.archives.guard import ArchiveError, temporary_folder

_OPTIONS = "options.json"

# AllenNLP adds one for padding.
_NUM_CHARACTERS = ELMoCharacterMapper.padding_character + 1


@contextmanager
def elmo_files(
    options_file: str, weight_file: str, serialization_dir: Optional[str]
) -> Iterator[Tuple[str, str]]:
    """
    Return the paths of an options file and a weights file for ELMo.

    # Parameters

    options_file, weight_file : `str`
        Files or addresses from the configuration.
    serialization_dir : `str`, optional
        The folder of the run or of the unpacked archive; AllenNLP passes it to every constructor
        with a parameter of this name.

    # Raises

    `ArchiveError` if the folder holds a model's weights but no options for ELMo: an archive
    must not cause downloads.
    """
    if serialization_dir is None or not has_weights(Path(serialization_dir)):
        yield options_file, weight_file
        return
    options = archive_folder(options_file, serialization_dir) / _OPTIONS
    if not options.is_file():
        raise ArchiveError(
            "the archive does not hold its ELMo's options (it was trained without the callback "
            "'archive_encoder')"
        )
    try:
        shapes = weight_shapes(json.loads(options.read_text(encoding="utf-8")))
    except (ValueError, KeyError, TypeError) as error:
        raise ArchiveError(f"the archive's options of ELMo are damaged ({error!r})") from None
    with temporary_folder() as folder:
        hollow = folder / "weights.hdf5"
        with h5py.File(hollow, "w") as file:
            for name, shape in shapes.items():
                # It takes no space on the disk as long as nothing is written to it.
                file.create_dataset(name, shape, dtype="float32")
        yield str(options), str(hollow)


def archive_elmo(options_file: str, serialization_dir: str) -> None:
    """Write ELMo's options where `elmo_files` finds them."""
    target = archive_folder(options_file, serialization_dir) / _OPTIONS
    if not target.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(Path(cached_path(options_file)).read_bytes())


def weight_shapes(options: Dict[str, Any]) -> Dict[str, Tuple[int, ...]]:
    """
    Return the shapes of the data sets in ELMo's file of weights.

    # Raises

    `KeyError`, `TypeError` or `ValueError` if these are not ELMo's options.
    """
    characters, lstm = options["char_cnn"], options["lstm"]
    character_dim = characters["embedding"]["dim"]
    output_dim, cell_dim = lstm["projection_dim"], lstm["dim"]
    num_filters = sum(number for _, number in characters["filters"])

    shapes: Dict[str, Tuple[int, ...]] = {"char_embed": (_NUM_CHARACTERS, character_dim)}
    for index, (width, number) in enumerate(characters["filters"]):
        shapes[f"CNN/W_cnn_{index}"] = (1, width, character_dim, number)
        shapes[f"CNN/b_cnn_{index}"] = (number,)
    for layer in range(characters["n_highway"]):
        for gate in ("transform", "carry"):
            shapes[f"CNN_high_{layer}/W_{gate}"] = (num_filters, num_filters)
            shapes[f"CNN_high_{layer}/b_{gate}"] = (num_filters,)
    shapes["CNN_proj/W_proj"] = (num_filters, output_dim)
    shapes["CNN_proj/b_proj"] = (output_dim,)
    for direction in range(2):
        for layer in range(lstm["n_layers"]):
            cell = f"RNN_{direction}/RNN/MultiRNNCell/Cell{layer}/LSTMCell"
            shapes[f"{cell}/W_0"] = (2 * output_dim, 4 * cell_dim)
            shapes[f"{cell}/B"] = (4 * cell_dim,)
            shapes[f"{cell}/W_P_0"] = (cell_dim, output_dim)
    return shapes
