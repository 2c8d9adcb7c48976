"""Every command says what it does, and shows how."""

import click
import pytest
from click.testing import CliRunner

from usance.cli.main import cli, run


def commands(group, path=("usance",)):
    yield path, group
    if isinstance(group, click.Group):
        for name, command in group.commands.items():
            yield from commands(command, (*path, name))


COMMANDS = dict(commands(cli.with_all()))


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_has_a_sentence_and_examples_of_itself(path):
    result = CliRunner().invoke(cli, [*path[1:], "--help"])

    assert result.exit_code == 0
    assert COMMANDS[path].help
    examples = [line.strip() for line in result.output.partition("Examples:")[2].splitlines() if line.strip()]
    assert examples
    assert all(example.startswith(" ".join(path)) for example in examples)


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_option_has_a_help_text(path):
    for parameter in COMMANDS[path].params:
        assert not isinstance(parameter, click.Option) or parameter.help, parameter.name


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_example_is_a_command_line_that_parses(path):
    for line in (COMMANDS[path].epilog or "").splitlines():
        if line.strip().startswith("usance"):
            words = line.partition(">")[0].split()
            command, arguments = cli, words[1:]
            while isinstance(command, click.Group):
                name, *arguments = arguments
                command = command.commands[name]
            command.make_context(name, arguments, resilient_parsing=False)


@pytest.mark.parametrize(
    ("arguments", "status"),
    [(["--version"], 0), (["--help"], 0), (["nonsense"], 2), (["extract", "--nonsense"], 2), ([], 2)],
)
def test_the_exit_status_of_wrong_usage_is_2(arguments, status, capsys):
    assert run(arguments) == status
    assert "Traceback" not in "".join(capsys.readouterr())


def test_a_misspelt_command_is_answered_with_the_one_that_is_meant():
    fresh = type(cli)("usance")
    with pytest.raises(click.UsageError) as caught:
        fresh.main(["extrac"], standalone_mode=False)

    assert "extract" in caught.value.format_message()
