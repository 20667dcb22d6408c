from typing import Any, Callable

from allennlp.common.testing.distributed_test import init_process
from allennlp.common.util import find_open_port
from torch import multiprocessing


def run_in_two_processes(check: Callable[..., Any]) -> None:
    """
    AllenNLP's `run_distributed_test` for two processes on the CPU, but at a port of its own: that
    one gives every test the same, and two at once, or one right after another, get in each other's
    way.
    """
    arguments = (2, [-1, -1], check, (), {}, "127.0.0.1", find_open_port())
    multiprocessing.start_processes(init_process, args=arguments, nprocs=2, start_method="fork")
