"""
Comparison with other tools on the same work: `python -m benchmarks.peers.run`.

Peers run in environments without our packages, and their cold starts are measured. Therefore they
import only the standard library and their own packages from here.
"""
