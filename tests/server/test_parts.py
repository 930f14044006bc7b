"""The small parts: views, parameters, forms, names, the store."""

from __future__ import annotations

import pytest

from m2fp_cli.server.form import Part, boundary_of, split_form
from m2fp_cli.server.limits import ServiceLimits
from m2fp_cli.server.messages import Worn
from m2fp_cli.server.parameters import Parameters
from m2fp_cli.server.problem import Problem
from m2fp_cli.server.receiving import safe_name
from m2fp_cli.server.store import Kept, ResultStore
from m2fp_cli.server.views import choose_parse_view, choose_tryon_view, parse_accept
from tests.support.scripted_service import form


@pytest.mark.parametrize(
    ("named", "accept", "chosen"),
    [
        (None, "", ("json", "application/json")),
        (None, "*/*", ("json", "application/json")),
        (None, "image/jpeg", ("colors", "image/jpeg")),
        (None, "image/png", ("labels", "image/png")),
        (None, "application/zip", ("zip", "application/zip")),
        (None, "image/*;q=0.5, application/json;q=0.1", ("labels", "image/png")),
        ("overlay", "*/*", ("overlay", "image/jpeg")),
        ("overlay", "image/png", ("overlay", "image/png")),
        ("labels", "image/jpeg", ("labels", "image/png")),
        ("colors", "image/webp;q=nan, image/png", ("colors", "image/png")),
    ],
)
def test_which_view_is_meant(named, accept, chosen):
    assert choose_parse_view(named, accept) == chosen


def test_what_cannot_be_is_refused():
    with pytest.raises(Problem, match="take json, labels"):
        choose_parse_view("everything", "")
    with pytest.raises(Problem) as caught:
        choose_tryon_view(None, "text/html")
    assert caught.value.status == 406


def test_accept_is_read_with_patience():
    assert parse_accept("image/png;q=2, x, a/b;q=-1;c, c/d ; q=0.3") == {
        "image/png": 1.0, "a/b": 0.0, "c/d": 0.3
    }  # fmt: skip
    assert parse_accept("," * 100_000) == {"*/*": 1.0}


def given(**values):
    return Parameters(values.items(), ("labels", "by", "min_score", "people", "*"))


def test_parameters_are_read():
    found = given(labels=" hair, face,", by="person", min_score="0.25", people="1, 3")
    assert found.labels() == ("hair", "face")
    assert (found.by(), found.min_score(), found.people()) == ("person", 0.25, (1, 3))
    assert given().people() == "all"


@pytest.mark.parametrize(
    ("name", "value"),
    [("labels", ","), ("by", "x"), ("min_score", "nan"), ("min_score", "1.1"),
     ("min_score", "1e999"), ("people", "0"), ("people", "1,,2"), ("people", "-1"),
     ("people", "1" * 50), ("people", "\u0661")],
)  # fmt: skip
def test_parameters_that_make_no_sense(name, value):
    found = given(**{name: value})
    with pytest.raises(Problem):
        getattr(found, name)()


def test_what_is_worn_and_by_whom():
    found = Parameters([("hat", "fedora"), ("hat.2", "cap"), ("top", "#7a1f3d")], ("*",))
    assert found.worn() == [Worn("hat", "fedora"), Worn("hat", "cap", 2), Worn("top", "#7a1f3d")]
    for name in ("hat.0", "hat.x", "gloves", "hat.999999", "hat.2.3"):
        with pytest.raises(Problem, match="there is no parameter"):
            Parameters([(name, "x")], ("*",))
    with pytest.raises(Problem, match="given twice"):
        Parameters([("hat", "a"), ("hat", "b")], ("*",))


def test_a_form_is_split():
    parts = split_form(
        form({"image": ("\u7167\u7247.jpg", b"\r\n--ed\r\n\0"), "hat": "fedora"}), b"edge"
    )
    assert [(part.name, part.filename) for part in parts] == [
        ("image", "\u7167\u7247.jpg"),
        ("hat", None),
    ]
    assert (parts[0].content, parts[1].text) == (b"\r\n--ed\r\n\0", "fedora")


def test_a_photo_in_a_field_of_another_name_is_told_where_to_go():
    (part,) = split_form(form({"photo": ("anna.jpg", bytes(1000))}), b"edge")
    with pytest.raises(Problem, match="'photo' holds a file; send the photo as 'image'"):
        _ = part.text
    (text,) = split_form(form({"hat": "x" * 1000}), b"edge")
    with pytest.raises(Problem, match="'hat' is longer than 256 bytes"):
        _ = text.text


def test_a_form_with_preamble_and_padding():
    body = (
        b"hello\r\n--edge  \r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--edge--\r\nbye"
    )
    assert [(part.name, part.content) for part in split_form(body, b"edge")] == [("a", b"1")]


@pytest.mark.parametrize(
    ("value", "name", "filename"),
    [('form-data; name="image"; filename="a;b\\"c.jpg"', "image", 'a;b"c.jpg'),  # curl
     ('form-data; name="image"; filename="5%22%0D%0A%.jpg"', "image", '5"\r\n%.jpg'),  # browsers
     ('form-data; name="image"; filename="C:\\y\\z.jpg"', "image", "C:\\y\\z.jpg"),  # old browsers
     ("form-data; name=hat ;  filename=x.png;", "hat", "x.png"),
     ("form-data; name=\"a\"; filename=\"_\"; filename*=UTF-8''%E5%AE%B6.jpg", "a", "\u5bb6.jpg"),
     ("FORM-DATA; NAME=a; filename*=iso-8859-1'en'%e9", "a", "\u00e9"),
     ('form-data; name=""; filename=""', "", "")],
)  # fmt: skip
def test_names_in_a_form(value, name, filename):
    body = f"--edge\r\nX-A: 1\r\nContent-disposition: {value}\r\nX-B: 2\r\n\r\n1\r\n--edge--"
    (part,) = split_form(body.encode(), b"edge")
    assert (part.name, part.filename) == (name, filename)


