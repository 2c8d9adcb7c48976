"""What the ledger answers to those who bill: projects, resources, spans, changes and usage.

Every method but :meth:`Questions.usage` is one transaction, that reads only. Answers are made of the
values in :mod:`usance.ledger.answers`; instants are aware and in UTC.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, FromClause, and_, func, select, tuple_

from usance.ledger import feed, listing, naming, schema, using
from usance.ledger.answers import (
    Asked,
    By,
    Changes,
    Cursor,
    LifeRow,
    Page,
    ProjectRow,
    ResourceRow,
    Sort,
    SpanRow,
    UsageRow,
    Window,
)
from usance.ledger.engine import Store
from usance.ledger.paging import checked, storable
from usance.ledger.rows import instant_or_none
from usance.ledger.standing import of_places

PROJECT = "project"
"""The kind under which the ledger keeps the names of projects."""


class Questions:
    """Reads a ledger for those who bill."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def projects(
        self,
        projects: Sequence[str] | None = None,
        clouds: Sequence[str] | None = None,
        *,
        after: tuple[str, str] | None = None,
        limit: int | None = None,
    ) -> list[ProjectRow]:
        """Return the projects that the ledger knows, all or these, by id and cloud.

        *after* leaves out those up to a project (its id, and its cloud's); *limit* is how many there may
        be. ValueError if more than 10,000 are named.
        """
        asked = checked(
            Asked(
                projects=None if projects is None else tuple(projects),
                clouds=None if clouds is None else tuple(clouds),
            )
        )
        table, first, last = schema.project, schema.revision.alias(), schema.revision.alias()
        query = (
            select(
                table.c.project_id,
                table.c.cloud_id,
                table.c.revision,
                first.c.recorded_at.label("first_at"),
                last.c.recorded_at.label("last_at"),
            )
            .select_from(
                table.outerjoin(first, _recorded(first, 1)).outerjoin(last, _recorded(last, table.c.revision))
            )
            .where(*of_places(table, asked))
            .order_by(table.c.project_id, table.c.cloud_id)
        )
        if after is not None:
            place = tuple_(table.c.project_id, table.c.cloud_id)
            query = query.where(place > tuple_(*map(storable, after)))
        if limit is not None:
            query = query.limit(limit)
        with self._store.read() as connection:
            found = connection.execute(query).all()
            names = naming.names(connection, PROJECT, sorted({row.project_id for row in found}))
        return [
            ProjectRow(
                row.project_id,
                row.cloud_id,
                row.revision,
                names.get(row.project_id) or None,
                instant_or_none(row.first_at),
                instant_or_none(row.last_at),
            )
            for row in found
        ]

    def version(self, asked: Asked) -> tuple[int, int]:
        """Return two numbers that are others once anything is written of the projects asked about.

        They are how many projects there are, and the sum of their revisions, which only grow.
        """
        table = schema.project
        query = select(func.count(), func.sum(table.c.revision)).where(*of_places(table, checked(asked)))
        with self._store.read() as connection:
            count, total = connection.execute(query).one()
        return count, int(total or 0)

    def lives(self, asked: Asked) -> list[LifeRow]:
        """Return the whole lives of resources, by their begins; *asked* should name them by their ids."""
        return listing.lives(self._store, asked)

    def resources(
        self,
        asked: Asked,
        *,
        sort: Sort = Sort.ID,
        descending: bool = False,
        after: Cursor | None = None,
        limit: int = 100,
    ) -> Page[ResourceRow]:
        """Return resources and what they are now (with `as_of`: what was known of them then).

        A resource that is there from the first page to the last is told once, whatever is written
        meanwhile; to see all pages as of one moment, ask `as_of` it. ValueError if *limit* is not
        1 to 10,000, or if the cursor is of another question.
        """
        return listing.resources(
            self._store, asked, sort=sort, descending=descending, after=after, limit=limit
        )

    def spans(
        self,
        asked: Asked,
        *,
        sort: Sort = Sort.ID,
        descending: bool = False,
        after: Cursor | None = None,
        limit: int = 100,
        clip: bool = True,
    ) -> Page[SpanRow]:
        """Return spans: those that touch the period, if one is asked about, cut to it unless *clip* is false.

        Spans of what never launched are among them, and marked. Raises as :meth:`resources` does.
        """
        return listing.spans(
            self._store, asked, sort=sort, descending=descending, after=after, limit=limit, clip=clip
        )

    def changes(
        self,
        project_id: str,
        cloud_id: str,
        *,
        since_revision: int = 0,
        since: datetime | None = None,
        kinds: Sequence[str] | None = None,
        after: Cursor | None = None,
        limit: int = 100,
    ) -> Changes:
        """Return what became of a project's spans after a revision, in the order of revisions.

        *since* leaves out what was recorded up to an instant of the writers' clock. Told are also spans
        of which only the marks changed; who applies the changes in order has the spans of
        :meth:`spans`, in any case at the end of a revision. A page has what became of at most *limit*
        resources; ask for the next one after its cursor, and when there is none, later on, with
        `since_revision` the `revision` of the last page. What was told once stays so: each revision
        is told for ever as it was. Raises as :meth:`resources` does.
        """
        return feed.changes(
            self._store,
            (storable(project_id), storable(cloud_id)),
            checked(Asked(kinds=None if kinds is None else tuple(kinds)), limit),
            since_revision=since_revision,
            since=since,
            after=after,
            limit=limit,
        )

    def usage(
        self,
        asked: Asked,
        *,
        until: datetime,
        by: Collection[By] = (),
        window: Window | None = None,
        suspended_states: Collection[str] = (),
        count_resources: bool | None = None,
    ) -> Iterator[UsageRow]:
        """Yield what was used in the period asked about, in the order of groups and windows.

        Only resources that fulfil the conditions count; *by* says what is told apart, *window* into
        which calendar stretches the period is cut. What has no end is counted up to *until*, the
        present (with `as_of`: up to that instant), and no further. vCPUs in *suspended_states* do not
        count. Groups that used nothing are not told.

        Different resources are counted, unless flavors or states are told apart: a server may come back to
        one, so that days can't be added up and all spans of the period have to be read. *count_resources*
        says it otherwise. Told apart by project, some hundreds of projects are read in one
        transaction, and no transaction is open while the caller has a row.

        ValueError if no period is asked about, or one of more than 3,700 days by day.
        """
        return using.usage(
            self._store,
            asked,
            by=by,
            window=window,
            until=until,
            suspended_states=suspended_states,
            count_resources=count_resources,
        )


def _recorded(table: FromClause, revision: int | ColumnElement[int]) -> ColumnElement[bool]:
    """Return the condition for when a revision of a project was recorded."""
    project = schema.project.c
    return and_(
        table.c.project_id == project.project_id,
        table.c.cloud_id == project.cloud_id,
        table.c.revision == revision,
    )
