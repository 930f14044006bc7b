"""The service as it is started, with the bundled model: what its answers hold."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import threading
import time
import zipfile
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from PIL import Image

from m2fp_cli.engine.parser import HumanParser
from m2fp_cli.imaging.codec import decode_image
from m2fp_cli.records.document import read_document
from m2fp_cli.tryon.fitting import changed_box, try_on
from tests.support.scripted_service import FORM, form
from tests.support.service_process import EXAMPLES, serving, two_people

pytestmark = pytest.mark.slow
PHOTO = (EXAMPLES / "astronaut.jpg").read_bytes()
JPEG = {"Content-Type": "image/jpeg"}


@pytest.fixture(scope="module")
def temporary(tmp_path_factory):
    return tmp_path_factory.mktemp("tmp")


@pytest.fixture(scope="module")
def service(tmp_path_factory, temporary):
    options = ("--threads", "1", "--log-format", "json")
    env = {"TMPDIR": str(temporary)}
    with serving(tmp_path_factory.mktemp("log"), *options, env=env) as running:
        running.wait_until_ready()
        yield running


@pytest.fixture(scope="module")
def result():
    return HumanParser("starter", threads=1).parse(decode_image(PHOTO).image_bgr)


def parse(service, query="", **headers):
    return service.ask("POST", f"/parse{query}", PHOTO, {**JPEG, **headers})


def pixels(reply):
    assert reply.status == 200, reply.body
    return np.asarray(Image.open(io.BytesIO(reply.body)))


def tryon(service, query="", **fields):
    return service.ask("POST", f"/tryon{query}", form({"image": ("a.jpg", PHOTO), **fields}), FORM)


def test_the_document_is_that_of_a_parse(service, result):
    reply = parse(service)
    found = read_document(reply.body).result
    assert (found.semantic_map == result.semantic_map).all()
    assert (found.person_map == result.person_map).all()
    assert [person.score for person in found.people] == pytest.approx(
        [person.score for person in result.people], abs=1e-5
    )
    assert reply.headers["server-timing"].startswith("wait;dur=")


def test_maps_and_pictures(service, result):
    assert (pixels(parse(service, Accept="image/png")) == result.semantic_map).all()
    assert (pixels(parse(service, "?as=people")) == result.person_map).all()
    colors = parse(service, Accept="image/jpeg")
    assert colors.headers["content-type"] == "image/jpeg"
    hair = result.semantic_map == result.labels.id_of("Hair")
    assert np.median(pixels(colors)[hair], axis=0) == pytest.approx((255, 0, 0), abs=12)
    assert pixels(parse(service, "?as=overlay")).shape == (*result.image_hw, 3)


def test_some_labels_alone(service, result):
    kept = np.isin(result.semantic_map, result.labels.all_ids_of(["hair", "face"]))
    labels = pixels(parse(service, "?as=labels&labels=hair,face"))
    assert (labels == np.where(kept, result.semantic_map, 0)).all()
    cutout = pixels(parse(service, "?as=cutout&labels=hair,face"))
    assert ((cutout[..., 3] == 255) == kept).all()
    document = parse(service, "?labels=Face").document
    names = {part["label"] for person in document["people"] for part in person["parts"]}
    assert names == {"Face"}
    assert "no label 'tail'" in parse(service, "?labels=tail").document["message"]


def test_a_cut_out_hides_nothing_below_its_transparency(service):
    cutout = pixels(parse(service, "?as=cutout&labels=hair,face"))
    seen = cutout[..., 3] == 255
    photo = np.asarray(Image.open(io.BytesIO(PHOTO)))
    assert (cutout[seen][:, :3] == photo[seen]).all()
    assert not cutout[~seen].any()


def test_colors_by_person_and_lowest_score(service, result):
    by_person = pixels(parse(service, "?as=colors&by=person"))
    assert (by_person == result.person_map).all()
    assert parse(service, "?min_score=1").document["people"] == []


def test_everything_in_one_archive(service, result):
    reply = service.ask("POST", "/parse?as=zip", form({"file": ("me.jpg", PHOTO)}), FORM)
    archive = zipfile.ZipFile(io.BytesIO(reply.body))
    assert archive.testzip() is None
    assert {"labels/me.png", "people/me.png", "results/me.json", "colors/me.png",
            "overlays/me.jpg", "cutouts/me/person-1.png"} <= set(archive.namelist())  # fmt: skip
    assert json.loads(archive.read("results/me.json"))["source"] == "me"


def test_an_archive_has_nothing_but_the_labels_asked_for(service, result):
    reply = parse(service, "?as=zip&labels=hair")
    archive = zipfile.ZipFile(io.BytesIO(reply.body))
    masks = [name for name in archive.namelist() if name.startswith("masks/")]
    assert masks
    assert all(name.endswith("-Hair.png") for name in masks)
    picture = Image.open(archive.open("cutouts/photo/person-1.png"))
    hair = (result.semantic_map == result.labels.id_of("Hair")) & (result.person_map == 1)
    assert np.count_nonzero(np.asarray(picture)[..., 3]) == np.count_nonzero(hair)


def test_a_result_is_used_again(service, result):
    first = parse(service, "?as=preview")
    again = service.ask("GET", first.headers["location"] + "?as=labels")
    assert (pixels(again) == result.semantic_map).all()
    assert "network" not in again.headers["server-timing"]
    assert again.headers.get("m2fp-result") is None


def test_somebody_wears_a_hat(service, result):
    picture = pixels(tryon(service, hat="fedora")).astype(int)
    assert np.abs(picture - np.asarray(Image.open(io.BytesIO(PHOTO)))).max() > 60
    record = tryon(service, "?as=json", hat="fedora", people="largest").document
    assert record["people"][0]["items"][0]["placed"]
    photo = decode_image(PHOTO).image_bgr
    alone = try_on(photo, result, {"hat": "fedora"}, people="largest").image_bgr
    assert record["changed"] == list(changed_box(photo, alone) or ())


def test_somebody_wears_an_upload_that_is_cut_out(service):
    drawn = Image.new("RGBA", (300, 100), (20, 20, 20, 255))
    for margin, status in ((10, 200), (0, 400)):
        framed = Image.new("RGBA", (300 + 2 * margin, 100 + 2 * margin))
        framed.paste(drawn, (margin, margin))
        own = io.BytesIO()
        framed.save(own, "PNG")
        answer = tryon(service, "?as=json", glasses=("mine.png", own.getvalue()))
        assert answer.status == status
        notes = "guessed" if status == 200 else "has no transparency"
        assert notes in str(answer.document)


def test_everybody_may_wear_something_else(service):
    buffer = io.BytesIO()
    two_people().save(buffer, "PNG")
    body = form({"image": ("two.png", buffer.getvalue()), "hat": "beanie", "hat.2": "fedora"})
    record = service.ask("POST", "/tryon?as=json", body, FORM).document
    worn = {person["id"]: [item["name"] for item in person["items"]] for person in record["people"]}
    assert (worn[1], worn[2]) == (["beanie"], ["fedora"])


@pytest.mark.parametrize(
    ("fields", "word"),
    [({"hat": "/etc/passwd"}, "there is no"), ({"hat": "../accessories/fedora"}, "there is no"),
     ({"hat": "round"}, "there is no"), ({"top": "#zzzzzz"}, "there is no"),
     ({"shoes": "red"}, "take a color such as #7a1f3d, or upload a picture"),
     ({"hair": "red"}, "violet or a color such as #7a1f3d, or upload a picture"),
     ({}, "something to wear"),
     ({"hat.9": "fedora"}, "no person 9"), ({"hat": ("x.png", b"<svg/>")}, "SVG"),
     ({"hat": "fedora", "people": "x"}, "take all"),
     ({"hat": "fedora", "wings": "x"}, "no parameter")],
)  # fmt: skip
def test_what_cannot_be_worn(service, fields, word):
    reply = tryon(service, **fields)
    assert reply.status in (400, 415)
    assert word in reply.document["message"]


def test_damaged_photos_are_told_so(service):
    for cut in (200, 5000, len(PHOTO) - 1000):
        reply = service.ask("POST", "/parse", PHOTO[:cut], JPEG)
        assert reply.status == 422
        assert reply.document["message"].startswith("the photo is ")


def test_the_front_loads_nothing_heavy(service):
    maps = Path(f"/proc/{service.process.pid}/maps").read_text()
    for name in ("torch", "numpy", "cv2", "PIL"):
        assert f"/{name}/" not in maps


def test_the_log_is_json(service):
    before = len(service.log)
    parse(service, "?as=secret")
    until = time.monotonic() + 60  # the line is written after the reply
    while '"/parse"' not in service.log[before:] and time.monotonic() < until:
        time.sleep(0.02)
    lines = [json.loads(line) for line in service.log[before:].splitlines()]
    last = [line for line in lines if line.get("path") == "/parse"][-1]
    assert (last["message"], last["status"], last["error"]) == ("request", 400, "bad_parameter")


def test_numbers_for_prometheus(service):
    text = service.ask("GET", "/metrics").body.decode()
    for name in ("m2fp_requests_total{", "m2fp_queue_length 0", 'm2fp_workers{state="ready"} 1',
                 'm2fp_stage_seconds_total{stage="network"}',
                 'm2fp_resident_bytes{process="front"}',
                 "m2fp_wait_seconds_sum", "m2fp_worker_restarts_total 0"):  # fmt: skip
        assert name in text


def test_every_path_is_as_described(service):
    api = service.ask("GET", "/openapi.json").document
    result_id = parse(service).headers["m2fp-result"]
    multipart = form({"image": ("a.jpg", PHOTO), "hat": "cap"})
    bodies = {"/parse": (PHOTO, JPEG), "/tryon": (multipart, FORM)}
    for path, methods in api["paths"].items():
        for method in sorted(methods, reverse=True):  # get before delete
            asked = path.replace("{id}", result_id).replace("{name}", "cap")
            reply = service.ask(method.upper(), asked, *bodies.get(path, (None, None)))
            described = methods[method]["responses"][str(reply.status)]
            assert reply.status < 300
            check_body(reply, described, api)


def test_every_view_is_as_described(service):
    api = service.ask("GET", "/openapi.json").document
    photo = form({"image": ("a.jpg", PHOTO)})
    dressed = form({"image": ("a.jpg", PHOTO), "hat": "cap"})
    for path, body in (("/parse", photo), ("/tryon", dressed)):
        operation = api["paths"][path]["post"]
        views = next(one for one in operation["parameters"] if one["name"] == "as")["schema"][
            "enum"
        ]
        for view in views:
            reply = service.ask("POST", f"{path}?as={view}", body, FORM)
            check_body(reply, operation["responses"]["200"], api)


def test_refusals_are_as_described(service):
    api = service.ask("GET", "/openapi.json").document
    described = api["paths"]["/parse"]["post"]["responses"]
    for reply in (parse(service, "?as=x"), parse(service, Accept="text/html"),
                  service.ask("POST", "/parse", b"GIF8", JPEG),
                  service.ask("POST", "/parse", PHOTO[:300], JPEG),
                  service.ask("POST", "/parse")):  # fmt: skip
        named = described[str(reply.status)]["$ref"].rsplit("/", 1)[-1]
        check_body(reply, api["components"]["responses"][named], api)


def check_body(reply, described, api):
    media_type = reply.headers.get("content-type", "").partition(";")[0]
    content = described.get("content", {})
    assert media_type in content or not (content or reply.body)
    if media_type == "application/json":
        schema = {**content[media_type]["schema"], "components": api["components"]}
        jsonschema.validate(reply.document, schema)


def test_nothing_is_written_to_disk(service, temporary):
    large = io.BytesIO()
    Image.effect_noise((1800, 1500), 90).convert("RGB").save(large, "PNG")
    assert large.tell() > 3_000_000
    assert (
        service.ask("POST", "/parse", form({"image": ("a.png", large.getvalue())}), FORM).status
        == 200
    )
    left = [path for path in temporary.rglob("*") if path.is_file()]
    assert left == []


def count_open(service):
    """Requests that are worked on or wait for it."""
    text = service.ask("GET", "/metrics").body.decode()
    counts = re.findall(r'^m2fp_(?:queue_length|workers{state="busy"}) (\S+)$', text, re.MULTILINE)
    return sum(map(float, counts))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=["TERM", "HUP"])
def test_a_signal_to_all_processes_finishes_what_was_begun(tmp_path, number):
    with serving(tmp_path) as running:
        running.wait_until_ready()
        replies = []
        asking = [
            threading.Thread(target=lambda: replies.append(parse(running).status)) for _ in range(3)
        ]
        for thread in asking:
            thread.start()
        until = time.monotonic() + 60
        while len(replies) + count_open(running) < 3:
            assert time.monotonic() < until
            time.sleep(0.01)
        os.killpg(running.process.pid, number)
        if number == signal.SIGHUP:  # a closed terminal sends it twice
            time.sleep(0.1)
            os.killpg(running.process.pid, number)
        for thread in asking:
            thread.join()
        assert replies == [200] * 3
        assert running.process.wait(30) == 0
        assert "ended" in running.log
