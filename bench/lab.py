"""The same comparison on a real OpenStack: the lab of this repository, while it is up.

Both programs account the same projects with the same account, each twice: the second run is
measured. Beside them, Usance's requests are downloaded bare. The lab's services take far longer for
an answer than the simulated cloud, and share this machine's processors with the programs.
`lab/README.md` says how to start it; `bench.labfill` gives it the servers.
"""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from bench import ours, peer
from bench.child import Took, measure
from bench.cloud import download
from bench.figures import Figure
from bench.place import REPOSITORY, directory
from bench.recorded import Asked, by_kind, read
from bench.workplace import Account, copy, forget_messages, prepare, records

CONCURRENCY = 8
USER, PROJECT = "accounting", "lab-atlas"


def is_up() -> bool:
    """Say whether the lab runs."""
    asked = [sys.executable, "lab", "status"]
    return subprocess.run(asked, cwd=REPOSITORY, capture_output=True, check=False, timeout=60).returncode == 0


def run(*, quick: bool = False) -> list[Figure]:
    """Measure both programs on the lab; nothing if it is not up."""
    if not is_up():
        print("the lab is not up: `make lab` starts it", file=sys.stderr)
        return []
    bench = _Bench()
    rounds = [bench.round() for _ in range(1 if quick else 3)]
    calls = {"Usance": bench.calls(), "cASO": bench.peer_calls()}
    case = f"lab, {rounds[0]['Usance'][1]} records"
    figures = []
    for name in ("Usance", "cASO"):
        took = [one[name][0] for one in rounds]
        figures += [
            Figure("lab", case, f"{name}: time", tuple(one.wall_s for one in took), "s"),
            Figure("lab", case, f"{name}: records", tuple(float(one[name][1]) for one in rounds)),
            Figure(
                "lab", case, f"{name}: calls", (sum(calls[name].values()),), note=_note(name, calls[name])
            ),
        ]
    figures += [
        Figure(
            "lab",
            case,
            "time of cASO / time of Usance",
            tuple(one["cASO"][0].wall_s / one["Usance"][0].wall_s for one in rounds),
        ),
        Figure(
            "lab",
            case,
            "time of Usance / time of bare download",
            tuple(one["Usance"][0].wall_s / bench.download() for one in rounds),
        ),
    ]
    return figures


def _note(name: str, calls: dict[str, int]) -> str:
    return f"on the lab, {name} asked: " + ", ".join(f"{count} {kind}" for kind, count in calls.items())


def _output(*arguments: str, limit_s: float) -> str:
    done = subprocess.run(
        [sys.executable, *arguments], cwd=REPOSITORY, stdout=subprocess.PIPE, check=True, timeout=limit_s
    )
    return done.stdout.decode()


def _account() -> Account:
    described = _output("lab", "env", "--user", USER, "--project", PROJECT, "--json", limit_s=60)
    env = json.loads(described)["environment"]
    return Account(env["OS_AUTH_URL"], env["OS_USERNAME"], env["OS_PASSWORD"])


class _Bench:
    def __init__(self) -> None:
        account = _account()
        projects = ",".join(json.loads(_output("-m", "bench.labfill", limit_s=1200)))
        self._work = directory() / "work"
        self._states = {name: self._work / f"lab-{name}" for name in ("Usance", "cASO")}
        self._requests = self._work / "lab-requests.jsonl"
        for work in self._states.values():
            path = prepare(work, account, extractors="nova")
            # The account may list no projects, so that the tag would be refused.
            named = f"[DEFAULT]\nprojects = {projects}\ncaso_tag ="
            path.write_text(path.read_text().replace("[DEFAULT]", named, 1))
        ours.run(self._states["Usance"], log=self._work / "lab-first.log", expected=(0, 1))
        peer.run(self._states["cASO"], until=datetime.now(UTC), log=self._work / "lab-peer-first.log")

    def _again(self, name: str) -> Path:
        work = self._states[name].with_name(f"lab-{name}-again")
        copy(self._states[name], work)
        forget_messages(work)
        return work

    def round(self) -> dict[str, tuple[Took, int]]:
        """Run both once."""
        mine, other = self._again("Usance"), self._again("cASO")
        first = ours.run(mine, log=self._work / "lab-second.log", expected=(0, 1))
        second = peer.run(other, until=datetime.now(UTC), log=self._work / "lab-peer-second.log")
        return {"Usance": (first, records(mine)), "cASO": (second, records(other))}

    def calls(self) -> dict[str, int]:
        """Run Usance once more, noting what it asks; unmeasured."""
        work = self._again("Usance")
        arguments: list[str | Path] = [
            sys.executable,
            "-m",
            "bench.listen",
            self._requests,
            "--config-file",
            work / "caso.conf",
        ]
        measure(arguments, log=self._work / "lab-listen.log", cwd=REPOSITORY, expected=(0, 1))
        return by_kind(read(self._requests))

    def peer_calls(self) -> dict[str, int]:
        """Run cASO once more with its debugging log, which names each request; unmeasured."""
        work = self._again("cASO")
        path = work / "caso.conf"
        loud = "[DEFAULT]\ndefault_log_levels = keystoneauth=DEBUG,keystoneauth.identity=DEBUG"
        path.write_text(path.read_text().replace("[DEFAULT]", loud, 1))
        log = self._work / "lab-peer-calls.log"
        peer.run(work, until=datetime.now(UTC), log=log, debug=True)
        found = []
        for line in log.read_text("utf-8", "replace").splitlines():
            _, curl, rest = line.partition(" REQ: curl ")
            if curl:
                words = rest.replace('"', " ").split()
                method = words[words.index("-X") + 1] if "-X" in words else "GET"
                url = next((word for word in words if word.startswith("http")), "")
                found.append(Asked(method, url, 0))
            elif "Making authentication request to" in line:
                found.append(Asked("POST", line.rpartition(" ")[2], 0))
        return by_kind(found)

    def download(self) -> float:
        """Ask for the same, bare; return the seconds."""
        return download("", self._requests, CONCURRENCY, self._work / "lab-download.log")[0]
