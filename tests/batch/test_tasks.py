from __future__ import annotations

from collections import deque

from m2fp_cli.batch.tasks import ImageTask, read_ahead

ONE, TWO, THREE = (ImageTask(name, name) for name in "abc")


def test_no_more_is_read_than_is_wanted():
    source, queue = iter([ONE, TWO, THREE]), deque([ONE])
    assert read_ahead(source, queue, 2)
    assert (list(queue), list(source)) == ([ONE, ONE], [TWO, THREE])


def test_a_photo_that_is_not_there_yet_is_not_waited_for():
    source, queue = iter([ONE, None, TWO]), deque[ImageTask]()
    assert read_ahead(source, queue, 5)
    assert list(queue) == [ONE]
    assert not read_ahead(source, queue, 5)
    assert list(queue) == [ONE, TWO]
