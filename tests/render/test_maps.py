"""Maps of a parsed photo, and what its result says beside them."""

from __future__ import annotations

import json

from m2fp_cli.layout import result_path
from m2fp_cli.render.maps import read_result_maps
from m2fp_cli.storage.tree import OutputTree
from tests.support.parsed_tree import make_tree


def test_people_are_counted_with_and_without_those_of_low_score(tmp_path):
    _, output = make_tree(tmp_path)
    path = result_path(output, "a")
    document = json.loads(path.read_text())
    count = len(document["people"])
    for person, score in zip(document["people"], (0.5, 0.49), strict=True):
        person["score"] = score
    path.write_text(json.dumps(document))
    with OutputTree(output) as tree:
        maps = read_result_maps(tree, "a")
    assert (maps.people, maps.sure_people) == (count, 1)
