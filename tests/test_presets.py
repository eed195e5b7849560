"""Presets: each builds, and a little music goes through all of it."""

import numpy as np
import pytest

import tinylstm as tl


@pytest.mark.parametrize("name", tl.PRESETS)
def test_a_preset_builds_and_describes_itself(name):
    preset = tl.PRESETS[name]
    assert preset.name == name and len(preset.why) > 20
    tokens = tl.Tokens(np.arange(300) % 20, [0, 150])
    keys = np.arange(20)[None]
    (batch, *_) = preset.data(tokens, 0, keys).epoch(0)
    assert batch.x.shape[0] in (50, 64, 100)
    assert tl.Sequential(preset.layers(20)).output_sizes[-1] == 20
    assert preset.validation(tokens).epoch(0)
    assert preset.schedule(0.5) > 0 and preset.optimizer().learning_rate > 0
    assert preset.settings() == {
        "preset": name, "temperature": preset.temperature, "window": preset.window
    }  # fmt: skip


def test_a_network_is_built():
    model = tl.Sequential(tl.PRESETS["quick"].layers(20))
    y, _, _ = model.forward(np.zeros((3, 2), int))
    assert y.shape == (3, 2, 20)


def test_the_article_is_the_articles():
    preset = tl.PRESETS["article"]
    sizes = [layer.units for layer in preset.layers(352) if hasattr(layer, "units")]
    assert sizes == [512, 512, 512, 256, 352]
    assert (preset.epochs, preset.window, preset.temperature) == (200, 100, 0.0)
