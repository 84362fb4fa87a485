"""Whether reads from several processes would scale: GET and LIST from one API server, and from two side by side.

Two servers that share nothing are the most that worker processes following one log could come to. The clients, wrk,
take their share of the same processors, as they do on a small machine. Prints one JSON line.
"""

import argparse
import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from benchmarks import api

CONNECTIONS = 32
WHAT = {"get": ("/api/v1/namespaces/default", CONNECTIONS), "list": ("/api/v1/pods", 2)}


def together(ports: Sequence[int], path: str, connections: int, seconds: float) -> float:
    """Requests per second of all servers, the connections shared among them."""
    with ThreadPoolExecutor(len(ports)) as threads:
        one = [threads.submit(api.wrk, port, path, seconds, connections // len(ports)) for port in ports]
        return sum(done.result()[0] for done in one)


def measure(seconds: float) -> dict[str, object]:
    """One beside two, in one run."""
    with api.running() as (first, _), api.running() as (second, _):
        figures: dict[str, object] = {}
        for name, (path, connections) in WHAT.items():
            alone = together([first], path, connections, seconds)
            both = together([first, second], path, connections, seconds)
            figures[name] = {"one": round(alone), "two": round(both), "times": round(both / alone, 2)}
    return figures


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=5)
    seconds = parser.parse_args().seconds
    print(json.dumps({"benchmark": "cores", "processors": os.cpu_count(), **measure(seconds)}))


if __name__ == "__main__":
    main()
