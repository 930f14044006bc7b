from __future__ import annotations

import shlex

import pytest
from typer.testing import CliRunner

from m2fp_cli.cli import app
from m2fp_cli.commands.help import PANELS
from m2fp_cli.errors import UsageError
from m2fp_cli.records.labels import LABEL_SETS
from tests.support.command_lines import check_line, find_lines, walk_commands

COMMANDS = {words: command for command, words in walk_commands()}


def options_of(words: str) -> list:
    options = [one for one in COMMANDS[words].params if one.param_type_name == "option"]
    return [one for one in options if one.name != "help"]


def show_help(words: str) -> str:
    runner = CliRunner()
    return runner.invoke(app, [*words.split(), "--help"], terminal_width=80).output


@pytest.mark.parametrize("words", COMMANDS)
def test_help_fits_80_columns_and_cuts_no_summary(words):
    shown = show_help(words)
    assert max(map(len, shown.splitlines())) <= 80
    assert not [line for line in shown.splitlines() if line.endswith("...") and "Usage" not in line]


@pytest.mark.parametrize("words", COMMANDS)
def test_help_ends_with_two_examples_that_work(words):
    examples = COMMANDS[words].epilog.splitlines()
    assert len(examples) == 2
    assert show_help(words).rstrip().endswith("\n".join(f"  {line}" for line in examples))
    for line in examples:
        assert line.startswith(f"m2fp {words}".rstrip())
        for call in find_lines(line):
            check_line(call)


@pytest.mark.parametrize(
    "words", [w for w, one in COMMANDS.items() if not hasattr(one, "commands")]
)
def test_every_option_says_what_it_does_in_a_group(words):
    for option in options_of(words):
        assert getattr(option, "rich_help_panel", None) in PANELS, option.name
        first = option.help.split(". ")[0]
        assert len(first.split()) >= 3, option.help
        assert first[0].isupper(), option.help


def test_lists_are_taken_wherever_photos_are():
    for words in ("parse", "colorize", "tryon", "export", "masks", "describe"):
        assert "--files-from FILE" in show_help(words), words


def test_arguments_are_in_brackets_only_where_they_may_be_left_out():
    assert "scan [OPTIONS] INPUT...\n" in show_help("scan")
    assert "colorize [OPTIONS] [INPUT]...\n" in show_help("colorize")
    assert "status [OPTIONS] [DIR]\n" in show_help("status")
    assert "calibrate [OPTIONS] [PHOTOS]\n" in show_help("models calibrate")
    assert "add [OPTIONS] CUSTOMER PICTURE...\n" in show_help("looks add")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("eval s3://shop/x", "s3://shop/x is in an object store; m2fp eval takes folders"),
        (
            "models calibrate gs://shop/x",
            "gs://shop/x is in an object store; m2fp models cal",
        ),
        ("finetune photos -o az://shop/x", "; --output takes folders and files of this machine"),
        ("tryon photos --hat s3://shop/hat.png", "; --hat takes folders and files of this machine"),
        (
            "looks add anna s3://shop/a.png",
            "m2fp looks add takes folders and files of this",
        ),
    ],
)
def test_an_address_is_shown_as_typed_where_none_is_taken(words, said):
    error = CliRunner().invoke(app, words.split()).exception
    assert isinstance(error, UsageError)
    assert said in str(error)


def test_what_takes_addresses_says_so_in_its_help():
    taking = {
        (words, one.name)
        for words, command in COMMANDS.items()
        for one in command.params
        if "s3://" in (one.help or "")
    }
    batch = ("parse", "colorize", "tryon", "masks", "export", "describe")
    assert taking == {
        *((words, name) for words in batch for name in ("inputs", "output", "files_from")),
        ("scan", "inputs"),
        ("report", "results"),
        ("report", "output"),
        ("status", "output"),
    }


def test_a_value_that_is_no_choice_is_answered_with_the_choices():
    answer = CliRunner().invoke(app, ["parse", "photos", "--engine", "FAST"])
    assert answer.exit_code == 2
    assert (
        "Invalid value for '--engine': 'FAST' is not one of 'fast', 'reference'." in answer.output
    )


@pytest.mark.parametrize(
    "words",
    ["parse '' -o out", "parse -r ''", "parse photos -o ''", "parse photos --output=",
     "looks add '' a.png", "parse photos --model ''", "parse photos -m ''", "labels --model=",
     "colorize out --photos ''", "report out --photos="],
)  # fmt: skip
def test_an_empty_name_is_not_the_current_folder_or_the_default(words):
    answer = CliRunner().invoke(app, shlex.split(words))
    assert isinstance(answer.exception, UsageError)
    assert "a name on the command line is empty; is a variable not set?" in str(answer.exception)


def test_other_values_may_be_empty(tmp_path):
    answer = CliRunner().invoke(app, ["scan", str(tmp_path), "--prefix", ""])
    assert "is empty" not in f"{answer.exception}{answer.output}"


@pytest.mark.parametrize("words", ["labels", "colorize"])
def test_help_names_every_label_set_that_is_taken(words):
    (option,) = (one for one in options_of(words) if one.name == "label_set")
    named = option.help.replace(",", " ").replace(".", " ").split()
    assert [one for one in LABEL_SETS if one not in named] == []


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("parse photos --min-score high", "'--min-score': must be a valid number, got 'high'"),
        ("colorize --opacity 50", "'--opacity': must be less than or equal to 1, got '50'"),
        ("report --limit 0", "'--limit': must be greater than or equal to 1, got '0'"),
        ("looks favorite 1 x", "'NUMBER': must be a valid integer, got 'x'"),
    ],
)
def test_a_number_that_is_refused_is_named_with_what_it_must_be(line, said):
    answer = CliRunner().invoke(app, line.split())
    assert answer.exit_code == 2
    assert f"Invalid value for {said}\n" in answer.output
