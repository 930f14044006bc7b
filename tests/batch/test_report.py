"""What a run says of its photos."""

from __future__ import annotations

from m2fp_cli.batch.progress import done_line
from m2fp_cli.batch.report import ImageReport, Status
from m2fp_cli.batch.run_report import RunReport
from m2fp_cli.errors import ExitCode


def test_a_person_is_told_of_people_who_are_surely_there():
    report = RunReport(total=2)
    for name, sure in (("a", 1), ("b", 0)):
        report.add(ImageReport(name, name, Status.DONE, people=18, sure_people=sure))
    assert "2 done; 1 person and 35 doubtful, " in report.summary()
    assert "a: 1 person and 17 doubtful, " in done_line(next(iter(report.photos)))


def test_where_nobody_asks_who_is_sure_all_count():
    report = RunReport(total=1)
    report.add(ImageReport("a", "a", Status.DONE, people=3))
    assert "1 done; 3 people, " in report.summary()


def test_a_try_on_says_on_how_many_people_something_was_put():
    report = RunReport(total=2)
    for name, dressed in (("a", 2), ("b", 0)):
        report.add(ImageReport(name, name, Status.DONE, people=3, dressed=dressed))
    assert "2 done; put on 2 of 6 people, " in report.summary()
    assert "a: put on 2 of 3 people, " in done_line(next(iter(report.photos)))
    assert report.as_json()["photos"][0]["dressed"] == 2


def test_a_run_names_the_commonest_reasons_why_things_were_put_on_nobody():
    report = RunReport(2)
    for name, reasons in (("a", {"x": 2, "y": 1, "z": 4}), ("b", {"x": 3, "u": 1, "w": 1})):
        pairs = tuple(reasons.items())
        report.add(ImageReport(name, name, Status.DONE, dressed=0, not_put_on=pairs))
    assert report.summary().endswith("; not put on: x (5), z (4), y (1), other reasons (2)")
    assert report.as_json()["photos"][1]["not_put_on"] == {"x": 3, "u": 1, "w": 1}


def test_photos_with_failed_checks_are_counted_also_where_nothing_was_to_do():
    report = RunReport(total=4)
    for name, status, failed in (
        ("a", Status.DONE, 2),
        ("b", Status.UP_TO_DATE, 1),
        ("c", Status.DONE, 0),
        ("d", Status.UP_TO_DATE, None),
    ):
        report.add(ImageReport(name, name, status, people=1, failed_checks=failed))
    assert report.summary().endswith(" s a photo; 2 photos with failed checks")
    assert report.as_json()["with_failed_checks"] == 2
    assert report.exit_code is ExitCode.OK
    lines = [done_line(photo) for photo in report.photos]
    assert [line.endswith(", failed checks") for line in lines] == [True, True, False, False]


def test_a_run_without_checks_says_nothing_of_them():
    report = RunReport(total=1)
    report.add(ImageReport("a", "a", Status.UP_TO_DATE, people=3))
    assert report.summary() == "0 done, 1 up to date"
