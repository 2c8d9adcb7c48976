"""The tests' messaging service in a process of its own: `python -m bench.messaging CERTIFICATE KEY CAFILE`.

It prints the ports of its API and of authentication, takes everything, and ends with its standard input.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from loopback_ams import serving


def main() -> None:
    """Serve."""
    certificate, key, cafile = (Path(word) for word in sys.argv[1:4])
    with serving(certificate, key, cafile) as ams:
        ams.tokens.add("bare")
        print(ams.api_port, ams.authn_port, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
