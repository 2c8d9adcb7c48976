"""One server's life: what was done to it and when, and how Nova would show it at any moment.

All instants are whole microseconds since 1970, UTC. Values are kept
from the garbage collector (they can't be in cycles): with 100,000 lives to make it would take as
long as making them. Nothing here knows how Usance counts: the
simulated cloud and the truth that tests compare with are both made from these values.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from usance.demo.site import Flavor

NEVER: Final = 1 << 62
"""An instant that doesn't come."""


class Step(msgspec.Struct, frozen=True, gc=False):
    """One action on a server, and what is different after it."""

    action: str  # Nova's name of the action; empty for a change that Nova records no action of
    begin_us: int
    end_us: int
    state: str  # vm_state after it
    flavor: Flavor | None  # what the server runs on after it
    image_id: str  # empty for a server that boots from a volume
    failed: bool = False  # the action says Error
    launches: bool = False  # Nova sets launched_at at its end


class Life(msgspec.Struct, frozen=True, gc=False):
    """Everything that will ever be so of one server."""

    id: str
    project_id: str
    user_id: str | None
    name: str
    zone: str
    host: str
    cell: int  # which of Nova's cells keeps the row
    created_us: int
    flavor: Flavor | None  # the one it was created with
    image_id: str
    steps: tuple[Step, ...]  # in order, none begins before the one before it has ended
    deleted_us: int = NEVER  # the row says DELETED from here on
    half_deleted: bool = False  # the row says DELETED, but never got its terminated_at
    purged_us: int = NEVER  # the row is archived: Nova knows nothing of it any more
    fixed_ip: str = "10.0.0.2"
    floating_ips: tuple[str, ...] = ()
    omitted: tuple[str, ...] = ()  # keys that the row doesn't have, as a hostile or broken cloud would do

    @property
    def changes(self) -> Iterator[int]:
        """Yield the instants at which the row changes, in order (the purge is not one of them)."""
        yield self.created_us
        for step in self.steps:
            if step.begin_us > self.deleted_us:
                break
            if step.action:
                yield step.begin_us
            if step.end_us < self.deleted_us:
                yield step.end_us
        if self.deleted_us != NEVER:
            yield self.deleted_us

    def at(self, now_us: int) -> View:
        """Return the row as it is at an instant, which must not lie before the creation."""
        state, task, flavor, image_id = "building", "spawning", self.flavor, self.image_id
        updated_us, launched_us, until_us = self.created_us, 0, self.deleted_us
        for step in self.steps:
            if step.begin_us > now_us:
                until_us = min(until_us, step.begin_us)
                break
            if step.end_us > now_us:
                task, until_us = task_state(step), min(until_us, step.end_us)
                updated_us = max(updated_us, step.begin_us)
                break
            state, task, flavor, image_id, updated_us = (
                step.state,
                "",
                step.flavor,
                step.image_id,
                step.end_us,
            )
            if step.launches:
                launched_us = step.end_us
        deleted = now_us >= self.deleted_us
        if deleted:
            state, task, updated_us, until_us = "deleted", "", self.deleted_us, NEVER
        return View(
            state=state,
            task=task,
            flavor=flavor,
            image_id=image_id,
            updated_us=updated_us,
            launched_us=launched_us,
            terminated_us=self.deleted_us if deleted and not self.half_deleted else 0,
            since_us=updated_us,
            until_us=until_us,
        )


class View(msgspec.Struct, frozen=True, gc=False):
    """A server's row at some instant, and between which instants it is the same."""

    state: str
    task: str  # empty for none
    flavor: Flavor | None
    image_id: str
    updated_us: int
    launched_us: int  # 0 for never
    terminated_us: int  # 0 for never
    since_us: int
    until_us: int

    @property
    def status(self) -> str:
        """What Nova's API calls the state (nova.api.openstack.common, the map of status by task)."""
        return _STATUS_BY_TASK.get((self.state, self.task)) or _STATUS[self.state]


_STATUS: Final = {
    "building": "BUILD",
    "active": "ACTIVE",
    "stopped": "SHUTOFF",
    "paused": "PAUSED",
    "suspended": "SUSPENDED",
    "rescued": "RESCUE",
    "resized": "VERIFY_RESIZE",
    "shelved": "SHELVED",
    "shelved_offloaded": "SHELVED_OFFLOADED",
    "soft-delete": "SOFT_DELETED",
    "error": "ERROR",
    "deleted": "DELETED",
}

_STATUS_BY_TASK: Final = {
    ("active", "rebooting"): "REBOOT",
    ("active", "rebuilding"): "REBUILD",
    ("active", "resize_migrating"): "RESIZE",
    ("stopped", "rebuilding"): "REBUILD",
    ("stopped", "resize_migrating"): "RESIZE",
    ("resized", "resize_reverting"): "REVERT_RESIZE",
}

