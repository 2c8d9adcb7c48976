"""Cloud records: made, rendered and validated, beside the bare writing of the same lines.

The limit joins twenty keys with values that are known already, for each record: no counting of
time, no cleaning of text, no checks.
"""

from __future__ import annotations

from datetime import timedelta

from bench.figures import Figure
from bench.rates import paired
from bench.said import first_sight
from bench.steady import BEFORE, SteadyHistory
from usance.model.timeline import timeline
from usance.records.cloud import cloud_records
from usance.records.cloud_v04 import CloudV04
from usance.records.context import RecordContext

SUSPENDED = frozenset({"suspended", "shelved", "shelved_offloaded"})


def run(*, quick: bool = False) -> list[Figure]:
    """Measure the records of one project's servers at the end of a run."""
    servers = 200 if quick else 1000
    history = SteadyHistory(1, servers, 0)
    looks = (BEFORE - timedelta(seconds=10), BEFORE)
    lives = [timeline(first_sight(history.life(number), *looks)) for number in range(servers)]
    context = RecordContext(
        site_name="BENCH-Site",
        service_name="cloud.bench.example.org",
        fqan="vo.example.org",
        suspended_states=SUSPENDED,
        user_names={user.id: user.name for user in history.site.users},
    )
    form = CloudV04()
    known = [one for life in lives if life is not None for one in cloud_records(life, BEFORE, context)]
    texts = [form.render(one) for one in known]
    fields = [[line.split(": ", 1) for line in text.strip().split("\n")] for text in texts]

    def ours() -> None:
        for life in lives:
            assert life is not None
            for record in cloud_records(life, BEFORE, context):
                text = form.render(record)
                assert not form.findings(record, text)

    def limit() -> None:
        for pairs in fields:
            "\n".join([f"{key}: {value}" for key, value in pairs])

    pairs = paired(ours, limit, 3 if quick else 9)
    case = f"{len(known)} records of {servers} servers"
    return [
        Figure(
            "records", case, "made, rendered, validated", tuple(len(known) / mine for mine, _ in pairs), "1/s"
        ),
        Figure("records", case, "time / bare writing", tuple(mine / least for mine, least in pairs)),
    ]
