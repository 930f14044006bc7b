"""Looks: what a TOML file may say, who wears what of it, and what chance decides."""

from __future__ import annotations

from collections import Counter

import pytest

from m2fp_cli.errors import UsageError
from m2fp_cli.tryon.look import Look, Wish, item_name
from m2fp_cli.tryon.look_file import look_of_options, read_look
from tests.support.parsed_tree import two_people

PEOPLE = two_people().people
KEYS = [f"photo{number}" for number in range(300)]


def write_look(folder, text):
    path = folder / "look.toml"
    path.write_text(text)
    return path


def hats(count):
    return tuple(f"hat{number}" for number in range(count))


def listed(items, seed=0):
    return Look({"hat": Wish(items, is_list=True)}, seed=seed)


def picks(look):
    return {key: look.choose(key, PEOPLE)[1]["hat"] for key in KEYS}


def test_a_person_goes_before_the_largest_and_that_before_everyone(tmp_path):
    text = '[everyone]\nhat = "cap"\ntop = "#102030"\n[largest]\nhat = "fedora"\n[person.1]\n'
    for line, worn in (("", "fedora"), ('hat = "beanie"', "beanie")):
        look = read_look(write_look(tmp_path, text + line))
        assert max(PEOPLE, key=lambda one: one.mask.area) is PEOPLE[0]
        assert look.choose("a", PEOPLE) == {
            1: {"hat": worn, "top": "#102030"},
            2: {"hat": "cap", "top": "#102030"},
        }


def test_none_takes_off_what_everyone_wears(tmp_path):
    text = '[everyone]\nhat = "cap"\n[person.2]\nhat = "none"\n'
    assert read_look(write_look(tmp_path, text)).choose("a", PEOPLE) == {1: {"hat": "cap"}}


def test_pictures_lie_beside_the_look_and_names_stay(tmp_path, monkeypatch):
    (tmp_path / "hats").mkdir()
    for name in ("b.PNG", "a.png", "a.json", ".hidden.png"):
        (tmp_path / "hats" / name).touch()
    (tmp_path / "cap").mkdir()  # a name of the tool goes before a folder
    monkeypatch.chdir("/")
    text = '[everyone]\nhat = ["hats/a.png", "cap"]\nglasses = "hats"\nhair = "Copper"\n'
    table = read_look(write_look(tmp_path, text)).everyone
    paths = [str(tmp_path / "hats" / name) for name in ("a.png", "b.PNG")]
    assert table["hat"].items == (paths[0], "cap")
    assert (table["glasses"].items, table["glasses"].is_list) == (tuple(paths), True)
    assert (table["hair"].items, table["hair"].is_list) == (("copper",), False)


def test_chance_is_fair_and_differs_by_seed_photo_person_and_kind():
    chosen = picks(listed(hats(3)))
    assert all(70 < count < 130 for count in Counter(chosen.values()).values())
    assert picks(listed(hats(3), seed=1)) != chosen
    by_person = [listed(hats(3)).choose(key, PEOPLE) for key in KEYS]
    assert any(one[1] != one[2] for one in by_person)


def test_chance_does_not_look_at_the_order_and_hardly_at_what_is_added():
    before = picks(listed(hats(9)))
    assert picks(listed(hats(9)[::-1])) == before
    after = picks(listed(hats(10)))
    assert {after[key] for key in KEYS if after[key] != before[key]} == {"hat9"}


def test_chance_does_not_look_at_the_folder_of_a_picture():
    there = picks(listed(tuple(f"/there/{name}.png" for name in hats(5))))
    here = picks(listed(tuple(f"/here/{name}.png" for name in hats(5))))
    assert [item_name(one) for one in there.values()] == [item_name(o) for o in here.values()]


def test_each_item_of_each_list_is_a_variant_with_all_that_is_no_list():
    look = Look(
        {"hat": Wish(("cap", "none", "fedora"), True), "top": Wish(("#102030",))},
        people={2: {"hat": Wish(("cap",), True), "glasses": Wish(("/x/round.png",), True)}},
    )
    variants = {one.name: one.look.choose("a", PEOPLE) for one in look.variants()}
    top = {"top": "#102030"}
    assert variants == {
        "hat-cap": {1: {"hat": "cap", **top}, 2: {"hat": "cap", **top}},
        "hat-fedora": {1: {"hat": "fedora", **top}, 2: top},
        "glasses-round": {1: top, 2: {"glasses": "/x/round.png", **top}},
    }


