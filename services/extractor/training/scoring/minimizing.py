"""Minimize a smooth function of a few hundred weights. Training only."""

from __future__ import annotations

from collections.abc import Callable

import torch


def minimize(weights: torch.Tensor, loss: Callable[[], torch.Tensor], *, steps: int = 100) -> list[float]:
    """Change weights in place to a minimum of a loss, by at most `steps` of L-BFGS (Liu and Nocedal, 1989)."""
    optimizer = torch.optim.LBFGS([weights], lr=0.5, max_iter=steps, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        value = loss()
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    return [float(value) for value in weights.detach()]
