"""The figures measured so far, saved after each measurement."""

import json
from pathlib import Path
from typing import Any, Dict, Sequence

from benchmarks.peers.surroundings import code_digest, machine
from benchmarks.peers.workers import PeerInfo


class Results:
    """
    The content of `WORK/results.json`. Figures of a peer are dropped if its code has changed.

    # Parameters

    work : `Path`
        The folder of the file.
    settings : `Dict[str, Any]`
        What all figures depend on.
    peers : `Sequence[PeerInfo]`
        Those that are measured now.

    # Raises

    `SystemExit` if the file has figures of another machine or of other settings.
    """

    def __init__(self, work: Path, settings: Dict[str, Any], peers: Sequence[PeerInfo]) -> None:
        self._path = work / "results.json"
        self.everything: Dict[str, Any] = (
            json.loads(self._path.read_text()) if self._path.exists() else {}
        )
        here = {"machine": machine(), "settings": settings}
        if any(self.everything.setdefault(name, value) != value for name, value in here.items()):
            raise SystemExit(
                f"{self._path} has figures of another machine or of other settings: give another "
                "--work"
            )
        for peer in peers:
            self._describe(peer)

    def _describe(self, peer: PeerInfo) -> None:
        code = code_digest(peer)
        if self.of(peer).setdefault("code", code) != code:
            print(f"{peer.name}: its code has changed, so everything is measured again")
            self.everything["peers"][peer.name] = {"code": code}
        self.of(peer).update(
            title=peer.title,
            unit=peer.unit,
            span_based=peer.span_based,
            trained_by=peer.trained_by,
            recommended_epochs=peer.epochs,
        )

    def of(self, peer: PeerInfo) -> Dict[str, Any]:
        """Return a peer's figures, which the caller may change."""
        return self.everything.setdefault("peers", {}).setdefault(peer.name, {})

    def keep(self, what: str, peer: PeerInfo) -> None:
        """Save all figures and print the new one."""
        part = self._path.with_suffix(".json.part")
        part.write_text(json.dumps(self.everything, indent=1) + "\n", encoding="utf-8")
        part.replace(self._path)
        print(f"{peer.name}: {what}", flush=True)
