"""Work in threads: all of it is done, once, in whole chunks."""

from __future__ import annotations

from threading import Lock

import pytest
import torch

from m2fp_cli.kernels.threads import PARALLEL_PIXELS, parallel_rows, parallel_tasks


@pytest.mark.parametrize("count", [1, 2, 3])
def test_every_task_is_done_once(count):
    done, lock = [], Lock()

    def work(task):
        with lock:
            done.append(task)

    parallel_tasks(list(range(100)), work, count)
    assert sorted(done) == list(range(100))


@pytest.mark.parametrize(("height", "multiple_of"), [(5, 1), (1000, 64), (3, 64)])
def test_rows_are_cut_without_gaps_at_whole_groups(monkeypatch, height, multiple_of):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    spans: list[slice] = []
    parallel_rows(height, PARALLEL_PIXELS, spans.append, multiple_of=multiple_of)
    spans.sort(key=lambda span: span.start)
    assert [span.start for span in spans] == [0, *(span.stop for span in spans[:-1])]
    assert spans[-1].stop == height
    assert all(span.start % multiple_of == 0 and span.start < span.stop for span in spans)


def test_what_fails_in_a_thread_is_raised():
    with pytest.raises(ZeroDivisionError):
        parallel_tasks([1, 0, 2], lambda task: 1 / task, 2)
