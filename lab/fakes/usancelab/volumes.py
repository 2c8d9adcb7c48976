"""A storage back end whose volumes exist in Cinder's database only."""

from typing import Any

from cinder.tests import fake_driver


class LabVolumeDriver(fake_driver.FakeLoggingVolumeDriver):
    """The driver of Cinder's own tests, which logs what it is told and does nothing."""

    def retype(self, context: Any, volume: Any, new_type: Any, diff: Any, host: Any) -> tuple[bool, None]:  # noqa: ARG002
        """Change a volume's type where it is: there is nothing to move."""
        return True, None

    def clone_image(self, *_: Any) -> tuple[dict[str, Any], bool]:
        """Make a volume of an image, at once."""
        return {}, True

    def revert_to_snapshot(self, *_: Any) -> None:
        """Take a volume back to a snapshot."""
