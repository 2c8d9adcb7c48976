"""What has to be on the machine: programs from Debian, OpenStack from PyPI."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from place import HERE, Place
from processes import LabError, say

# The -core packages of MariaDB bring the programs without a system service.
DEBIAN = ("rabbitmq-server", "mariadb-server-core", "mariadb-client-core", "memcached")
LOCK = HERE / "requirements.lock"
POLICY = Path("/usr/sbin/policy-rc.d")


def lock_digest() -> str:
    """Return what tells one set of versions from another."""
    return hashlib.sha256(LOCK.read_bytes()).hexdigest()


def missing_packages() -> list[str]:
    """Return the Debian packages that are not installed."""
    shown = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n", *DEBIAN],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=False,
    ).stdout
    installed = {line.split()[0] for line in shown.splitlines() if line.endswith(" installed")}
    return [package for package in DEBIAN if package not in installed]


def install_packages(packages: list[str]) -> None:
    """Install Debian packages, as root or through sudo, and let none of them start a service."""
    say(f"apt-get install {' '.join(packages)}")
    root = [] if os.geteuid() == 0 else ["sudo", "--preserve-env=DEBIAN_FRONTEND"]
    wait = ["-o", "DPkg::Lock::Timeout=300"]
    command = [*root, "apt-get", *wait, "install", "-y", "-q", "--no-install-recommends", *packages]
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    ours = not POLICY.exists()
    if ours:  # 101 is how invoke-rc.d is told that an action is forbidden
        script = f"printf '#!/bin/sh\\nexit 101\\n' > {POLICY} && chmod 755 {POLICY}"
        subprocess.run([*root, "sh", "-c", script], check=True)
    try:
        if subprocess.call(command, env=environment, stdout=sys.stderr):
            subprocess.run([*root, "apt-get", *wait, "update", "-q"], check=True, stdout=sys.stderr)
            subprocess.run(command, check=True, env=environment, stdout=sys.stderr)
    finally:
        if ours:
            subprocess.run([*root, "rm", "-f", str(POLICY)], check=True)


def python_for_the_lab() -> str:
    """Return a Python that the lock file holds for."""
    wanted = os.environ.get("USANCE_LAB_PYTHON")
    if wanted:
        return wanted
    if sys.version_info[:2] == (3, 11):
        return sys.executable
    found = shutil.which("python3.11")
    if not found:
        raise LabError("the lab needs Python 3.11: install it, or name one in USANCE_LAB_PYTHON")
    return found


def install_openstack(place: Place) -> None:
    """Fill the virtual environment with the versions of the lock file."""
    stamp = place.virtualenv / "usance-lab.lock"
    if stamp.exists() and stamp.read_text(encoding="utf-8") == lock_digest():
        return
    say(f"pip install of OpenStack into {place.virtualenv}")
    if not Path(place.program("python")).exists():
        subprocess.run([python_for_the_lab(), "-m", "venv", str(place.virtualenv)], check=True)
    pip = [place.program("python"), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    subprocess.run([*pip, "-U", "pip", "wheel", "setuptools<81"], check=True, env=environment)
    subprocess.run([*pip, "-r", str(LOCK)], check=True, env=environment, stdout=sys.stderr)
    stamp.write_text(lock_digest(), encoding="utf-8")


def install_driver(place: Place) -> None:
    """Put our hypervisor where Nova looks for it: it loads drivers from its own package only."""
    libraries = sorted(place.virtualenv.glob("lib/python3.*/site-packages/nova/virt"))
    if len(libraries) != 1:
        raise LabError(f"Nova is not in {place.virtualenv}: remove that directory and try again")
    shutil.copyfile(HERE / "fakes" / "nova_driver.py", libraries[0] / "usancelab.py")


def install(place: Place) -> None:
    """Make sure that everything is there; what is there already is left alone."""
    place.root.mkdir(parents=True, exist_ok=True)
    if missing := missing_packages():
        install_packages(missing)
    install_openstack(place)
    install_driver(place)
