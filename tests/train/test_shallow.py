"""What depends on the length of a text is asked of one layer of each kind, and of the whole model only where that is not right."""

from typing import Any

import pytest

from tests.train.odd import GROUPED, built
from tests.train.test_ways import SPEC, documents, ready

SIX: dict[str, Any] = {"num_hidden_layers": 6}
KINDS: dict[str, tuple[dict[str, Any], list[int]]] = {
    "mistral": (SIX, [0, 5]),
    "gemma2": (SIX, [0, 1, 5]),
    "gpt_oss": (SIX, [0, 1, 5]),
    "bloom": ({"n_layer": 6}, [0, 5]),
    "mamba": (SIX, [0, 5]),
    "lfm2": ({**SIX, "layer_types": ["conv", "conv", "full_attention"] * 2}, [0, 2, 5]),
}


@pytest.mark.parametrize("name", KINDS)
def test_one_layer_of_each_kind_works_and_the_last(name: str) -> None:
    from o1exp.train.worker.shallow import layers_of, repeated, shallow

    changes, working = KINDS[name]
    model = built(name, **changes)
    layers = layers_of(model)
    assert [number for number in range(6) if number not in repeated(layers, model.config)] == working
    kept = [layer.forward for layer in layers]
    with shallow(model) as fewer:
        assert fewer
    assert [layer.forward for layer in layers] == kept


def test_a_setting_or_a_table_that_differs_is_a_kind_of_its_own() -> None:
    import torch

    from o1exp.train.worker.shallow import layers_of, repeated

    model = built("mistral", **SIX)
    layers = layers_of(model)
    layers[2].self_attn.sliding_window = 7
    layers[3].register_buffer("table", torch.ones(3))
    layers[4].register_buffer("table", torch.zeros(3))
    assert repeated(layers, model.config) == [1]


def test_long_texts_pass_through_few_layers_and_short_ones_through_all() -> None:
    from o1exp.train.worker.shallow import layers_of
    from o1exp.train.worker.trial import find_way

    model, seen = ready("mistral", **SIX), list[list[int]]()
    for layer in layers_of(model):
        seen.append([])
        layer.mlp.register_forward_pre_hook(lambda _, given, longest=seen[-1]: longest.append(given[0].shape[1]))
    way, _ = find_way(SPEC, documents(), model)
    assert way.layout == "packed"
    whole = sum(documents().lengths)
    assert [max(tokens) >= whole for tokens in seen] == [True, False, False, False, False, True]
    assert all(max(tokens) <= 60 for tokens in seen[1:-1])  # three short documents


def test_layers_that_need_others_are_asked_in_the_whole_model() -> None:
    from o1exp.train.worker.shallow import layers_of
    from o1exp.train.worker.trial import find_way

    model = ready("mistral", **SIX)
    layers, made = layers_of(model), list[Any]()
    layers[2].mlp.register_forward_hook(lambda *given: made.append(given[-1]))
    layers[5].mlp.register_forward_hook(lambda *given: given[-1] + 0 * made.pop()[:, -1:])  # the third layer is one that is not at work
    assert find_way(SPEC, documents(), model)[0].layout == "packed"


@pytest.mark.parametrize("late", [1, 5])
def test_a_wrong_that_only_long_texts_show_is_found(late: int) -> None:
    """Of the last layer, and of another that a setting of its own tells from the first."""
    import torch

    from o1exp.train.worker.shallow import layers_of
    from o1exp.train.worker.trial import find_way

    class Odd(torch.nn.Module):
        def forward(self, hidden: torch.Tensor) -> torch.Tensor:
            return hidden + (hidden.mean(1, keepdim=True) if hidden.shape[1] > 56 else 0)

    model = ready("mistral", **GROUPED | SIX)
    model.set_attn_implementation("eager")
    layers_of(model)[late].input_layernorm = torch.nn.Sequential(layers_of(model)[late].input_layernorm, Odd())
    assert find_way(SPEC, documents(), model)[0].layout == "alone"
