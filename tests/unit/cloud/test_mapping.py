"""VOs by property and by voms.json."""

from pathlib import Path

import pytest

from usance.cloud.mapping import mapping_of, read_mapping, vo_of_properties
from usance.model.errors import ConfigurationError


@pytest.mark.parametrize(
    ("entry", "projects"),
    [
        ({"projects": ["a", "b"]}, ["a", "b"]),
        ({"projects": "a"}, ["a"]),
        ({"tenants": ["a", "b"]}, ["a", "b"]),
        ({"tenant": "a"}, ["a"]),
        ({"tenant": "a", "tenants": ["b"], "projects": ["c"]}, ["a", "b", "c"]),
        ({"tenant": None, "projects": ["a"]}, ["a"]),
        ({"enabled": True}, []),
        ({}, []),
    ],
)
def test_every_form_of_an_entry_is_understood(entry, projects):
    assert mapping_of({"vo.example.org": entry}, "voms.json") == dict.fromkeys(projects, "vo.example.org")


@pytest.mark.parametrize(
    "document",
    [[], "vo", {"vo": ["a"]}, {"vo": {"projects": 5}}, {"vo": {"projects": [5]}}, {"vo": {"tenant": {}}}],
)
def test_other_shapes_are_refused_with_the_files_name(document):
    with pytest.raises(ConfigurationError, match=r"voms\.json"):
        mapping_of(document, "voms.json")


def test_project_of_two_vos_is_refused():
    with pytest.raises(ConfigurationError, match=r"'p' is mapped to 'a' and to 'b'"):
        mapping_of({"a": {"tenant": "p"}, "b": {"projects": ["p"]}}, "voms.json")


def test_project_named_twice_under_one_vo_is_fine():
    assert mapping_of({"a": {"tenant": "p", "projects": ["p"]}}, "voms.json") == {"p": "a"}


def test_mistake_in_the_file_is_named_with_line_and_column(tmp_path):
    """The comma after the last entry is in cASO's own documentation, which Python's json never took."""
    path = tmp_path / "voms.json"
    path.write_text('{\n  "vo": {\n    "projects": ["a", "b"],\n  }\n}\n')

    with pytest.raises(ConfigurationError) as caught:
        read_mapping(path)

    assert f"{path} is no JSON: line 3, column 27" in str(caught.value)
    assert "no comma after the last entry" in str(caught.value)


def test_file_that_is_not_there_maps_nothing(tmp_path, caplog):
    assert read_mapping(tmp_path / "voms.json") == {}
    assert "does not exist" in caplog.text


def test_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match="can't be read"):
        read_mapping(Path(tmp_path))


@pytest.mark.parametrize(
    ("properties", "vo"),
    [
        ({"VO": "a"}, "a"),
        ({"accounting:VO": "b"}, "b"),
        ({"accounting:VO": "b", "VO": "a"}, "a"),
        ({"VO": "  ", "accounting:VO": " b "}, "b"),
        ({"vo": "c"}, None),
        ({}, None),
    ],
)
def test_first_property_that_a_project_has_counts(properties, vo):
    assert vo_of_properties(properties, ("VO", "accounting:VO")) == vo
