"""The code that MKL takes is chosen by the CPU, and its products are right."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from m2fp_cli.bench import single
from m2fp_cli.bench.order import ProbeOrder
from m2fp_cli.kernels import mkl

AVX512 = {"avx2", "fma", "avx512f", "avx512cd", "avx512bw", "avx512dq", "avx512vl"}


@pytest.mark.parametrize(
    ("vendor", "flags", "wanted"),
    [
        ("AuthenticAMD", AVX512, "7"),
        ("AuthenticAMD", AVX512 - {"avx512bw"}, "5"),
        ("HygonGenuine", {"avx2", "fma"}, "5"),
        ("AuthenticAMD", {"sse4_2"}, None),
        ("GenuineIntel", AVX512, None),
        ("", set(), None),
    ],
)
def test_only_cpus_that_mkl_does_not_know_get_a_code(monkeypatch, vendor, flags, wanted):
    monkeypatch.setattr(os, "environ", {})
    monkeypatch.setattr(mkl, "cpu_vendor", lambda: vendor)
    monkeypatch.setattr(mkl, "cpu_flags", lambda: frozenset(flags))
    mkl.choose_mkl_code()
    assert os.environ.get(mkl.MKL_VARIABLE) == wanted


def test_what_the_user_has_set_stays(monkeypatch):
    monkeypatch.setattr(mkl, "cpu_vendor", lambda: "AuthenticAMD")
    monkeypatch.setattr(mkl, "cpu_flags", lambda: frozenset(AVX512))
    monkeypatch.setenv(mkl.MKL_VARIABLE, "4")
    mkl.choose_mkl_code()
    assert os.environ[mkl.MKL_VARIABLE] == "4"


@pytest.mark.parametrize(
    ("module", "call"),
    [
        ("m2fp_cli.engine.parser", "HumanParser('starter', threads=1)"),
        ("m2fp_cli.training.finetune", "prepare_process()"),
    ],
)
def test_the_code_is_chosen_before_threads_are_set(module, call):
    program = (
        f"import os, torch; from {module} import *; import {module} as m\n"
        "from m2fp_cli.kernels import mkl\n"
        "mkl.cpu_vendor, mkl.cpu_flags = lambda: 'AuthenticAMD', lambda: {'avx2', 'fma'}\n"
        "torch.set_num_threads = lambda n: print(os.environ.get(mkl.MKL_VARIABLE))\n"
        f"m.{call}"
    )
    environment = {k: v for k, v in os.environ.items() if k != mkl.MKL_VARIABLE}
    command = [sys.executable, "-c", program]
    said = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    assert said.stdout.split()[0] == "5"


def test_the_reference_does_not_get_the_code(monkeypatch):
    seen = {}
    monkeypatch.setattr(single, "Child", lambda *_, variables: seen.update(variables))
    single.start_probe("reference", ProbeOrder("reference", "m2fp", "fp32", 1))
    assert seen == {mkl.MKL_VARIABLE: ""}


def test_products_with_the_chosen_code_are_right():
    program = (
        "import torch; from m2fp_cli.kernels.mkl import choose_mkl_code; choose_mkl_code()\n"
        "a, b = torch.randn(70, 300), torch.randn(300, 130)\n"
        "assert torch.allclose(a @ b, (a.double() @ b.double()).float(), atol=1e-4)"
    )
    environment = {k: v for k, v in os.environ.items() if k != mkl.MKL_VARIABLE}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True)
