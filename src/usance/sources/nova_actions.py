"""What a server's instance actions tell: when its states began, and when its flavor or image changed.

Nova dates an action by its `start_time` (of the request) and by `updated_at` (since 2.58), which
is the end of its last step once it is over. It says neither the resulting state nor the flavor,
so the state comes from the table below, and the flavor is left untold.

Sources: nova/compute/instance_actions.py (the names), nova/compute/manager.py and
nova/compute/api.py (the states that they end in), nova/db/main/api.py, action_event_start and
action_event_finish (the times).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from usance.model.resource import FLAVOR_ATTRIBUTES, IMAGE_ID, STATE
from usance.sources.nova_rows import ActionRow, EventRow, ServerRow, parse_instant
from usance.sources.nova_states import (
    ACTIVE,
    ERROR,
    PAUSED,
    RESCUED,
    RESIZED,
    SHELVED,
    SHELVED_OFFLOADED,
    SOFT_DELETED,
    STOPPED,
    SUSPENDED,
    state_of,
)

SECOND = timedelta(seconds=1)
SOON = timedelta(seconds=2)
"""The difference of two times of one event, each in whole seconds, one rounded and one cut."""

ERROR_WINDOW = timedelta(seconds=5)
"""A row that says error this soon after a failed action says what that action did."""


class Effect(msgspec.Struct, frozen=True):
    """What an action surely results in. *state*: a state, or one of the words below."""

    state: str
    untold: tuple[str, ...] = ()


AS_BEFORE_RESIZE = "as before the resize"  # active, or stopped if it was stopped
AS_BEFORE = "as before"  # stopped if it was stopped, else active
PERHAPS_STOPPED = "perhaps stopped"  # stopped if it was stopped; otherwise a row must tell
REBOOTED = "rebooted"  # rescued if it was rescued, else active
NOBODY_KNOWS = "nobody knows"
DELETION = "deletion"  # soft-deleted, or gone

EFFECTS = {
    "create": Effect(ACTIVE),
    "delete": Effect(DELETION),  # the same name for a soft one
    "restore": Effect(ACTIVE),
    "stop": Effect(STOPPED),
    "start": Effect(ACTIVE),
    "reboot": Effect(REBOOTED),
    "pause": Effect(PAUSED),
    "unpause": Effect(ACTIVE),
    "suspend": Effect(SUSPENDED),
    "resume": Effect(ACTIVE),
    "rescue": Effect(RESCUED),
    "unrescue": Effect(ACTIVE),
    "shelve": Effect(SHELVED),
    "shelveOffload": Effect(SHELVED_OFFLOADED),
    "unshelve": Effect(ACTIVE),
    "resize": Effect(RESIZED, FLAVOR_ATTRIBUTES),
    "migrate": Effect(RESIZED),  # a cold one waits for its confirmation like a resize
    "confirmResize": Effect(AS_BEFORE_RESIZE),
    "revertResize": Effect(AS_BEFORE_RESIZE, FLAVOR_ATTRIBUTES),
    "rebuild": Effect(AS_BEFORE, (IMAGE_ID,)),
    "evacuate": Effect(PERHAPS_STOPPED),  # since 2.95 it ends stopped, before that it is restarted
    "resetState": Effect(NOBODY_KNOWS),
}
"""Actions that are not here (lock, attach_volume, live-migration, createImage ...) change nothing
that is accounted."""

LOCAL_DELETION = timedelta(seconds=30)
"""How long the deletion of a server that is on no host may take."""

OFFLOAD_EVENT = "compute_shelve_offload_instance"


class Fact(msgspec.Struct, frozen=True):
    """What one action did: a state, attributes that it left untold, or the deletion."""

    at: datetime  # the end of the action
    begin: datetime
    request_id: str | None
    state: str | None = None
    untold: tuple[str, ...] = ()


class Told(msgspec.Struct, frozen=True):
    """What all actions of a server tell together."""

    facts: tuple[Fact, ...] = ()
    creation: Fact | None = None  # of the create action; None if the list does not reach back so far
    deletion: Fact | None = None  # of the action that ended the server's life
    pending: str | None = None  # the request that is not over yet, or not surely


class _Action(msgspec.Struct):
    name: str
    effect: Effect
    begin: datetime
    end: datetime | None
    request_id: str | None
    failed: bool


def doubtful(row: ServerRow, actions: Sequence[ActionRow], *, read_from: datetime) -> list[str]:
    """Return the requests whose steps must be read before their actions can be told.

    That is: every action where Nova is too old to say when it ended; a failed one, because one
    attempt of several may have failed; and the last one if the server was saved after it seemed to
    end, because then its last step may be still under way.
    """
    known = _known(actions, {})
    asked = [one.request_id for one in known if one.end is None or (one.failed and one.name != "create")]
    if not row.is_deleted and known and not row.task_state:
        last = known[-1]
        saved = parse_instant(row.updated)
        if last.begin < read_from and last.end is not None and saved and saved > last.end + SECOND:
            asked.append(last.request_id)
    return list(dict.fromkeys(one for one in asked if one))


def tell(
    row: ServerRow,
    actions: Sequence[ActionRow],
    steps: Mapping[str, Sequence[EventRow]],
    *,
    read_from: datetime,
) -> Told:
    """Return what the actions tell.

    *steps* are the steps of the actions that are :func:`doubtful`, by request; *read_from* is the
    earliest moment, by the cloud's clock, at which the row was read: what began later is not
    in it yet. The same action always gives the same facts, whenever it is told.
    """
    known = _known(actions, steps)
    walk = _Walk(row, steps, pending=_pending(row, known, steps, read_from))
    for index, action in enumerate(known):
        walk.step(action, known[index + 1 :])
    return Told(tuple(walk.facts), walk.creation, walk.deletion, walk.pending)


def _known(actions: Sequence[ActionRow], steps: Mapping[str, Sequence[EventRow]]) -> list[_Action]:
    found: list[_Action] = []
    for one in actions:
        effect = EFFECTS.get(one.action)
        begin = parse_instant(one.start_time)
        if effect is None or begin is None:
            continue
        own = steps.get(one.request_id or "", ())
        end = parse_instant(one.updated_at) or _last_finish(own)
        failed = (one.message or "").lower() == "error" and not _ended_well(own)
        found.append(_Action(one.action, effect, begin, end, one.request_id, failed))
    found.sort(key=lambda one: (one.begin, one.end or one.begin, one.name))
    return found


def _last_finish(steps: Sequence[EventRow]) -> datetime | None:
    ends = [end for one in steps if (end := parse_instant(one.finish_time)) is not None]
    return max(ends, default=None)


def _last_step(steps: Sequence[EventRow]) -> EventRow | None:
    started = [one for one in steps if one.start_time and one.event != OFFLOAD_EVENT]
    return max(started, key=lambda one: one.start_time or "", default=None)


def _ended_well(steps: Sequence[EventRow]) -> bool:
    """Whether the last step went well: an earlier one that failed was tried again on another host."""
    last = _last_step(steps)
    return last is not None and (last.result or "").lower() == "success"


def _pending(
    row: ServerRow,
    known: Sequence[_Action],
    steps: Mapping[str, Sequence[EventRow]],
    read_from: datetime,
) -> frozenset[int]:
    """Return the places of the actions that may be still under way.

    Nova lets a server have one task at a time, and marks it with a task state; so all but the last
    action are over. Of a deleted server all are.
    """
    if row.is_deleted or not known:
        return frozenset()
    pending = {place for place, one in enumerate(known) if one.begin > read_from - SECOND}
    last = known[-1]
    step = _last_step(steps.get(last.request_id or "", ()))
    if row.task_state or (step is not None and not step.finish_time):
        pending.add(len(known) - 1)
    return frozenset(pending)


class _Walk:
    """Goes through the actions in their order, and keeps the state that each one left."""

    def __init__(
        self, row: ServerRow, steps: Mapping[str, Sequence[EventRow]], *, pending: frozenset[int]
    ) -> None:
        self.facts: list[Fact] = []
        self.creation: Fact | None = None
        self.deletion: Fact | None = None
        self.pending: str | None = None
        self._row = row
        self._steps = steps
        self._pending = pending
        self._place = -1
        self._state: str | None = None  # None: not known
        self._before_resize: str | None = None
        self._deleted_at = parse_instant(row.terminated_at) if row.is_deleted else None

    def step(self, action: _Action, later: Sequence[_Action]) -> None:
        self._place += 1
        if action.name == "create":
            self._create(action)
        if self._place in self._pending:
            self.pending = action.request_id or action.name
            return
        if action.end is None:
            self._state = None
            return
        if action.name == "delete":
            self._delete(action, action.end, later)
        elif self._is_failure(action, later):
            self._fail(action, action.end, later)
        elif not later and self._contradicts(action, action.end):
            self.pending = action.request_id or action.name
        else:
            self._succeed(action, action.end)

    def _create(self, action: _Action) -> None:
        self.creation = Fact(action.begin, action.begin, action.request_id)

    def _succeed(self, action: _Action, end: datetime) -> None:
        state, untold = self._result(action), action.effect.untold
        if action.effect.state == RESIZED:
            self._before_resize = self._state
        if state is None:
            untold = (*untold, STATE)
        self.facts.append(Fact(end, action.begin, action.request_id, state, untold))
        self._state = state
        if action.name == "shelve":
            self._offload(action, end)

    def _offload(self, action: _Action, end: datetime) -> None:
        """Tell the offloading that belongs to a shelving: Nova has no action of its own for it.

        With `shelved_offload_time = 0`, the default, it is part of the shelving and ends with it; as
        the row can tell that only for a while, the shelving itself always tells shelved, and the
        offloading is told one microsecond later: the same instant in whole seconds. A later one
        leaves a step with its time.
        """
        for one in self._steps.get(action.request_id or "", ()):
            finish = parse_instant(one.finish_time)
            if one.event == OFFLOAD_EVENT and finish is not None and finish > end:
                self._tell_offloaded(action, finish)
                return
        saved = parse_instant(self._row.updated)
        is_offloaded = not self._row.is_deleted and state_of(self._row) == SHELVED_OFFLOADED
        if is_offloaded and saved is not None and action.begin <= saved <= end + SECOND:
            self._tell_offloaded(action, end + timedelta(microseconds=1))

    def _tell_offloaded(self, action: _Action, at: datetime) -> None:
        self.facts.append(Fact(at, action.begin, action.request_id, SHELVED_OFFLOADED))
        self._state = SHELVED_OFFLOADED

    def _result(self, action: _Action) -> str | None:
        """Return the state that a successful action ends in; None if nobody can tell."""
        word = action.effect.state
        if word == AS_BEFORE_RESIZE:
            return _stopped_or_active(self._before_resize)
        if word == AS_BEFORE:
            return _stopped_or_active(self._state)
        if word == PERHAPS_STOPPED:
            return STOPPED if self._state == STOPPED else None
        if word == REBOOTED:
            return RESCUED if self._state == RESCUED else ACTIVE
        return None if word == NOBODY_KNOWS else word

    def _is_failure(self, action: _Action, later: Sequence[_Action]) -> bool:
        """Tell success from failure, where Nova's own word is not enough."""
        following = next((one for one in later if one.effect.state != DELETION), None)
        if action.name == "create":
            # A build that fails on every host ends without an error of its step; only launched_at tells.
            return not self._row.launched_at
        if action.name == "unshelve" and following is not None:
            # One that finds no host ends without an error as well.
            return action.failed or following.name in {"unshelve", "shelveOffload"}
        if action.effect.state == RESIZED and following is not None:
            # What is confirmed or reverted had succeeded, if on another host than the one that failed.
            return action.failed and following.name not in {"confirmResize", "revertResize"}
        return action.failed

    def _contradicts(self, action: _Action, end: datetime) -> bool:
        """Whether the row was not saved since the last action ended, and shows another state.

        Then the action is not over (a confirmation has no task state) or came to nothing.
        """
        saved = parse_instant(self._row.updated)
        shown = None if self._row.is_deleted else state_of(self._row)
        if shown is None or saved is None or saved > end + SOON:
            return False
        result = self._result(action)
        if result is None:
            return shown == RESIZED and action.effect.state == AS_BEFORE_RESIZE
        return shown != result and not (result == SHELVED and shown == SHELVED_OFFLOADED)

    def _fail(self, action: _Action, end: datetime, later: Sequence[_Action]) -> None:
        """Change nothing, but that a failed action may leave the server in error."""
        saved = parse_instant(self._row.updated)
        is_error = not self._row.is_deleted and not later and state_of(self._row) == ERROR
        if is_error and saved is not None and abs(saved - end) <= ERROR_WINDOW:
            self.facts.append(Fact(end, action.begin, action.request_id, ERROR))
            self._state = ERROR

    def _delete(self, action: _Action, end: datetime, later: Sequence[_Action]) -> None:
        """Tell the end of life from a soft deletion, which has the same action."""
        if action.failed:
            return
        again = any(one.name in {"restore", "delete"} and not one.failed for one in later)
        if self._row.is_deleted and self._is_the_end(action, end, again=again):
            self.deletion = Fact(end, action.begin, action.request_id)
        elif again or self._row.is_deleted or state_of(self._row) == SOFT_DELETED:
            self.facts.append(Fact(end, action.begin, action.request_id, SOFT_DELETED))
            self._state = SOFT_DELETED

    def _is_the_end(self, action: _Action, end: datetime, *, again: bool) -> bool:
        """Whether a deletion of a server that is gone was the last one: the row was terminated by its end."""
        if self._deleted_at is None:
            return not again
        # Nova records the local deletion of a server without a host only after it, and without a step.
        late = LOCAL_DELETION if action.begin == end else SOON
        return end >= self._deleted_at - late


def _stopped_or_active(before: str | None) -> str | None:
    if before is None:
        return None
    return STOPPED if before == STOPPED else ACTIVE
