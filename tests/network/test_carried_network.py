"""The network for what people carry, with its bundled weights."""

from __future__ import annotations

from pathlib import Path

import torch
from torch.testing._comparison import assert_close

from m2fp_cli.engine import carried
from m2fp_cli.engine.carried import load_carried_network
from m2fp_cli.models.weights import load_weights
from m2fp_cli.network.carried_network import INPUT_HW, STRIDE, CarriedNetwork

FOLDER = Path(carried.__file__).parents[1] / "models" / "carried"


def views(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(2)
    pictures = torch.rand(count, 3, *INPUT_HW, generator=random)
    places = torch.randint(0, 3, (count, *INPUT_HW), generator=random)
    return pictures, torch.nn.functional.one_hot(places, 3).movedim(3, 1).float()


def test_packed_it_answers_as_torch_computes_it():
    plain = CarriedNetwork().eval()
    plain.load_state_dict({key: value.float() for key, value in load_weights(FOLDER).items()})
    with torch.inference_mode():
        expected, found = plain(*views(2)), load_carried_network()(*views(2))
    assert found.shape == (2, 1, INPUT_HW[0] // STRIDE, INPUT_HW[1] // STRIDE)
    assert_close(found, expected, atol=2e-3, rtol=1e-3)


def test_garments_are_seen_one_by_one_however_many_come_together():
    pictures, guides = views(3)
    with torch.inference_mode():
        together = load_carried_network()(pictures, guides)
        alone = [load_carried_network()(pictures[i : i + 1], guides[i : i + 1]) for i in range(3)]
    assert_close(together, torch.cat(alone), atol=2e-3, rtol=1e-3)
