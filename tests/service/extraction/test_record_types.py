"""Each messenger gets the types of records that it is told to, and the other ones go elsewhere."""

import json
from collections import Counter

import pytest

from service.extraction.witness import FIRST, SECOND, edit, good, usual_site
from usance.demo.site import standard_site
from usance.model.errors import ConfigurationError

EXTRACTORS = "nova, neutron, cinder"


@pytest.fixture
def site(tmp_path):
    """Yield a site with two messengers: the queue gets storage records only, the file what else there is."""
    sections = (
        "[messenger_ssm]\nrecord_types = storage\n"
        f"[messenger_file]\npath = {tmp_path}/records.jsonl\nrecord_types = cloud, ip, clouds\n"
        f"[neutron]\ndefault_user = {standard_site().users[0].id}\n"
    )
    with usual_site(tmp_path, messengers="ssm, file", sections=sections, extractor=EXTRACTORS) as found:
        yield found


def in_file(site):
    lines = (site.directory / "records.jsonl").read_text().splitlines()
    return Counter(json.loads(line)["record_type"] for line in lines)


def in_queues(site):
    return {path.name for path in site.directory.glob("outgoing*") if any(path.glob("*/*"))}


def test_two_messengers_get_different_types_in_one_run(site, caplog):
    good(site.run(FIRST))
    good(site.run(SECOND))

    assert in_queues(site) == {"outgoing-storage"}
    assert set(in_file(site)) == {"cloud", "ip"}
    assert "there is no type 'clouds'; did you mean cloud?" in caplog.text


def test_a_type_that_is_given_later_comes_whole(site):
    """Each type has a watermark of its own: what was not asked for was not passed over."""
    good(site.run(FIRST))
    edit(site, "record_types = storage", "record_types = storage, cloud")

    good(site.run(SECOND))

    assert in_queues(site) == {"outgoing", "outgoing-storage"}
    assert {one.fields["VMUUID"] for one in site.apel().rows.values()} == {
        json.loads(line)["VMUUID"]
        for line in (site.directory / "records.jsonl").read_text().splitlines()
        if json.loads(line)["record_type"] == "cloud"
    }


def test_types_of_which_none_exists_are_a_mistake(site):
    edit(site, "record_types = storage", "record_types = storrage")

    with pytest.raises(ConfigurationError, match="names no type of record"):
        site.run(FIRST)
