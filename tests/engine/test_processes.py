"""One parser and several processes."""

from __future__ import annotations

import copy
import multiprocessing
import pickle

import numpy as np
import pytest
import torch

from m2fp_cli import HumanParser
from tests.support.picture_bytes import photo_rgb


@pytest.fixture
def parser(tiny_model):
    threads = torch.get_num_threads()
    yield HumanParser(tiny_model, threads=2)
    torch.set_num_threads(threads)


def test_a_forked_copy_parses_as_its_parent_does(parser):
    def parse():
        torch.ones(1 << 17).add_(1)  # large enough for OpenMP's threads
        return parser.parse(photo_rgb(60, 80)).semantic_map

    expected, fork = parse(), multiprocessing.get_context("fork")
    equal = fork.Value("b", 0)

    def compare():
        equal.value = np.array_equal(parse(), expected)

    child = fork.Process(target=compare, daemon=True)
    child.start()
    child.join(60)
    child.kill()
    assert equal.value


@pytest.mark.parametrize("send", [pickle.dumps, copy.deepcopy, lambda one: pickle.dumps(one.parse)])
def test_a_parser_that_is_sent_to_another_process_says_what_to_do(parser, send):
    with pytest.raises(TypeError, match="cannot be pickled or copied; make one in each process"):
        send(parser)
