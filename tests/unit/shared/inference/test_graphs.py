"""Layers of graphs that do what they say, whatever the processor can do."""

from __future__ import annotations

import numpy as np
import openvino as ov
import pytest

from shared.inference import graphs


@pytest.mark.parametrize(("adds_up", "most"), [(True, 127), (False, 64)])
def test_weights_have_so_few_levels_that_sums_of_two_products_fit(
    monkeypatch: pytest.MonkeyPatch, adds_up: bool, most: int
) -> None:
    monkeypatch.setattr(graphs, "has_int8_dot_product", lambda: adds_up)
    weight = np.linspace(-3.0, 3.0, 1001, dtype=np.float32).reshape(1, -1, 1, 1)
    model = ov.Model([graphs._quantized_kernel(weight)], [])
    seen = ov.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})([])[0].reshape(-1)
    levels = seen / np.diff(np.unique(seen)).min()
    assert np.abs(levels).max() <= most + 0.01
    assert 2 * 255 * most < 2**15 or adds_up
    np.testing.assert_allclose(seen, weight.reshape(-1), atol=0.6 * 3.0 / most)


def test_weights_without_ceilings_are_told_where_int8_would_be_quicker(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(graphs, "uses_int8", lambda precision: precision == "int8")
    assert graphs.select_ceilings("detector", (1.0,), "int8") == (1.0,)
    assert graphs.select_ceilings("detector", (1.0,), "bfloat16") is None
    assert graphs.select_ceilings("detector", None, "bfloat16") is None
    assert caplog.messages == []
    assert graphs.select_ceilings("detector", None, "int8") is None
    (message,) = caplog.messages
    assert "python -m services.detector.training.quantize" in message
