"""
What the package costs, measured. Each module with a `main` is a command, from the repository's
root: `python -m benchmarks.bench`. Not installed with the packages.
"""
