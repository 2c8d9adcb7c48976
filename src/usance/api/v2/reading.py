"""What the routes read from the ledger: synchronous, each call in one of the ledger's threads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final, TypeVar

import msgspec

from usance.api.errors import RefusedError
from usance.api.v2 import answers, cursors
from usance.api.v2.asking import Listed
from usance.ledger.answers import Asked, Cursor
from usance.ledger.ledger import Ledger

T = TypeVar("T")

_PROJECTS: Final = "projects"
_SINCE: Final = "since"

Rows = tuple[Sequence[Any], Cursor | None]
"""Rows as they are told, and where the next ones begin."""

Fetch = Callable[[Cursor | None, int], Rows]
"""Reads the rows behind a cursor, at most so many."""


def projects(ledger: Ledger, asked: Asked) -> Fetch:
    """Return how to read projects."""

    def fetch(after: Cursor | None, limit: int) -> Rows:
        found = ledger.questions.projects(
            asked.projects, asked.clouds, after=None if after is None else _place(after), limit=limit + 1
        )
        following = None
        if len(found) > limit:
            following = Cursor(_PROJECTS, (found[limit - 1].project_id, found[limit - 1].cloud_id))
        return [answers.project_of(one) for one in found[:limit]], following

    return fetch


def _place(cursor: Cursor) -> tuple[str, str]:
    if cursor.of != _PROJECTS or len(cursor.key) != 2:
        raise cursors.foreign()
    project_id, cloud_id = cursor.key
    return str(project_id), str(cloud_id)


def resources(ledger: Ledger, listed: Listed) -> Fetch:
    """Return how to read resources."""

    def fetch(after: Cursor | None, limit: int) -> Rows:
        page = ledger.questions.resources(
            listed.asked, sort=listed.sort, descending=listed.descending, after=after, limit=limit
        )
        return [answers.resource_of(one) for one in page.items], page.next

    return _refusing(fetch)


def spans(ledger: Ledger, listed: Listed) -> Fetch:
    """Return how to read spans."""

    def fetch(after: Cursor | None, limit: int) -> Rows:
        page = ledger.questions.spans(
            listed.asked,
            sort=listed.sort,
            descending=listed.descending,
            after=after,
            limit=limit,
            clip=listed.clip,
        )
        until = listed.until if listed.clip else None
        return [answers.span_of(one, until) for one in page.items], page.next

    return _refusing(fetch)


def lives(ledger: Ledger, asked: Asked) -> answers.Lives:
    """Return the lives of a resource. RefusedError (404) if there is none that the caller may see."""
    found = ledger.questions.lives(asked)
    if not found:
        raise RefusedError(404, "there is no such resource", hint="/v2/resources lists those that there are")
    return answers.Lives(tuple(map(answers.life_of, found)))


class Feed(msgspec.Struct, frozen=True):
    """A question for what became of the spans of a project."""

    project_id: str | None
    cloud_id: str | None
    kinds: tuple[str, ...] | None
    since_revision: int
    recorded_after: datetime | None
    cursor: str | None
    limit: int


def changes(ledger: Ledger, feed: Feed) -> answers.Changes:
    """Return a part of the changes. RefusedError (404) if the ledger knows no such project."""
    place = _known(ledger, feed.project_id, feed.cloud_id)
    question = ("changes", place, feed.kinds)
    since, recorded_after, after = feed.since_revision, feed.recorded_after, None
    if feed.cursor is not None:
        after = cursors.unseal(feed.cursor, question)
        since, recorded_after = 0, None
        if after.of == _SINCE:
            since, after = _revision(after), None
    page = _refused(
        lambda: ledger.questions.changes(
            *place,
            since_revision=since,
            since=recorded_after,
            kinds=feed.kinds,
            after=after,
            limit=feed.limit,
        )
    )
    # What comes later has a greater revision than the project has now, unless it was restored from a copy.
    following = page.next or Cursor(_SINCE, (page.revision,))
    return answers.Changes(
        tuple(map(answers.change_of, page.items)),
        next=cursors.seal(following, question),
        more=page.next is not None,
        revision=page.revision,
    )


def _revision(cursor: Cursor) -> int:
    if len(cursor.key) != 1 or not isinstance(cursor.key[0], int) or not 0 <= cursor.key[0] < 1 << 63:
        raise cursors.foreign()
    return cursor.key[0]


def _known(ledger: Ledger, project_id: str | None, cloud_id: str | None) -> tuple[str, str]:
    """Return the one place that a project has in the ledger."""
    named = () if project_id is None else (project_id,)
    places = ledger.questions.projects(named, None if cloud_id is None else (cloud_id,))
    found = [one.cloud_id for one in places]
    if project_id is None or not found:
        raise RefusedError(404, "there is no such project", hint="/v2/projects lists those that there are")
    if len(found) > 1:
        raise RefusedError(
            400, "the project is in several clouds", hint="name one with cloud_id: " + ", ".join(found)
        )
    return project_id, found[0]


def _refusing(fetch: Fetch) -> Fetch:
    return lambda after, limit: _refused(lambda: fetch(after, limit))


def _refused(call: Callable[[], T]) -> T:
    """Run a call of the ledger, which refuses what it can't answer with a sentence."""
    try:
        return call()
    except ValueError as error:
        raise RefusedError(400, str(error)) from error
