"""Ask the API of the demonstration what was used: `demo/ask.py URL KEY_FILE`."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote, urlencode
from urllib.request import Request, urlopen

DAYS = 30
ALMANACH = "%Y-%m-%d %H:%M:%S.%f"  # how its routes read times


def main(url: str, key: str) -> None:
    """Show the usage by project and kind, and one server of a project as Almanach tells it."""

    def answer(path: str) -> str:
        print(f"GET {path}")
        with urlopen(Request(url + path, headers={"X-Auth-Token": key}), timeout=30) as response:  # noqa: S310  # ours, on loopback
            return response.read().decode()

    end = datetime.now(UTC).replace(microsecond=0)
    start = end - timedelta(days=DAYS)
    period = {"start": start.isoformat(), "end": end.isoformat()}
    print(answer("/v2/usage?" + urlencode({**period, "group_by": "project,kind", "format": "csv"})))

    (project, *_) = json.loads(answer("/v2/projects?limit=1"))["projects"]
    period = {name: instant.strftime(ALMANACH) for name, instant in (("start", start), ("end", end))}
    servers = json.loads(answer(f"/v1/project/{quote(project['project_id'])}/instances?" + urlencode(period)))
    print(f"{len(servers)} spans of servers; the first of them:")
    print(json.dumps(servers[0], indent=2))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]).read_text(encoding="ascii").strip())