def test_two_items_of_one_name_are_refused(tmp_path):
    cap, other = Wish(("/a/cap.png",), True), Wish(("/b/cap.png",), True)
    with pytest.raises(UsageError, match=r"/a/cap.png and /b/cap.png have the same name; rename"):
        Look({"hat": cap}, people={1: {"hat": other}}).variants()
    (tmp_path / "cap.png").touch()
    with pytest.raises(UsageError, match=r"^cap and .*/cap.png have the same name; rename"):
        read_look(write_look(tmp_path, '[everyone]\nhat = ["cap", "cap.png", "cap"]\n'))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hat = 'cap'", "hat is in no table; put it below [everyone]"),
        ("[all]\nhat = 'cap'", "there is no key 'all'; keys are seed, everyone, largest, person"),
        ("[everyone]\nhta = 'cap'", "everyone: there is no 'hta'; kinds are hat, hair"),
        (f"[everyone]\nhat = 0x{'f' * 9000}", "everyone.hat must be"),
        (f"seed = 0x{'f' * 9000}", "got 'a very long number'"),
        (f"seed = {'9' * 9000}", "holds a number that is too long; make it shorter"),
        ("[everyone]\nhat = 3", "everyone.hat must be a file, a folder, a name or a color"),
        ("[everyone]\nhat = ['cap', 3]", "everyone.hat must be"),
        (
            "[everyone]\nhat = []",
            'everyone.hat is an empty list; name what is worn, or write "none"',
        ),
        ("everyone = 'cap'", "everyone must be a table; write [everyone] on a line of its own"),
        ("person = 1", "person must be a table for each id; as [person.1]"),
        ("[person.0]\nhat = 'cap'", "person takes ids from 1 on, as [person.1]; got '0'"),
        ("[person.anna]\nhat = 'cap'", "got 'anna'"),
        ("[person.2]\nhat = {a = 1}", "person.2.hat must be"),
        ("seed = -1", "seed must be a whole number from 0 on, got '-1'"),
        ("seed = true", "seed must be a whole number"),
        ("", "nothing to wear; add [everyone]"),
        ("[everyone]\nhat = 'none'", "nothing to wear; add [everyone]"),
        ("[everyone\n", "is not valid TOML; "),
        ("[everyone]\nhat = 'a'\nhat = 'b'", "is not valid TOML; "),
        ("x = " + "[" * 5000, "look.toml: "),
        (f"[everyone]\nhat = '{'x' * 5000}'", "everyone.hat: xxx"),
    ],
)
def test_what_is_wrong_is_said_with_file_and_key(tmp_path, text, message):
    with pytest.raises(UsageError) as caught:
        read_look(write_look(tmp_path, text))
    assert str(caught.value).startswith(f"{tmp_path}/look.toml: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "there is no such file"), (b"\xff", "is not text in UTF-8"), (bytes(2**21), "1 MB")],
)
def test_what_cannot_be_read_is_said(tmp_path, content, message):
    path = tmp_path / "look.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError, match=f"look.toml: .*{message}"):
        read_look(path)


def test_a_folder_without_pictures_is_said(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hats").mkdir()
    with pytest.raises(UsageError, match=r"--hat: .*hats has no pictures; name another folder"):
        look_of_options({"hat": "hats"})


def test_what_was_drawn_to_check_a_picture_is_not_worn(tmp_path):
    (tmp_path / "hats").mkdir()
    for name in ("a.PNG", "a-anchors.png", "b-anchors.png"):
        (tmp_path / "hats" / name).touch()
    look = look_of_options({"hat": str(tmp_path / "hats")})
    paths = [str(tmp_path / "hats" / name) for name in ("a.PNG", "b-anchors.png")]
    assert list(look.everyone["hat"].items) == paths


def test_a_look_saved_by_an_editor_of_windows_is_read(tmp_path):
    path = tmp_path / "look.toml"
    path.write_bytes(b'\xef\xbb\xbf[everyone]\r\nhat = "cap"\r\n')
    assert read_look(path).everyone["hat"].items == ("cap",)


def test_names_and_colors_are_the_same_in_large_and_small(tmp_path):
    text = '[everyone]\nhair = ["Copper", "copper"]\n[largest]\ntop = ["#7A1F3D", "#7a1f3d"]\n'
    look = read_look(write_look(tmp_path, text))
    assert (look.everyone["hair"].items, look.largest["top"].items) == (("copper",), ("#7a1f3d",))
