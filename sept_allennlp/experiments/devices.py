"""The cores and GPUs that trainings which run at once share."""

from typing import Dict, List, Mapping, Sequence

import torch

# A batch is a few abstracts, which is too little work for more cores than about these.
_CORES_FOR_A_TRAINING = 4


def default_jobs(environment: Mapping[str, str]) -> int:
    """How many trainings to run at once: one a GPU, or one for every four cores of a processor."""
    gpus = visible_devices(environment)
    if gpus or environment.get("SEPT_DEVICE", "auto") not in ("auto", "-1"):
        return max(1, len(gpus))
    return max(1, torch.get_num_threads() // _CORES_FOR_A_TRAINING)


def share_devices(jobs: int, gpus: Sequence[str]) -> List[Dict[str, str]]:
    """
    The environment that each of the trainings that run at once has to have besides: its share of
    the processor's cores, and its GPU.

    The GPU is given by CUDA_VISIBLE_DEVICES and not in the configuration, which would then differ
    with the GPU that happened to be free, and an interrupted training could not go on at another.

    # Parameters

    jobs : `int`
        How many trainings run at once. One takes all the cores of a processor.
    gpus : `Sequence[str]`
        What to share between them, as CUDA_VISIBLE_DEVICES names them.
    """
    # As many threads as torch itself would take, shared out.
    environment = {"OMP_NUM_THREADS": str(max(1, torch.get_num_threads() // jobs))}
    if jobs == 1 or not gpus:
        return [environment] * jobs
    return [{**environment, "CUDA_VISIBLE_DEVICES": gpus[job % len(gpus)]} for job in range(jobs)]


def visible_devices(environment: Mapping[str, str]) -> List[str]:
    """
    The GPUs that trainings may be spread over, as CUDA_VISIBLE_DEVICES names them: all that this
    process sees, unless SEPT_DEVICE has chosen one, or the CPU.
    """
    if environment.get("SEPT_DEVICE", "auto") != "auto":
        return []
    count = torch.cuda.device_count()
    names = environment.get("CUDA_VISIBLE_DEVICES", "")
    return names.split(",")[:count] if names else [str(number) for number in range(count)]
