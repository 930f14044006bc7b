"""The folder of a fine-tuned model: which files in it may be written anew."""

from __future__ import annotations

import pytest

from m2fp_cli.errors import OutputError
from m2fp_cli.layout import FINETUNE_RECORD
from m2fp_cli.storage.tree import OutputTree
from m2fp_cli.storage.writing import write_group
from m2fp_cli.training.model_folder import refuse_foreign_files

OWN = [(FINETUNE_RECORD, b"{}"), ("README.md", b"the card")]


@pytest.fixture
def tree(tmp_path):
    with OutputTree(tmp_path) as opened:
        write_group(opened, OWN)
        if opened.mark(FINETUNE_RECORD) is None:
            pytest.skip("this file system keeps no marks")
        yield opened


def test_what_an_earlier_end_of_the_run_wrote_may_be_replaced(tree):
    refuse_foreign_files(tree)


@pytest.mark.parametrize("name", ["README.md", "configuration.json"])
def test_what_somebody_wrote_since_is_refused_by_its_name(tree, name):
    (tree.path / name).write_text("by hand")
    with pytest.raises(OutputError, match=f"{name} is not as m2fp finetune wrote it; move it away"):
        refuse_foreign_files(tree)


def test_without_marks_nobody_knows_whose_a_file_is(tree):
    (tree.path / "README.md").write_text("by hand")
    (tree.path / FINETUNE_RECORD).unlink()
    (tree.path / FINETUNE_RECORD).write_text("{}")
    refuse_foreign_files(tree)
