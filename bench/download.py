"""The limit: a bare concurrent download of the requests that a run made, and nothing else.

Run as `python -m bench.download BASE_URL REQUESTS CONCURRENCY`; REQUESTS is a file of JSON lines as
`bench.cloud` records them. The client library and the number of requests under way are those of Usance.
Bodies are read to the end, not decoded and not kept; the order is that of the recording, but no
request waits for another one, as pages must that name their successor. It says how long it took
between its first request and its last answer: what it takes to start is not counted for it.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import msgspec

from bench.recorded import Asked, read


class Downloaded(msgspec.Struct, frozen=True):
    """What a bare download got."""

    seconds: float
    requests: int
    bytes: int


async def _work(client: httpx2.AsyncClient, waiting: Iterator[Asked]) -> tuple[int, int]:
    requests = size = 0
    for asked in waiting:
        async with client.stream("GET", asked.target, headers=asked.headers) as response:
            if response.status_code != asked.status:
                raise RuntimeError(f"{asked.target}: {response.status_code} instead of {asked.status}")
            async for chunk in response.aiter_raw():
                size += len(chunk)
        requests += 1
    return requests, size


async def download(base_url: str, asked: list[Asked], concurrency: int) -> Downloaded:
    """Ask for everything in the list, so many at a time."""
    waiting = iter(asked)
    limits = httpx2.Limits(max_connections=concurrency, max_keepalive_connections=concurrency)
    async with httpx2.AsyncClient(base_url=base_url, limits=limits, timeout=600) as client:
        begin = time.monotonic()
        done = await asyncio.gather(*(_work(client, waiting) for _ in range(concurrency)))
        seconds = time.monotonic() - begin
    return Downloaded(seconds, sum(requests for requests, _ in done), sum(size for _, size in done))


def main() -> None:
    """Download, and print what came of it as JSON."""
    base_url, path, concurrency = sys.argv[1:]
    asked = [one for one in read(Path(path)) if one.method == "GET"]
    found = asyncio.run(download(base_url, asked, int(concurrency)))
    print(msgspec.json.encode(found).decode())


if __name__ == "__main__":
    main()
