from typing import Any, Callable

from allennlp.common.testing.distributed_test import init_process
from allennlp.common.util import find_open_port
from torch import multiprocessing


def run_in_two_processes(check: Callable[..., Any]) -> None:
    """
    Run AllenNLP's `run_distributed_test` for two CPU processes at a port of its own. AllenNLP uses
    one port for all tests, so that two tests at once, or in close succession, collide.
    """
    arguments = (2, [-1, -1], check, (), {}, "127.0.0.1", find_open_port())
    multiprocessing.start_processes(init_process, args=arguments, nprocs=2, start_method="fork")