@pytest.mark.parametrize(
    "value",
    ["form-data", "attachment; name=a", "form-data; filename=a", "form-data; name=a; name=b",
     'form-data; name="a', "form-data name=a", "form-data; name=a; filename*=utf-7''x",
     "form-data; name=a\r\nContent-Disposition: form-data; name=b",
     "form-data; name=a" + "".join(f"; p{n}=1" for n in range(20))],
)  # fmt: skip
def test_names_in_a_form_that_make_no_sense(value):
    body = f"--edge\r\nContent-Disposition: {value}\r\n\r\n1\r\n--edge--"
    with pytest.raises(Problem, match="the form cannot be read: a field"):
        split_form(body.encode(), b"edge")


HEAD = b'--edge\r\nContent-Disposition: form-data; name="a"\r\n'


@pytest.mark.parametrize(
    ("body", "said"),
    [(b"", "its boundary does not appear"),
     (b"hello --edge", "its boundary does not appear"),
     (b"--edgewise\r\n\r\n--edge--", "a line begins like its boundary and is none"),
     (HEAD + b"\r\n1\r\n--edge\n", "a line begins like its boundary and is none"),
     (HEAD + b"\r\nno end", "it is cut short: its last boundary is missing"),
     (b"--edge\r\n\r\n--edge--", "a field has no headers, or very long ones"),
     (HEAD + b"X: " + b"x" * 4096 + b"\r\n\r\n1\r\n--edge--", "or very long ones"),
     (form({f"f{n}": "x" for n in range(257)}), "it has more than 256 fields")],
)  # fmt: skip
def test_what_is_wrong_with_a_form_is_said(body, said):
    with pytest.raises(Problem, match=f"^the form cannot be read: .*{said}$"):
        split_form(body, b"edge")


def test_a_form_may_have_as_much_as_is_allowed():
    parts = split_form(form({f"f{n}": "\u00e9" * 128 for n in range(256)}), b"edge")
    assert [part.text for part in parts] == ["\u00e9" * 128] * 256
    (cut,) = split_form(form({"hat": ("x", b"\xff" * 256)}), b"edge")
    with pytest.raises(Problem, match="the field 'hat' is not UTF-8"):
        _ = cut.text


def test_an_input_for_files_in_which_none_was_chosen_is_nothing():
    assert Part("image", "", b"").is_nothing
    assert not Part("image", "", b"photo").is_nothing
    assert not Part("hat", None, b"").is_nothing


def test_boundaries():
    assert boundary_of("multipart/form-data; boundary=a-b") == b"a-b"
    assert boundary_of('Multipart/Form-Data; charset=x; boundary="a b"') == b"a b"
    assert boundary_of("image/png") is None
    with pytest.raises(Problem):
        boundary_of("multipart/form-data; boundary=")
    with pytest.raises(Problem, match="names no valid boundary"):
        boundary_of('multipart/form-data; boundary="half')


@pytest.mark.parametrize(
    ("filename", "name"),
    [("a.b.jpg", "a.b"), ("../../x.png", "x"), ("C:\\y\\..\\z.JPG", "z"), ("", "photo"),
     (".", "photo"), ("..", "photo"), ("/", "photo"), (".jpg", "jpg"), ("a\r\nb.png", "ab"),
     ("\u5bb6.jpg", "\u5bb6"), ("x" * 500, "x" * 80), ("\u202egpj.exe", "gpj"),
     ("con:aux.png", "conaux"),
     # Vowels and tones of Thai and Hindi are marks.
     ("\u0e17\u0e35\u0e48.jpg", "\u0e17\u0e35\u0e48"),
     ("\u0924\u0947.png", "\u0924\u0947")],
)  # fmt: skip
def test_names_of_files(filename, name):
    assert safe_name(filename) == name


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_the_store_forgets_what_is_longest_unused():
    store = ResultStore(ServiceLimits(kept_count=2), Clock())
    first, second = (store.add(Kept(b"photo", b"", "a")) for _ in range(2))
    assert store.get(first)
    third = store.add(Kept(b"photo", b"", "a"))
    assert [store.get(one) is not None for one in (first, second, third)] == [True, False, True]


def test_the_store_is_bounded_in_bytes_and_time():
    clock = Clock()
    store = ResultStore(ServiceLimits(kept_bytes=10_000, kept_seconds=60), clock)
    small = store.add(Kept(b"x" * 5000, b"", "a"))
    assert store.get(store.add(Kept(b"x" * 20_000, b"", "a"))) is None
    assert (store.get(small), store.bytes) == (None, 0)
    kept = store.add(Kept(b"x", b"y", "a"))
    clock.now = 59
    assert store.get(kept)
    clock.now = 118
    assert store.get(kept)
    clock.now = 179
    assert store.get(kept) is None
    assert len(store) == store.bytes == 0


def test_ids_cannot_be_guessed():
    store = ResultStore(ServiceLimits())
    ids = {store.add(Kept(b"", b"", "a")) for _ in range(100)}
    assert len(ids) == 100
    assert min(map(len, ids)) >= 22
