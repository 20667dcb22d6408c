"""
Benchmarks. Each module with a `main` is a command: run `python -m benchmarks.bench` in the root of
the repository. They are not installed with the packages.
"""
