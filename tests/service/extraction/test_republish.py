"""Sending a month again: as it is known now, as it was said, as it was known; and nothing else moves."""

from __future__ import annotations

import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from apel_arithmetic import ApelDatabase, parse_message
from service.extraction.witness import FIRST, SECOND, good, hold_complete, usual_site
from usance.config.settings import ExtractRequest
from usance.demo.history import WrittenHistory
from usance.demo.script import scripted
from usance.demo.site import standard_site
from usance.extraction.republishing import RepublishRequest, republish
from usance.ledger.ledger import Ledger
from usance.model.errors import ConfigurationError
from usance.model.period import month_of

SEPTEMBER, OCTOBER, NOVEMBER = (month_of(datetime(2026, month, 1, tzinfo=UTC)) for month in (9, 10, 11))


def again(site, *months, **asked):
    """Empty the queue, republish, and return the records that are in it then, as the receiver keeps them."""
    shutil.rmtree(site.outgoing, ignore_errors=True)
    report = republish(site.settings(), RepublishRequest(months=months, **asked))
    assert report.exit_status == 0, report
    return kept(site.messages())


def kept(messages):
    database = ApelDatabase()
    database.load_all(messages)
    return {key: row.fields for key, row in database.rows.items()}


def of_month(rows, month):
    return {key: fields for key, fields in rows.items() if key[1:] == (month.start.year, month.start.month)}


def test_a_month_goes_out_again_as_the_receiver_has_it_and_no_other(tmp_path):
    with usual_site(tmp_path) as site:
        good(site.run(FIRST))
        good(site.run(SECOND))
        before = kept(site.messages())

        assert again(site, OCTOBER) == of_month(before, OCTOBER)
        assert again(site, SEPTEMBER, NOVEMBER) == {
            **of_month(before, SEPTEMBER),
            **of_month(before, NOVEMBER),
        }


def test_the_next_run_says_what_it_would_have_said(tmp_path):
    with usual_site(tmp_path / "one") as site, usual_site(tmp_path / "other") as undisturbed:
        for one in (site, undisturbed):
            good(one.run(FIRST))
        again(site, SEPTEMBER, OCTOBER)
        for one in (site, undisturbed):
            shutil.rmtree(one.outgoing)
            good(one.run(SECOND))

        assert kept(site.messages()) == kept(undisturbed.messages())


def test_only_a_project_and_a_messenger(tmp_path):
    with usual_site(tmp_path, messengers="ssm,file") as site:
        good(site.run(SECOND))
        project = site.cloud.site.projects[1]
        lines = (site.directory / "spool" / "records.jsonl").read_bytes()

        rows = again(site, OCTOBER, projects=(project.name,), messengers=("ssm",))

        assert {fields["LocalGroupId"] for fields in rows.values()} == {project.id}
        assert (site.directory / "spool" / "records.jsonl").read_bytes() == lines


def test_as_of_a_day_the_bytes_are_those_that_were_sent(tmp_path):
    with usual_site(tmp_path) as site:
        good(site.run(FIRST))
        then = datetime.now(UTC)
        said = of_month(kept(site.messages()), OCTOBER)
        texts = {text for body in site.messages() for text in body.split(b"\n", 1)[1].split(b"%%\n")}
        good(site.run(SECOND))

        assert again(site, OCTOBER, as_of=then) == said
        resent = {text for body in site.messages() for text in body.split(b"\n", 1)[1].split(b"%%\n")}
        assert {text for text in texts if b"RecordCreateTime: 17920" in text} >= resent
        assert of_month(again(site, OCTOBER), OCTOBER) != said


def test_what_is_not_kept_any_more_is_made_of_what_was_known_then(tmp_path):
    """A server is deleted after the day that is asked about: as of that day it still runs."""
    with usual_site(tmp_path) as site:
        good(site.run(FIRST))
        then = datetime.now(UTC)
        said = of_month(kept(site.messages()), OCTOBER)
        good(site.run(SECOND))
        with site.ledger() as ledger:
            assert ledger.past.give_up_bodies(before=datetime.now(UTC) + timedelta(days=1)) > 0
            assert ledger.past.give_up_bodies(before=datetime.now(UTC) + timedelta(days=1)) == 0

        made = again(site, OCTOBER, as_of=then)

        assert made == said


def test_restating_counts_what_a_former_program_had_reported(tmp_path):
    site_ = standard_site(projects=1)
    history = WrittenHistory(
        site_,
        [
            scripted(
                site_,
                "worker",
                """
                2026-09-20 00:00:00 create m1.medium
                2026-09-25 00:00:00 suspend
                2026-10-01 00:00:00 resume
                """,
            )
        ],
    )
    with usual_site(tmp_path, history=history) as site:
        project = site_.projects[0]
        spool = site.directory / "spool"
        spool.mkdir(exist_ok=True)
        (spool / f"lastrun.{project.id}").write_text("2026-10-08 12:00:01+00:00")
        good(site.run(FIRST))
        (row,) = kept(site.messages()).values()
        assert row["SuspendDuration"] == "0"
        good(site.run(FIRST, request=ExtractRequest(extract_from=datetime(2026, 9, 1, tzinfo=UTC))))

        restated = again(site, restate=True)

        assert [fields["SuspendDuration"] for fields in restated.values()] == [str(6 * 86400)] * 2
        good(site.run(SECOND))
        hold_complete(site, SECOND)


def test_a_dry_run_prints_and_changes_nothing(tmp_path):
    with usual_site(tmp_path) as site:
        good(site.run(SECOND))
        shutil.rmtree(site.outgoing)
        done = command(site, "--month", "2026-10", "--dry-run", "--output", "json")

        assert done.returncode == 0, done.stderr
        assert done.stdout.count('"key": "cloud/') == 9
        assert site.messages() == []


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "give a --month"),
        (("--month", "2026-13"), "no month such as"),
        (("--month", "2126-10"), "has not begun yet"),
        (("--month", "2026-10", "--project", "nobody"), "knows no project nobody"),
        (("--month", "2026-10", "--messenger", "pigeon"), "pigeon is not configured"),
        (("--month", "2026-10", "--as-of", "2126-10-01"), "in the future"),
        (("--month", "2026-10", "--as-of", "soon"), "is not a time"),
    ],
)
def test_mistakes_are_one_sentence_and_exit_status_2(tmp_path, arguments, sentence):
    with usual_site(tmp_path) as site:
        good(site.run(FIRST))
        done = command(site, *arguments)

        assert done.returncode == 2, done.stderr
        assert sentence in done.stderr
        assert "Traceback" not in done.stderr


def test_without_a_ledger_there_is_nothing_to_send(tmp_path):
    with usual_site(tmp_path) as site:
        with pytest.raises(ConfigurationError, match="knows no project"):
            republish(site.settings(), RepublishRequest(months=(OCTOBER,), projects=("project0",)))
        with Ledger.open(site.settings().ledger_url) as ledger:
            assert ledger.projects() == []


def command(site, *arguments):
    return subprocess.run(
        [sys.executable, "-c", "from usance.cli.main import main; main()", "republish", *arguments,
         "--config-file", str(site.conf)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )  # fmt: skip


def test_messages_carry_every_record_of_the_month_once(tmp_path):
    with usual_site(tmp_path) as site:
        good(site.run(SECOND))
        again(site, OCTOBER)

        records = [record["VMUUID"] for body in site.messages() for record in parse_message(body)]
        assert len(records) == len(set(records)) == 9
