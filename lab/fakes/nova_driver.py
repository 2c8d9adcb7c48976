"""Nova's own fake hypervisor, so that it outlives its process and fails where it is told to.

Copied into the package nova.virt of the lab's virtual environment: Nova loads drivers from
nowhere else.
"""

import io
from typing import Any

from nova import exception, objects
from nova.compute import power_state
from nova.image import glance
from nova.virt import fake


class LabDriver(fake.FakeDriverWithoutFakeNodes):
    """One large host, whose node keeps its identity in the state directory of the process."""

    vcpus = 10_000
    memory_mb = 80_000_000
    local_gb = 6_000_000

    def _know(self, instance: objects.Instance) -> None:
        """Take a server over that an earlier life of this process built."""
        if instance.uuid not in self.instances:
            self.instances[instance.uuid] = fake.FakeInstance(
                instance.name, power_state.RUNNING, instance.uuid
            )

    def resume_state_on_host_boot(self, _: Any, instance: objects.Instance, *__: Any, **___: Any) -> None:
        """Be told of a server that ran when this process ended."""
        self._know(instance)

    def spawn(self, context: Any, instance: objects.Instance, *rest: Any, **more: Any) -> None:
        """Build a server, unless its metadata ask for a failure: `usance-lab` = `fail-to-build`."""
        if instance.metadata.get("usance-lab") == "fail-to-build":
            raise exception.BuildAbortException(instance_uuid=instance.uuid, reason="its metadata ask for it")
        super().spawn(context, instance, *rest, **more)

    def power_off(self, instance: objects.Instance, *rest: Any, **more: Any) -> None:
        """Stop a server."""
        self._know(instance)
        super().power_off(instance, *rest, **more)

    def power_on(self, context: Any, instance: objects.Instance, *rest: Any, **more: Any) -> None:
        """Start a server."""
        self._know(instance)
        super().power_on(context, instance, *rest, **more)

    def snapshot(self, context: Any, instance: objects.Instance, image_id: str, update: Any) -> None:
        """Upload a small image, so that the image of a shelved server becomes active."""
        self._know(instance)
        super().snapshot(context, instance, image_id, update)
        image = {"disk_format": "raw", "container_format": "bare", "status": "active"}
        glance.API().update(context, image_id, image, io.BytesIO(bytes(4096)), purge_props=False)
