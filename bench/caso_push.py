"""What the pipeline benchmark measures of cASO; run by the Python of its own environment.

`python caso_push.py RECORD_TYPE VALUES QUEUE`: VALUES are JSON lines. Objects of its classes are made of
them as its extractors do, and its messenger pushes them, all at once.
"""

from __future__ import annotations

import json
import sys
import time
from datetime import datetime
from pathlib import Path

import caso.record
from caso.messenger.ssm import SSMMessenger
from oslo_config import cfg

CLASSES = {
    "cloud": (caso.record.CloudRecord, ("start_time", "end_time"), ("wall_duration", "cpu_duration")),
    "ip": (caso.record.IPRecord, ("measure_time",), ()),
    "accelerator": (caso.record.AcceleratorRecord, (), ("active_duration",)),
    "storage": (caso.record.StorageRecord, ("start_time", "measure_time", "volume_creation"), ()),
}


def main() -> None:
    """Push, and print how long that took."""
    record_type, values, queue = sys.argv[1:]
    cfg.CONF([], project="caso", default_config_files=[], default_config_dirs=[])
    cfg.CONF.set_override("output_path", queue, group="ssm")
    cls, instants, later = CLASSES[record_type]
    made_s, records = 0.0, []
    with Path(values).open(encoding="utf-8") as lines:
        for line in lines:
            fields = json.loads(line)
            fields.update({name: _instant(fields.get(name)) for name in instants})
            fields = {name: value for name, value in fields.items() if not name.endswith("_epoch")}
            begin = time.perf_counter()
            set_later = {name: fields.pop(name) for name in later}
            record = cls(**fields)
            for name, value in set_later.items():
                setattr(record, name, value)
            records.append(record)
            made_s += time.perf_counter() - begin
    messenger = SSMMessenger()
    begin = time.perf_counter()
    messenger.push(records)
    pushed_s = time.perf_counter() - begin
    status = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    peak = next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM:"))
    messages = sum(1 for _ in Path(queue).glob("*/*"))
    print(json.dumps({"records": len(records), "messages": messages, "first_s": made_s,
                      "seconds": made_s + pushed_s, "peak_rss_mib": peak}))  # fmt: skip


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


if __name__ == "__main__":
    main()
