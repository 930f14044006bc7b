"""The code that MKL takes is chosen by the CPU, and its products are right."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys

import pytest
import torch

from m2fp_cli import HumanParser
from m2fp_cli.bench import single
from m2fp_cli.bench.order import ProbeOrder
from m2fp_cli.kernels import mkl
from m2fp_cli.training.finetune import prepare_process

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
    "begin", [lambda: HumanParser("starter", threads=1), prepare_process], ids=["parse", "train"]
)
def test_the_code_is_chosen_before_threads_are_set(monkeypatch, begin):
    seen: list[str | None] = []
    environment = {k: v for k, v in os.environ.items() if k != mkl.MKL_VARIABLE}
    monkeypatch.setattr(os, "environ", environment)
    monkeypatch.setattr(mkl, "cpu_vendor", lambda: "AuthenticAMD")
    monkeypatch.setattr(mkl, "cpu_flags", lambda: frozenset({"avx2", "fma"}))
    monkeypatch.setattr(
        torch, "set_num_threads", lambda _: seen.append(environment.get(mkl.MKL_VARIABLE))
    )
    monkeypatch.setattr(ctypes, "CDLL", lambda _: None)  # the heap of this process stays as it is
    begin()
    assert seen[0] == "5"


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
