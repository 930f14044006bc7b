"""What a worker says of an error."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from m2fp_cli.batch.worker_line import as_image_error

TORCH = "[enforce fail at alloc_cpu.cpp:66] . DefaultCPUAllocator: can't allocate memory: you tried"


def opencv_without_memory() -> Exception:
    with pytest.raises(cv2.error) as caught:
        cv2.resize(np.zeros((2, 2, 4)), (1 << 24, 1 << 24))  # 9 PB, more than addresses reach
    return caught.value


@pytest.mark.parametrize(
    "error", [MemoryError(), RuntimeError(TORCH), pytest.param(opencv_without_memory, id="OpenCV")]
)
def test_whoever_runs_out_of_memory_it_is_no_fault_of_ours(error):
    failure = as_image_error(error() if callable(error) else error)
    assert (failure.reason, "report" in str(failure)) == ("out_of_memory", False)


def test_any_other_error_is_to_be_reported():
    failure = as_image_error(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    assert (failure.reason, "please report this" in str(failure)) == ("internal", True)
