"""Usance with an ear at its HTTP client: notes each request, for clouds that keep no recording.

Run as `python -m bench.listen FILE ARGUMENTS...`; the arguments are those of caso-extract.
Keystone's tokens are fetched by another library and noted without their answer.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import requests

from bench.recorded import Asked
from usance.legacy.caso_extract import main as caso_extract

_KEPT = ("x-auth-token", "x-openstack-nova-api-version", "openstack-api-version")


def main() -> None:
    """Run, and write what was asked when all is over."""
    path = Path(sys.argv.pop(1))
    asked: list[Asked] = []
    send, ask = httpx2.AsyncClient.send, requests.Session.request

    async def heard(client: httpx2.AsyncClient, request: httpx2.Request, **options: Any) -> httpx2.Response:
        response = await send(client, request, **options)
        headers = {name: request.headers[name] for name in _KEPT if name in request.headers}
        asked.append(Asked(request.method, str(request.url), response.status_code, headers))
        return response

    def told(session: requests.Session, method: str, url: str, **options: Any) -> requests.Response:
        response = ask(session, method, url, **options)
        # Without its token: nobody will ask this again.
        asked.append(Asked(method, url, response.status_code))
        return response

    httpx2.AsyncClient.send = heard
    requests.Session.request = told
    try:
        caso_extract()
    finally:
        encode = msgspec.json.Encoder().encode
        path.write_bytes(b"".join(encode(one) + b"\n" for one in asked))


if __name__ == "__main__":
    main()
