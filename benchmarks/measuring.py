"""Compare two functions in time and memory, alternately and within one process."""

import gc
import json
import os
import statistics
import tempfile
import time
from typing import Any, Callable, NamedTuple

import torch
from torch.profiler import ProfilerActivity, profile


class Ratio(NamedTuple):
    """
    # Parameters

    value : `float`
        The ratio of the medians.
    low, high : `float`
        The smallest and the largest ratio of two neighboring runs: how far to trust `value`.
    """

    value: float
    low: float
    high: float


def time_ratio(
    numerator: Callable[[], Any],
    denominator: Callable[[], Any],
    repeats: int,
    device: torch.device,
) -> Ratio:
    """
    Return how many times as long `numerator` takes as `denominator`. They run alternately, so that
    other load of the machine affects both, and once each before the measurement.
    """
    numerator()
    denominator()
    pairs = [(seconds(numerator, device), seconds(denominator, device)) for _ in range(repeats)]
    above, below = (statistics.median(times) for times in zip(*pairs, strict=True))
    ratios = [first / second for first, second in pairs]
    return Ratio(above / below, min(ratios), max(ratios))


def seconds(run: Callable[[], Any], device: torch.device) -> float:
    # Earlier garbage must not be collected while the clock runs.
    gc.collect()
    synchronize(device)
    start = time.perf_counter()
    # The result is freed after the clock has stopped.
    result = run()
    synchronize(device)
    elapsed = time.perf_counter() - start
    del result
    return elapsed


def synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def memory_ratio(
    numerator: Callable[[], Any], denominator: Callable[[], Any], device: torch.device
) -> Ratio:
    """Return how many times the peak memory of `denominator` `numerator` takes."""
    ratio = peak_bytes(numerator, device) / peak_bytes(denominator, device)
    return Ratio(ratio, ratio, ratio)


def peak_bytes(run: Callable[[], Any], device: torch.device) -> int:
    """Return the peak of the memory that tensors made by `run` hold, temporary ones included."""
    gc.collect()
    if device.type == "cuda":
        synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        run()
        synchronize(device)
        return torch.cuda.max_memory_allocated(device) - before

    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        result = run()
    del result
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "trace.json")
        profiler.export_chrome_trace(path)
        with open(path) as trace:
            events = json.load(trace)["traceEvents"]
    # All allocations on the CPU (device 0); releases have a negative number of bytes.
    changes = sorted(
        (event["ts"], event["args"]["Bytes"])
        for event in events
        if event["name"] == "[memory]" and event["args"]["Device Type"] == 0
    )
    held = peak = 0
    for _, change in changes:
        held += change
        peak = max(peak, held)
    return peak
