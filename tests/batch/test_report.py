"""What a run says of its photos."""

from __future__ import annotations

from m2fp_cli.batch.progress import done_line
from m2fp_cli.batch.report import ImageReport, RunReport, Status


def test_a_person_is_told_of_people_who_are_surely_there():
    report = RunReport(total=2)
    for name, sure in (("a", 1), ("b", 0)):
        report.add(ImageReport(name, name, Status.DONE, people=18, sure_people=sure))
    assert "2 done; 1 person, " in report.summary()
    assert "a: 1 person, " in done_line(next(iter(report.photos)))


def test_where_nobody_asks_who_is_sure_all_count():
    report = RunReport(total=1)
    report.add(ImageReport("a", "a", Status.DONE, people=3))
    assert "1 done; 3 people, " in report.summary()
