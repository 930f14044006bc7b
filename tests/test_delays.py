"""What takes long is said once, and only where it does."""

import pytest

from m2fp_cli import delays
from m2fp_cli.delays import WORTH_A_WORD, DelaySums, report_delay, tell_delays_to


@pytest.fixture
def told(monkeypatch):
    """What this process said of its delays."""
    monkeypatch.setattr(delays, "_told", [])
    lines: list[str] = []
    tell_delays_to(DelaySums(lines.append).add)
    return lines


def test_it_is_said_once_however_long_it_takes(told):
    for _ in range(5):
        report_delay(0.6 * WORTH_A_WORD, "compiling")
    assert told == ["compiling"]


def test_what_nobody_notices_is_not_said(told):
    report_delay(0.6 * WORTH_A_WORD, "compiling")
    report_delay(0.6 * WORTH_A_WORD, "something else")
    assert told == []
