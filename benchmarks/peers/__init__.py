"""
What else a user could install, doing the same work: `python -m benchmarks.peers.run`.

Peers run in environments that have none of our packages, and cold starts are measured: what a peer
imports of this package is the standard library's or its own.
"""
