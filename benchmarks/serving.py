"""
Load the server with the command `hey` (Debian's package of that name, or github.com/rakyll/hey) and
compare its throughput with the library called directly in batches. Print one JSON object.

    python -m benchmarks.serving [--model exported/] [--requests 2000] [--output serving.json]

Server, clients and library share the same cores, so run it with nothing else on the machine.
"""

import argparse
import csv
import io
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any, Dict, List, Optional

from sept_runtime.formats.inputs import read_requests
from sept_runtime.models import find_model

TEXTS = Path(__file__).parents[1] / "fixtures" / "raw_abstracts.jsonl"
ADDRESS = "http://127.0.0.1:8765"
STEADY_CLIENTS, STEADY_RATE = 8, 15.0
OVERLOAD_CLIENTS = 256
# So many from each of these clients do not fit the queue of 1,024.
OVERLOAD_DOCUMENTS = 8

# The goals of docs/serving.md.
MIN_SHARE = {8: 0.85, 64: 0.85}
MAX_STEADY_P95_MS = 60.0
MAX_MEGABYTES = 300.0
MAX_READY_SECONDS = 1.5


def main() -> None:
    """Run all measurements."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", help="an exported model (default = the installed one)")
    parser.add_argument("--requests", type=int, default=2000, help="requests for each measurement")
    parser.add_argument("--output", type=Path, help="also write the figures to this file")
    args = parser.parse_args()
    folder = find_model(args.model)
    text = median_text()
    direct = [direct_throughput(folder, text, args.requests // 4)]
    with tempfile.TemporaryDirectory() as temporary:
        body, list_body = Path(temporary) / "body.json", Path(temporary) / "list.json"
        body.write_text(json.dumps({"text": text}))
        list_body.write_text(json.dumps([{"text": text}] * OVERLOAD_DOCUMENTS))
        server = Server(folder)
        try:
            found: Dict[str, Any] = {"words": len(text.split())}
            found["ready_seconds"] = server.ready_seconds
            for clients in (1, 8, 64):
                found[f"{clients} clients"] = hey(body, args.requests, clients)
                # Between the loads, so that a slower or faster machine hits both.
                direct.append(direct_throughput(folder, text, args.requests // 4))
            # Clients of `hey` send at the same moments; requests of a single one are evenly spaced,
            # and count for the goal.
            for clients in (STEADY_CLIENTS, 1):
                steady = hey(body, args.requests, clients, STEADY_RATE)
                found[f"{clients} clients, {STEADY_RATE:g} a second"] = steady
            found["megabytes"] = server.peak_megabytes()
            overload = hey(body, max(2 * args.requests, 4 * OVERLOAD_CLIENTS), OVERLOAD_CLIENTS)
            found[f"{OVERLOAD_CLIENTS} clients"] = overload
            found[f"{OVERLOAD_CLIENTS} clients, {OVERLOAD_DOCUMENTS} documents each"] = hey(
                list_body, 2 * OVERLOAD_CLIENTS, OVERLOAD_CLIENTS
            )
            found["megabytes after overload"] = server.peak_megabytes()
        finally:
            server.stop()
    found["direct per second"] = statistics.median(direct)
    for clients in (1, 8, 64):
        load = found[f"{clients} clients"]
        load["share of direct"] = load["per second"] / found["direct per second"]
    found["goals missed"] = missed(found, steady)
    printed = json.dumps(found, indent=2)
    print(printed)
    if args.output is not None:
        args.output.write_text(printed + "\n")


def missed(found: Dict[str, Any], steady: Dict[str, Any]) -> List[str]:
    """Name the goals that were not reached."""
    reached = {
        f"{clients} clients": found[f"{clients} clients"]["share of direct"] >= share
        for clients, share in MIN_SHARE.items()
    }
    reached["p95"] = steady["milliseconds"]["p95"] <= MAX_STEADY_P95_MS
    reached["memory"] = found["megabytes"] <= MAX_MEGABYTES
    reached["ready"] = found["ready_seconds"] <= MAX_READY_SECONDS
    reached["no failures"] = all(
        set(load["statuses"]) == {"200"}
        for name, load in found.items()
        if isinstance(load, dict) and not name.startswith(str(OVERLOAD_CLIENTS))
    )
    return [name for name, is_reached in reached.items() if not is_reached]


def median_text() -> str:
    """Return the abstract of median length."""
    texts = sorted((document.text or "" for document in read_requests(str(TEXTS))), key=len)
    return texts[len(texts) // 2]


def direct_throughput(folder: Path, text: str, number: int) -> float:
    """Return how many abstracts a second the library annotates in batches of 32."""
    program = (
        "import sys, time, sept_runtime\n"
        "sept = sept_runtime.load(sys.argv[1])\n"
        "texts = [sys.argv[2]] * int(sys.argv[3])\n"
        "list(sept.annotate(texts[:64]))\n"
        "start = time.perf_counter()\n"
        "list(sept.annotate(texts))\n"
        "print(len(texts) / (time.perf_counter() - start))\n"
    )
    command = [sys.executable, "-c", program, str(folder), text, str(number)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


class Server:
    """A running `sept serve`."""

    def __init__(self, folder: Path) -> None:
        program = "from sept_runtime.commands import main; main()"
        port = ADDRESS.rpartition(":")[2]
        start = time.perf_counter()
        self._process = subprocess.Popen(
            [sys.executable, "-c", program, "serve", "--model", str(folder), "--port", port],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while True:
            try:
                with urllib.request.urlopen(f"{ADDRESS}/health", timeout=1):
                    break
            except OSError:
                if self._process.poll() is not None:
                    raise SystemExit("the server ended; try 'sept serve' by hand") from None
                time.sleep(0.01)
        self.ready_seconds = time.perf_counter() - start

    def peak_megabytes(self) -> float:
        """Return the most memory that the server has held."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        found = re.search(r"VmHWM:\s+(\d+) kB", status)
        assert found is not None
        return int(found[1]) / 2**10

    def stop(self) -> None:
        """End the server, and wait for it."""
        self._process.terminate()
        self._process.wait(30)


def hey(body: Path, requests: int, clients: int, rate: Optional[float] = None) -> Dict[str, Any]:
    """
    Send requests, and return statuses, requests a second and percentiles of the answers' times.

    # Parameters

    body : `Path`
        What each request sends.
    requests, clients : `int`
    rate : `float`, optional
        Requests a second of all clients together; as many as possible if it is missing.
    """
    command = ["hey", "-n", str(requests), "-c", str(clients), "-t", "120", "-m", "POST"]
    command += ["-T", "application/json", "-D", str(body), "-o", "csv"]
    command += [] if rate is None else ["-q", str(rate / clients)]
    run = subprocess.run(
        [*command, f"{ADDRESS}/predict"], check=True, capture_output=True, text=True
    )
    rows = list(csv.DictReader(io.StringIO(run.stdout)))
    times = sorted(1000 * float(row["response-time"]) for row in rows)
    ends = [float(row["offset"]) + float(row["response-time"]) for row in rows]
    cut = statistics.quantiles(times, n=100)
    return {
        # Requests without an answer have no row.
        "sent": requests - requests % clients,
        "answered": len(rows),
        "statuses": dict(Counter(row["status-code"] for row in rows)),
        "per second": len(rows) / max(ends),
        "milliseconds": {"p50": cut[49], "p95": cut[94], "p99": cut[98], "most": times[-1]},
    }


if __name__ == "__main__":
    main()
