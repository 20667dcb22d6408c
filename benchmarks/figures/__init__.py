"""The parts of `python -m benchmarks.bench`, one module for each."""
