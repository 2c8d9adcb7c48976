"""The reference of the options is what the options say."""

from pathlib import Path

from usance.config.document import document
from usance.config.options import ACCEPTED, OWN_GROUPS, list_opts

REFERENCE = Path(__file__).parents[3] / "docs" / "reference" / "options.md"


def test_the_reference_is_generated_from_the_options():
    """After a change: python -m usance.config.document > docs/reference/options.md."""
    assert REFERENCE.read_text(encoding="utf-8") == document()


def test_the_reference_names_every_option():
    text = document()

    for _, options in list_opts():
        for option in options:
            assert f"| `{option.dest}` |" in text
    for group, names in ACCEPTED.items():
        for name in names:
            assert f"`[{group}] {name}`" in text


def test_every_option_has_a_help_text_that_is_a_sentence():
    for options in OWN_GROUPS.values():
        for option in options:
            assert option.help.endswith("."), option.dest
