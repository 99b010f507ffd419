"""Tests of quantization in OpenVINO graphs."""

from __future__ import annotations

import numpy as np
import openvino as ov
import pytest

from shared.inference import graphs


@pytest.mark.parametrize(("has_dot_product", "max_level"), [(True, 127), (False, 64)])
def test_sums_of_two_quantized_products_do_not_overflow(
    monkeypatch: pytest.MonkeyPatch, has_dot_product: bool, max_level: int
) -> None:
    monkeypatch.setattr(graphs, "has_int8_dot_product", lambda: has_dot_product)
    weight = np.linspace(-3.0, 3.0, 1001, dtype=np.float32).reshape(1, -1, 1, 1)
    model = ov.Model([graphs._quantize_kernel(weight)], [])
    seen = ov.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})([])[0].reshape(-1)
    levels = seen / np.diff(np.unique(seen)).min()
    assert np.abs(levels).max() <= max_level + 0.01
    assert 2 * 255 * max_level < 2**15 or has_dot_product
    np.testing.assert_allclose(seen, weight.reshape(-1), atol=0.6 * 3.0 / max_level)


def test_warns_of_weights_without_ceilings_where_int8_is_faster(
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
