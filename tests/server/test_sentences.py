"""The Chinese page knows every sentence that the service says to people."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from m2fp_cli.errors import ImageError
from m2fp_cli.records.labels import CIHP, LABEL_SETS
from m2fp_cli.tryon.catalog import list_accessories
from m2fp_cli.tryon.kind import BodyKind, HeadKind
from m2fp_cli.tryon.kinds import KIND_NAMES, kind_of

PACKAGE = Path(__file__).parents[2] / "m2fp_cli"
SENTENCES = (PACKAGE / "server" / "page" / "sentences.js").read_text("utf-8")
NAMES = (PACKAGE / "server" / "page" / "names.js").read_text("utf-8")
NO_REASONS = {"a very long number"}  # what other functions of try-on give back


@cache
def trees(folder: str) -> list[ast.Module]:
    return [ast.parse(path.read_text("utf-8")) for path in (PACKAGE / folder).rglob("*.py")]


def arguments(call: ast.Call, name: str, place: int) -> list[ast.expr]:
    is_it = isinstance(call.func, ast.Name) and call.func.id == name
    return call.args[place : place + 1] if is_it else []


def name_of(target: ast.expr) -> str:
    return target.id if isinstance(target, ast.Name) else ""


def reasons_at(node: ast.AST) -> list[ast.expr | None]:
    """Expressions that may be why somebody is left alone."""
    if isinstance(node, ast.Call):
        named = (("NotWearable", 0), ("NotFlat", 0), ("ItemRecord", 2))
        return [one for name, place in named for one in arguments(node, name, place)]
    if isinstance(node, ast.ClassDef) and node.name == "SkipReason":
        return [one.value for one in node.body if isinstance(one, ast.Assign)]
    if isinstance(node, ast.Return):
        return [node.value]
    if isinstance(node, ast.Assign) and name_of(node.targets[0]) == "reason":
        return [node.value]
    return []


def texts_of(value: ast.expr | None, constants: dict[str, str]) -> Iterator[str]:
    if isinstance(value, ast.IfExp):
        yield from (*texts_of(value.body, constants), *texts_of(value.orelse, constants))
    elif isinstance(value, ast.Constant) and isinstance(value.value, str):
        yield value.value
    elif isinstance(value, ast.Name) and value.id in constants:
        yield constants[value.id]


@cache
def all_reasons() -> set[str]:
    assigned = [one for tree in trees("tryon") for one in tree.body if isinstance(one, ast.Assign)]
    constants = {
        name_of(one.targets[0]): one.value.value
        for one in assigned
        if isinstance(one.value, ast.Constant) and isinstance(one.value.value, str)
    }
    nodes = (node for tree in trees("tryon") for node in ast.walk(tree))
    found = {
        text for node in nodes for one in reasons_at(node) for text in texts_of(one, constants)
    }
    return {text for text in found if " " in text} - NO_REASONS


def translated(table: str) -> set[str]:
    """Keys of a table of the page whose values hold Chinese."""
    lines = SENTENCES.split(f"const {table} = {{")[1].split("\n};")[0]
    return set(re.findall(r'^  "?(.+?)"?: "[^"]*[\u4e00-\u9fff][^"]*",$', lines, re.M))


@cache
def all_codes() -> set[str]:
    """Classes of the errors that clients may get."""
    calls = [one for tree in trees("server") for one in ast.walk(tree) if isinstance(one, ast.Call)]
    given = (one for call in calls for one in arguments(call, "Problem", 1))
    codes = {text for one in given for text in texts_of(one, {})}
    return codes | {"busy", *ImageError.REASONS}


def test_all_reasons_are_found():
    assert {"an arm is raised", "glasses are worn already", "a dress is worn"} <= all_reasons()
    assert {"this looks like an animal", "no face is visible", "it is too small"} <= all_reasons()


def test_every_reason_has_a_sentence_in_chinese():
    assert all_reasons() - translated("REASONS") == set()
    assert translated("REASONS") - all_reasons() == set()


def test_every_class_of_errors_has_a_sentence_in_chinese():
    assert {"no_photo", "too_slow", "crowded"} <= all_codes()
    assert all_codes() - translated("FAILURES") == set()


def named(table: str) -> set[str]:
    """Keys of a table of names of the page whose values hold Chinese."""
    lines = NAMES.split(f"const {table} = {{")[1].split("\n};")[0]
    return set(re.findall(r'"?([\w-]+)"?: "[^"]*[\u4e00-\u9fff][^"]*"', lines))


def test_every_thing_to_wear_has_a_name_in_chinese():
    bodies = [kind for kind in map(kind_of, KIND_NAMES) if isinstance(kind, BodyKind)]
    known = {*list_accessories(), *(name for kind in bodies for name in kind.names)}
    assert {"fedora", "blond", "tartan"} <= known
    assert named("THINGS_CHINESE") == known


def test_every_label_of_people_has_a_name_in_chinese():
    sets = [LABEL_SETS[name] for name in LABEL_SETS if name != "voc"]  # which has sofas and trains
    known = {*CIHP.names, *(name for one in sets for name in one.names)}
    assert known - named("LABELS_CHINESE") == set()


def test_what_another_outline_is_called_has_a_sentence_in_chinese():
    heads = [kind for kind in map(kind_of, KIND_NAMES) if isinstance(kind, HeadKind)]
    lines = SENTENCES.split("const FAULTS = [")[1].split("\n];")[0]
    patterns = re.findall(r'^  \[/(.+?)/, "[^"]*[\u4e00-\u9fff]', lines, re.M)
    for other in {one for kind in heads for one in kind.unlike}:
        assert [one for one in patterns if re.search(one, other.looks)], other.looks
