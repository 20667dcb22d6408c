import warnings
from typing import Any, ClassVar, Dict

from allennlp.common import FromParams, Params


class RenamedKeys(FromParams):
    """
    A part of a configuration some of whose keys had other names once: those are read as well, with
    a warning that names the new one, so that old configurations and archives stay good.

    Stands last among a class's bases, because AllenNLP looks for the parameters behind a
    constructor's `**kwargs` in the first.
    """

    # Per old name the new one.
    renamed_keys: ClassVar[Dict[str, str]] = {}

    @classmethod
    def from_params(cls, params: Params, *args: Any, **kwargs: Any) -> Any:
        """
        As for `FromParams`; warns (`FutureWarning`) of each old name, and takes it for the new one.
        """
        for old, new in cls.renamed_keys.items():
            if old in params:
                message = f"the key {old!r} of {cls.__name__} is called {new!r} now"
                warnings.warn(message, FutureWarning, stacklevel=2)
                params[new] = params.pop(old)
        return super().from_params(params, *args, **kwargs)
