"""What `python -m benchmarks.bench` measures, a module a benchmark."""
