"""Train the network that recognizes the orientation of a patch of text.

Run `python -m services.detector.training.orientation --data DIR [DIR ...] --export DIR` to train on the split `train`
of each data set. Labels need no annotation: every patch is turned at random. For patches of a table, without text, all
turns should be equally probable. The defaults are the complete recipe.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from services.detector.orientation.architecture import OrientationArchitecture
from services.detector.orientation.engine import CHARACTER_PX, PATCH_PX, TURNS
from services.detector.orientation.loading import NAME
from services.detector.orientation.network import OrientationNetwork, normalize
from services.detector.orientation.pose import build_turn, cut_patch, find_pose
from services.detector.orientation.skew import estimate_skew
from services.detector.orientation.torch_engine import TorchOrientationEngine
from services.detector.scale import find_characters, find_ink
from services.detector.training.damage import wear_crop
from shared.arrays import Doubles, Pixels
from shared.geometry import rotate_image
from shared.inference.device import arrays_of, autocast
from shared.inference.weights import save_weights
from shared.learning.dataset import load_split
from shared.learning.labels import DatasetError, LabeledReceipt
from shared.learning.training import ExponentialMovingAverage, schedule_rate_by_step
from shared.pictures.gray import to_gray

# Height of characters on loaded pages.
_LOADED_CHARACTER_PX = 15.0
# Shares of patches with a large skew and of patches without text.
_LARGE_SKEW, _WITHOUT_TEXT = 0.12, 0.08


@dataclass(frozen=True)
class TrainingConfig:
    """The recipe.

    Attributes:
        steps: Number of updates.
        batch: Patches per step.
        rate: Highest learning rate.
        decay: Weight decay.
        average: Decay of the moving average of the weights.
        seed: Random seed.
    """

    steps: int = 6400
    batch: int = 128
    rate: float = 3e-3
    decay: float = 0.02
    average: float = 0.995
    seed: int = 1


@dataclass(frozen=True)
class LoadedPage:
    """An upright page in memory: gray pixels, centers of its characters `(N, 2)`, its skew in degrees."""

    gray: Pixels
    centers: Doubles
    skew: float


def read_upright(receipt: LabeledReceipt) -> Pixels:
    """Read a page as gray pixels, turned so that its labels read from left to right.

    Raises:
        DatasetError: If it cannot be read.
    """
    quads = receipt.quads
    along = (quads[:, 1] - quads[:, 0]).sum(axis=0) if len(quads) else np.array([1.0, 0.0])
    turned = round(float(np.rad2deg(np.arctan2(along[1], along[0]))) / 90) * 90 % 360
    return rotate_image(to_gray(receipt.read_image()), -turned % 360)


def load_page(receipt: LabeledReceipt) -> LoadedPage | None:
    """Load a receipt into memory. Return None if it cannot be read or has hardly any text."""
    try:
        gray = read_upright(receipt)
    except DatasetError:
        return None
    ink = find_ink(gray)
    characters = find_characters(ink)
    if characters is None:
        return None
    skew = estimate_skew(characters.centers, characters.height, 0)
    scale = min(1.0, _LOADED_CHARACTER_PX / characters.height)
    small = cv2.resize(ink.measured, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    # Smaller characters are enlarged here, so that all pages have characters of one height.
    factor = _LOADED_CHARACTER_PX / characters.height / scale
    if factor > 1:
        small = cv2.resize(small, None, fx=factor, fy=factor, interpolation=cv2.INTER_LINEAR)
    centers = characters.centers * (_LOADED_CHARACTER_PX / characters.height)
    return LoadedPage(np.asarray(small, np.uint8), centers, skew.degrees)


def draw_patch(pages: Sequence[LoadedPage], rng: np.random.Generator) -> tuple[Pixels, int]:
    """Cut and turn one patch; return it with the index of its turn, or -1 if it shows no text."""
    if rng.random() < _WITHOUT_TEXT:
        return wear_crop(_draw_texture(rng), rng), -1
    page = pages[int(rng.integers(len(pages)))]
    off = rng.uniform(-15, 15) if rng.random() < _LARGE_SKEW else rng.normal(0, 1.0)
    scale = CHARACTER_PX / _LOADED_CHARACTER_PX * np.exp(rng.uniform(np.log(0.7), np.log(1.4)))
    shear = np.array([[1.0, rng.normal(0, 0.06)], [rng.normal(0, 0.02), 1.0]])
    linear = build_turn(off - page.skew) @ shear @ np.diag(scale * np.exp(rng.normal(0, 0.07, 2)))
    anchor = linear @ page.centers[rng.integers(len(page.centers))]
    origin = anchor - rng.uniform(0.15, 0.85, 2) * PATCH_PX
    patch = cut_patch(page.gray, np.hstack([linear, -origin[:, None]]))
    turn = int(rng.integers(len(TURNS)))
    return wear_crop(np.ascontiguousarray(np.rot90(patch, -turn)), rng), turn


def _draw_texture(rng: np.random.Generator) -> Pixels:
    """Draw a patch of a table: noise smeared along one direction, or a weave of stripes."""
    grain = np.exp(rng.uniform(0, 3, 2))
    noise = rng.standard_normal((PATCH_PX, PATCH_PX)).astype(np.float32)
    if rng.random() < 0.3:
        phase = np.arange(PATCH_PX) / np.exp(rng.uniform(1, 3.2))
        noise = noise * 0.3 + np.sign(np.sin(phase))[:, None] * np.sign(np.sin(phase + rng.uniform(0, 6)))
    noise = cv2.GaussianBlur(noise, (0, 0), sigmaX=float(grain[0]) / 3, sigmaY=float(grain[1]) / 3).astype(np.float32)
    matrix = cv2.getRotationMatrix2D((PATCH_PX / 2, PATCH_PX / 2), rng.uniform(0, 180), 1.0)
    noise = cv2.warpAffine(noise, matrix, (PATCH_PX, PATCH_PX), borderMode=cv2.BORDER_REFLECT).astype(np.float32)
    noise = (noise - noise.mean()) / (noise.std() + 1e-3) * rng.uniform(5, 50) + rng.uniform(40, 220)
    return np.asarray(np.clip(noise, 0, 255), np.uint8)


def compute_loss(scores: Tensor, turns: Tensor) -> Tensor:
    """Compute the cross-entropy of scores `(N, 4)`; for patches without text (turn -1) the target is uniform."""
    targets = torch.full_like(scores, 1 / len(TURNS))
    text = turns >= 0
    targets[text] = nn.functional.one_hot(turns[text], len(TURNS)).float()
    return nn.functional.cross_entropy(scores, targets, label_smoothing=0.02)


def train(pages: Sequence[LoadedPage], config: TrainingConfig) -> OrientationNetwork:
    """Train a network from random weights."""
    torch.manual_seed(config.seed)
    rng = np.random.default_rng(config.seed)
    network = OrientationNetwork(OrientationArchitecture()).train()
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(network.parameters(), lr=config.rate, weight_decay=config.decay)
    average = ExponentialMovingAverage(network, config.average)
    losses: list[float] = []
    start = time.perf_counter()
    for step in range(config.steps):
        for group in optimizer.param_groups:
            group["lr"] = schedule_rate_by_step(step, config.steps, config.rate, warmup=50)
        patches, turns = zip(*(draw_patch(pages, rng) for _ in range(config.batch)), strict=True)
        with autocast(torch.device("cpu")):
            scores = network(normalize(torch.from_numpy(np.stack(patches))))
        loss = compute_loss(scores.float(), torch.tensor(turns))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        average.update(network)
        losses.append(float(loss.detach()))
        if step % 50 == 49:
            seconds = time.perf_counter() - start
            print(f"step {step + 1} loss {np.mean(losses[-50:]):.4f} {seconds:.0f} s", file=sys.stderr, flush=True)
    network.load_state_dict(average.state_dict())
    network.eval()
    return network


def measure(receipts: Sequence[LabeledReceipt], engine: TorchOrientationEngine) -> dict[str, float]:
    """Measure the share of pages with a correct turn, for pages turned by 0, 90, 180 and 270 degrees clockwise."""
    right = dict.fromkeys(TURNS, 0)
    for receipt in receipts:
        page = read_upright(receipt)
        for turn in TURNS:
            right[turn] += find_pose(rotate_image(page, turn), engine)[0].rotation == turn
    return {f"turned_{turn}": count / max(1, len(receipts)) for turn, count in right.items()}


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="Train the network that recognizes the orientation of a page.")
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="data sets; their split `train` is used")
    parser.add_argument("--export", type=Path, required=True, help="folder for the weights")
    parser.add_argument("--steps", type=int, default=TrainingConfig.steps, help="steps (default: %(default)s)")
    parser.add_argument("--measured-split", default="validation", help="split to measure on (default: %(default)s)")
    options = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    config = TrainingConfig(steps=options.steps)
    pages = [page for folder in options.data for receipt in load_split(folder, "train") if (page := load_page(receipt))]
    network = train(pages, config)
    engine = TorchOrientationEngine(network)
    measures: dict[str, Any] = {
        folder.name: measure(load_split(folder, options.measured_split), engine) for folder in options.data
    }
    save_weights(
        options.export,
        arrays_of(network.state_dict()),
        name=NAME,
        architecture=asdict(network.architecture),
        alphabet=None,
        training={
            "data": [f"{folder.name} train" for folder in options.data],
            "pages": len(pages),
            "command": "python -m services.detector.training.orientation",
            **asdict(config),
        },
        measures=measures,
    )
    print(measures)


if __name__ == "__main__":
    main()
