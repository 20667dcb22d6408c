import sys
from pathlib import Path

# The benchmark's scripts are no package: they run in environments that have none of ours.
sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks" / "peers"))
