"""What became of Almanach's options that do nothing here: of its files since 3.3, and of those of 3.x."""

from __future__ import annotations

from typing import Final

MONGO: Final = (
    "the usage is kept in the ledger now, see [usance] ledger_url; usance import almanach takes over what "
    "is in MongoDB"
)

RETRY: Final = (
    "it is not needed: what can't be understood is parked in the ledger at once (usance events), and what "
    "comes too early waits there for what explains it"
)
BINDING: Final = (
    "it is not needed: the services bind the queue to their exchanges themselves, and [collector] exchanges "
    "names others"
)
_EXISTENCE: Final = "it is not needed: the order in which events arrive makes no difference"

ALMANACH_ACCEPTED: Final[dict[str, dict[str, str]]] = {
    "database": {"driver": MONGO, "connection_url": MONGO},
    "collector": {
        "max_retries": RETRY,
        "min_retries": RETRY,
        "retry_delay": RETRY,
        "retry_queue": RETRY,
        "retry_exchange": RETRY,
        "retry_return_exchange": RETRY,
        "retry_ttl": RETRY,
        "dead_queue": RETRY,
        "dead_exchange": RETRY,
        "exchange": BINDING,
        "routing_key": BINDING,
        "thread_pool_size": "it is not needed: messages are taken in batches; run several collectors beside "
        "each other on PostgreSQL",
    },
    "entities": {"instance_existence_threshold": _EXISTENCE},
}
"""Options of Almanach 3.3 and 4.x that may stand in a file and do nothing, and what to say of them."""