TASKS: Final = {
    "create": "spawning",
    "stop": "powering-off",
    "start": "powering-on",
    "pause": "pausing",
    "unpause": "unpausing",
    "suspend": "suspending",
    "resume": "resuming",
    "shelve": "shelving",
    "shelveOffload": "shelving_offloading",
    "unshelve": "unshelving",
    "resize": "resize_migrating",
    "confirmResize": "",
    "revertResize": "resize_reverting",
    "rebuild": "rebuilding",
    "reboot": "rebooting",
    "rescue": "rescuing",
    "unrescue": "unrescuing",
    "restore": "restoring",
    "delete": "deleting",
}
"""The actions of Nova that occur here, and the task_state that a row has while each is under way."""


def task_state(step: Step) -> str:
    """Return the task_state that the row has while a step is under way."""
    if step.action == "delete" and step.state == "soft-delete":
        return "soft-deleting"
    return TASKS.get(step.action, "")


# The state after each action that has one of its own.
_STATE_AFTER: Final = {
    "create": "active",
    "stop": "stopped",
    "start": "active",
    "pause": "paused",
    "unpause": "active",
    "suspend": "suspended",
    "resume": "active",
    "shelve": "shelved",
    "shelveOffload": "shelved_offloaded",
    "unshelve": "active",
    "resize": "resized",
    "rescue": "rescued",
    "unrescue": "active",
    "restore": "active",
}

_LAUNCHING: Final = frozenset({"create", "resize", "revertResize", "rebuild"})


class LifeWriter:
    """Writes a life down, action by action, the way Nova's state machine would have it."""

    def __init__(self, created_us: int, flavor: Flavor | None, image_id: str) -> None:
        self.created_us = created_us
        self.first_flavor = flavor
        self.first_image_id = image_id
        self.state = "building"
        self.flavor = flavor
        self.image_id = image_id
        self.steps: list[Step] = []
        self.deleted_us = NEVER
        self._before_resize: tuple[str, Flavor | None] = ("active", flavor)

    def act(
        self,
        action: str,
        begin_us: int,
        end_us: int,
        *,
        flavor: Flavor | None = None,
        image_id: str | None = None,
        failed: bool = False,
    ) -> None:
        """Do something to the server; a failed action changes nothing, but a failed build ends in error."""
        if action not in TASKS or action == "delete":
            raise ValueError(f"{action!r} is not an action that this cloud knows")
        if failed:
            if action == "create":
                self.state = "error"
        elif action == "resize":
            self._before_resize = (self.state, self.flavor)
            self.flavor, self.state = flavor, "resized"
        elif action == "confirmResize":
            self.state = self._before_resize[0]
        elif action == "revertResize":
            self.state, self.flavor = self._before_resize
        elif action == "rebuild":
            self.image_id = self.image_id if image_id is None else image_id
        else:
            self.state = _STATE_AFTER.get(action, self.state)
        self._note(action, begin_us, end_us, failed=failed, launches=not failed and action in _LAUNCHING)

    def become(self, state: str, at_us: int) -> None:
        """Change the state without any action, as a crash or an operator in the database does."""
        if state not in _STATUS:
            raise ValueError(f"{state!r} is not a vm_state that this cloud knows")
        self.state = state
        self._note("", at_us, at_us)

    def offload_at_once(self) -> None:
        """Let the shelving that was noted last end with the server offloaded."""
        self.state = "shelved_offloaded"
        self.steps[-1] = msgspec.structs.replace(self.steps[-1], state=self.state)

    def soft_delete(self, begin_us: int, end_us: int) -> None:
        """Delete for now: the server can be restored, and lives until it is really deleted."""
        self.state = "soft-delete"
        self._note("delete", begin_us, end_us)

    def delete(self, begin_us: int, deleted_us: int, end_us: int, *, action: bool = True) -> None:
        """Delete for good: the row says so at *deleted_us*, the action (if there is one) ends at *end_us*."""
        self.state = "deleted"
        self.deleted_us = deleted_us
        if action:
            self._note("delete", begin_us, end_us)

    def _note(
        self, action: str, begin_us: int, end_us: int, *, failed: bool = False, launches: bool = False
    ) -> None:
        last_us = self.steps[-1].end_us if self.steps else self.created_us
        if not last_us <= begin_us <= end_us:
            raise ValueError(f"{action or 'change'} at {begin_us} does not follow what ended at {last_us}")
        self.steps.append(
            Step(action, begin_us, end_us, self.state, self.flavor, self.image_id, failed, launches)
        )
