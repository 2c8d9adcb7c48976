"""Messages of each kind, and a queue of them."""

from __future__ import annotations

from pathlib import Path

from dirq.QueueSimple import QueueSimple


def record(number: int, name: str = "web", padding: int = 0) -> str:
    """Return the lines of one cloud record."""
    return (
        f"VMUUID: {number:08d}-0000-4000-8000-000000000000\n"
        f"SiteName: TEST-Site\nMachineName: {name}\nStartTime: 1795302051\n"
        f"ImageId: {'i' * (1 + padding)}\n"
    )


def cloud_message(*records: str) -> bytes:
    """Return a cloud message as SSM's queue has it."""
    return ("APEL-cloud-message: v0.4\n" + "\n%%\n".join(records) + "\n").encode()


def filled(queue: Path, *bodies: bytes) -> list[str]:
    """Put messages into a dirq; return their names in order."""
    writer = QueueSimple(str(queue))
    return sorted(writer.add(body) for body in bodies)
