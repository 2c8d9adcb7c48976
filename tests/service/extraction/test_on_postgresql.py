"""Complete runs with the ledger on PostgreSQL, through the command."""

from service.extraction.witness import FIRST, SECOND, complained, good, hold_complete, status, usual_site
from usance.demo.faults import Fault, FaultKind


def test_runs_with_the_ledger_on_postgresql_lose_nothing(postgres_url, tmp_path):
    """A good run, one in which a project fails, and one that completes it."""
    with usual_site(tmp_path, sections=f"[usance]\nretries = 0\nledger_url = {postgres_url}\n") as site:
        done = site.command(FIRST)
        assert done.returncode == 0, done.stderr
        hold_complete(site, FIRST)
        site.cloud.faults.add(Fault(FaultKind.STATUS, "servers/detail", count=1, status=503))
        complained(site.command(SECOND.replace(day=2)), 1, "Nova answered 503")
        assert status(site)[0] == 1
        site.cloud.faults.clear()

        good(site.run(SECOND))

        hold_complete(site, SECOND)
        assert status(site)[0] == 0
        assert [path.name for path in (tmp_path / "spool").iterdir()] == ["usance.lock"]


def test_a_server_of_the_ledger_that_is_down_is_one_sentence_without_the_password(tmp_path):
    with usual_site(
        tmp_path, sections="[usance]\nledger_url = postgresql://usance:s3cret@127.0.0.1:1/x\n"
    ) as site:
        done = site.command(FIRST)

        sentence = complained(done, 1, "127.0.0.1:1", "can't be reached")
        assert "s3cret" not in sentence + done.stderr + done.stdout
        assert site.messages() == []
