"""A real OpenStack control plane on one machine, over fake hypervisors: `python3 lab --help`."""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys

from configuration import write_policies
from contents import DOCUMENTED, READER
from packages import install
from place import Place
from processes import LabError, say
from services import down, reset, status, up

EPILOG = """\
USANCE_LAB_DIR        where the lab keeps everything (default: ~/.cache/usance-lab)
USANCE_LAB_PORT_BASE  its ports lie above this one (default: 27000)
USANCE_LAB_PYTHON     the Python 3.11 of its virtual environment (default: this one)

The administrator is `admin`, password `lab`. To use the cloud:  eval "$(python3 lab env)"
"""


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="lab", description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("install", help="install from Debian and PyPI what is missing")
    commands.add_parser("up", help="install, start and fill the cloud; what is there already stays")
    commands.add_parser("down", help="stop it; what it holds stays")
    commands.add_parser("reset", help="stop it and throw away what it holds")
    commands.add_parser("status", help="say what runs; exit status 1 if something does not")
    env = commands.add_parser("env", help="print the variables with which a client speaks to it")
    env.add_argument("--user", default="admin", help=f"for instance {READER} or {DOCUMENTED}")
    env.add_argument("--project", default="admin")
    env.add_argument("--json", action="store_true", help="everything that a program needs to know of the lab")
    policies = commands.add_parser("policies", help="give the services other policies")
    policies.add_argument("variant", choices=["default", "accounting"], help="a directory below policies/")
    return parser.parse_args(arguments)


def show_status(place: Place) -> int:
    """Print what runs."""
    found = status(place)
    for name, pid in found.items():
        print(f"{name:16} {pid or 'down'}")
    return 0 if all(found.values()) else 1


def show_environment(place: Place, options: argparse.Namespace) -> None:
    """Print how the lab is reached: for a shell, or for a program."""
    variables = place.client_environment(options.user, options.project)
    if options.json:
        more = {"nova_soft": place.url("nova-soft", "/v2.1"), "voms": str(place.root / "voms.json")}
        print(json.dumps({"environment": variables, "amqp": place.amqp_url} | more, indent=2))
    else:
        for name, value in variables.items():
            print(f"export {name}={shlex.quote(value)}")


def main(arguments: list[str]) -> int:
    """Do what the command line asks for."""
    options = parse(arguments)
    place = Place.from_environment()
    match options.command:
        case "install":
            install(place)
        case "up":
            up(place)
            say('for a client: eval "$(python3 lab env)"')
        case "down":
            down(place)
        case "reset":
            reset(place)
        case "status":
            return show_status(place)
        case "env":
            show_environment(place, options)
        case "policies":
            write_policies(place, None if options.variant == "default" else options.variant)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (LabError, TimeoutError, subprocess.CalledProcessError) as error:
        sys.exit(f"lab: {error}")
