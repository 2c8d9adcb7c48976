"""What the collect benchmark measures of Almanach; run by the Python of its own environment.

`python almanach_collect.py CONFIGURATION`: its collector, put together as its own program does it, over
a store that is a dictionary in memory. It leaves in good order when the queue has been empty for a while.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from almanach.collector import notification
from almanach.collector import service as collector_service
from almanach.core import exception, factory, model, opts
from almanach.storage.drivers import mongodb_driver
from oslo_log import log

_SILENCE_S = 5


class Memory(mongodb_driver.MongoDbDriver):
    """What MongoDB is to Almanach, as far as a collector of servers asks: finding costs next to nothing."""

    def connect(self) -> None:
        """Begin with no entity."""
        self._entities: dict[str, list[dict[str, Any]]] = {}

    def has_active_entity(self, entity_id: str) -> bool:
        """Say whether exactly one is active."""
        return len(self._active(entity_id)) == 1

    def get_active_entity(self, entity_id: str) -> model.Entity:
        """Return the first that is active."""
        for one in self._active(entity_id):
            return model.get_entity_from_dict(one)
        raise exception.EntityNotFoundException(entity_id)

    def insert_entity(self, entity: model.Entity) -> None:
        """Keep one more."""
        self._entities.setdefault(entity.entity_id, []).append(entity.as_dict())

    def update_active_entity(self, entity: model.Entity) -> None:
        """Change the first that is active."""
        for one in self._active(entity.entity_id)[:1]:
            one.update(entity.as_dict())

    def _active(self, entity_id: str) -> list[dict[str, Any]]:
        return [one for one in self._entities.get(entity_id, ()) if one["end"] is None]


class Counting(notification.NotificationHandler):
    """Notes when messages were taken; one that failed and comes again is not counted again."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.taken = 0
        self.first_s = self.last_s = self.idle_since_s = 0.0

    def info(self, ctxt: dict[str, Any], *args: Any) -> None:
        """Take a message."""
        is_new = "retry_count" not in ctxt
        super().info(ctxt, *args)
        self.idle_since_s = time.perf_counter()
        if is_new:
            self.taken += 1
            self.last_s = self.idle_since_s
            self.first_s = self.first_s or self.last_s

    def error(self, *args: Any) -> None:
        """Put back what failed, or forget it."""
        super().error(*args)
        self.idle_since_s = time.perf_counter()


def main() -> None:
    """Collect, and print how long it took."""
    opts.CONF(["--config-file", sys.argv[1]], project=opts.DOMAIN)
    log.setup(opts.CONF, opts.DOMAIN)
    handlers: list[Counting] = []

    def counting(*args: Any) -> Counting:
        handlers.append(Counting(*args))
        return handlers[-1]

    collector_service.notification.NotificationHandler = counting
    store = factory.Factory(opts.CONF, storage=Memory(opts.CONF))
    service = collector_service.ServiceFactory(opts.CONF, store).get_service()
    service.start()
    (handler,) = handlers
    while not handler.taken or time.perf_counter() - handler.idle_since_s < _SILENCE_S:
        time.sleep(0.2)
    service.stop()
    print(
        json.dumps(
            {
                "messages": handler.taken - 1,
                "seconds": handler.last_s - handler.first_s,
            }
        )
    )


if __name__ == "__main__":
    main()
