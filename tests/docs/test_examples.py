"""The pages are true: commands exist, Python runs, links lead somewhere, messages are quoted."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import re
import shutil

import pytest

import m2fp_cli
from m2fp_cli.errors import ExitCode, ImageError
from m2fp_cli.models import registry
from m2fp_cli.tryon.catalog import accessories_folder, list_accessories
from m2fp_cli.tryon.kinds import KIND_NAMES, kind_of
from m2fp_cli.tryon.look_file import read_look
from m2fp_cli.tryon.wardrobe import Wardrobe
from tests.support.command_lines import check_line, find_lines, walk_commands
from tests.support.fork_servers import fresh_fork_server
from tests.support.pages import (
    OTHER_PAGES,
    PACKAGE,
    PAGES,
    README,
    ROOT,
    Block,
    anchors_of,
    read_blocks,
    read_code_spans,
    read_table_cells,
    read_table_rows,
    texts_in_code,
)
from tests.test_imports import ROOMS

BLOCKS = [block for page in PAGES for block in read_blocks(page)]
PYTHON = [block for block in BLOCKS if block.language == "python"]
DOCS = ROOT / "docs"


def name_of(block: Block) -> str:
    return f"{block.page}-{BLOCKS.index(block)}"


# ------------------------------------------------------------------------------ the command line


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_shell_line_calls_a_command_that_exists_with_its_options(page):
    lines = [line for block in read_blocks(page) for line in block.text.splitlines()]
    shell = [line for line in lines if re.search(r"(^|/|\s)(m2fp|make) ", line)]
    calls = [call for line in shell for call in find_lines(line)]
    assert calls or any(block.page == page.name for block in PYTHON), "a page without an example"
    for call in calls:
        check_line(call)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_in_the_text_exists(page):
    for span in read_code_spans(page.read_text()):
        if re.match(r"(m2fp|make) [a-z-]", span) and " ..." not in span:
            for call in find_lines(span):
                check_line(call, whole=False)


def test_a_wrong_line_is_noticed():
    for line in ("m2fp parse photos --fast", "m2fp tryon --hat denim", "make cake"):
        with pytest.raises(BaseException):  # noqa: B017, PT011 - the library's own, or an assertion
            check_line(next(find_lines(line)))


def test_every_option_named_on_a_page_exists():
    known = {
        name for one, _ in walk_commands() for p in one.params for name in p.opts + p.secondary_opts
    }
    for page in PAGES:
        for span in read_code_spans(page.read_text()):
            for option in re.findall(
                r"(?<![\w-])--[a-z][a-z-]+", span if span.startswith("--") else ""
            ):
                assert option in known, f"{page.name}: {option}"


def test_every_command_is_on_a_page():
    text = "\n".join(page.read_text() for page in PAGES)
    for _, words in walk_commands():
        assert f"m2fp {words}".rstrip() in text, words


# ------------------------------------------------------------------------------------- Python


@pytest.fixture(scope="module")
def fork_server():
    with fresh_fork_server():
        yield


@pytest.mark.parametrize("block", PYTHON, ids=name_of)
def test_python_names_exist(block):
    names: dict[str, object] = {}
    tree = ast.parse(block.text)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("m2fp_cli"):
            module = importlib.import_module(node.module)
            names |= {alias.name: getattr(module, alias.name) for alias in node.names}
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        if isinstance(call.func, ast.Name) and call.func.id in names:
            taken = inspect.signature(names[call.func.id]).parameters  # type: ignore[arg-type]
            assert {keyword.arg for keyword in call.keywords} <= set(taken), call.func.id


@pytest.mark.slow
@pytest.mark.usefixtures("fork_server")
@pytest.mark.parametrize("block", PYTHON, ids=name_of)
def test_python_runs(block, tiny_model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(registry, "STARTER_FOLDER", tiny_model)
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    exec(compile(block.text, name_of(block), "exec"), {})


def test_the_public_face_is_on_the_page_about_python():
    text = (DOCS / "python.md").read_text()
    assert [name for name in m2fp_cli.__all__ if f"`{name}`" not in text] == ["__version__"]


# ----------------------------------------------------------------------------------- the words


def test_the_readme_is_read_in_two_minutes():
    assert len(README.read_text().splitlines()) <= 150


@pytest.mark.parametrize(
    "page", [*PAGES, *OTHER_PAGES], ids=lambda page: str(page.relative_to(ROOT))
)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if target.startswith(("http:", "https:")):
            continue
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), f"{page.name}: {target}"
        assert not anchor or anchor in anchors_of(linked), f"{page.name}: {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_code_between_backticks_ends_on_its_line(page):
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    assert not [line for line in text.splitlines() if line.count("`") % 2]


def test_exit_codes_are_all_on_the_page_about_batches():
    cells = ", ".join(read_table_cells(DOCS / "batch.md", 0))
    codes = {int(word) for word in re.findall(r"\b\d+\b", cells)}
    assert codes == {code.value for code in ExitCode}


def test_schedulers_are_told_what_each_exit_code_means():
    codes = [row[0] for row in read_table_rows(DOCS / "cluster.md") if len(row) == 2]
    known = {137, *(code.value for code in ExitCode)}  # 137: killed
    assert {int(word) for word in re.findall(r"\d+", ", ".join(codes))} == known
    for block in read_blocks(DOCS / "cluster.md"):
        if block.language == "json":
            json.loads(block.text)


def test_the_look_on_the_page_is_one(tmp_path):
    (block,) = (one for one in BLOCKS if one.language == "toml")
    path = tmp_path / "look.toml"
    path.write_text(block.text)
    for folder, name in (("glasses", "wide"), ("hats", "cap")):
        (tmp_path / folder).mkdir()
        shutil.copy(accessories_folder() / f"{name}.png", tmp_path / folder / "green.png")
    look = read_look(path)
    Wardrobe().check(look)
    assert (look.seed, [*look.everyone], [*look.people]) == (7, ["hat", "top"], [2])


def test_kinds_and_accessories_are_those_of_the_registry():
    readme = set(re.findall(r"`--([a-z]+)`", README.read_text()))
    assert set(KIND_NAMES) <= readme
    options, names = (read_table_cells(DOCS / "try-on.md", column) for column in (0, 1))
    listed = {
        option.strip("`-"): {name for name in some.split(", ") if name}
        for option, some in zip(options, names, strict=True)
        if option.startswith("`--")
    }
    known = {kind: set(getattr(kind_of(kind), "names", ())) for kind in KIND_NAMES}
    for name, kind in list_accessories().items():
        known[kind].add(name)
    assert listed == known


def test_messages_are_quoted_as_they_are():
    texts = {*texts_in_code(PACKAGE, ROOT / "setup")}
    texts.add((ROOT / "setup" / "find_python.sh").read_text())
    # The message stands before the cure; the reasons of try-on are in the first column.
    cells = [row[-2] for row in read_table_rows(DOCS / "troubleshooting.md")]
    cells += [cell for cell in read_table_cells(DOCS / "try-on.md", 0) if " " in cell]
    messages = [span for cell in cells if cell.startswith("`") for span in read_code_spans(cell)]
    assert len(messages) > 50
    for message in messages:
        parts = message.split("...")
        pattern = re.compile(".*".join(map(re.escape, parts)), re.DOTALL)
        longest = max(parts, key=len)  # looked for first, as most texts lack it
        assert any(longest in text and pattern.search(text) for text in texts), message


def test_every_reason_of_a_failure_has_its_cure():
    reasons = {cell.strip("`") for cell in read_table_cells(DOCS / "troubleshooting.md", 0)}
    assert set(ImageError.REASONS) <= reasons


# ----------------------------------------------------------------------------- the architecture


def test_the_plan_names_every_room():
    cells = ", ".join(read_table_cells(DOCS / "architecture.md", 0))
    assert set(ROOMS) <= set(read_code_spans(cells))


def test_the_plan_names_files_that_exist():
    text = (DOCS / "architecture.md").read_text()
    files = [
        span for span in read_code_spans(text) if re.search(r"/|\.py$", span) and " " not in span
    ]
    assert len(files) > 40
    for name in files:
        inside = name.removeprefix("m2fp_cli/")
        assert (PACKAGE / inside).exists() or (ROOT / name).exists(), name


def test_what_decides_is_where_the_plan_says():
    rows = [row for row in read_table_rows(DOCS / "architecture.md") if len(row) == 3]
    assert len(rows) > 10
    for _, files, names in rows:
        paths = [PACKAGE / one for one in read_code_spans(files) if one.endswith(".py")]
        defined = {name for path in paths for name in definitions(ast.parse(path.read_text()))}
        wanted = {name.partition(".")[0] for name in read_code_spans(names)}  # a method's class
        assert wanted <= defined or not paths, files


def definitions(tree: ast.Module) -> list[str]:
    """Names that a file defines at its top."""
    found: list[str] = []
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            found.append(node.name)
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found += [
                name.id for one in targets for name in ast.walk(one) if isinstance(name, ast.Name)
            ]
    return found
