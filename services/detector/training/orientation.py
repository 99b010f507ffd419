"""Training of the network that tells which way up a patch of text is. Training only, never imported by serving code.

`python -m services.detector.training.orientation --data DIR [DIR ...] --export DIR` trains on the `train` part of each
data set. The labels are free: every patch is turned by chance. Patches of tables, without text, are to say that they
know nothing. The defaults are the whole recipe.
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
from services.detector.orientation.engine import NAME
from services.detector.orientation.network import OrientationNetwork, normalize
from services.detector.orientation.pose import CHARACTER, PATCH, TURNS, cut_patch, find_pose, turning
from services.detector.orientation.skew import estimate_lean
from services.detector.orientation.torch_engine import TorchOrientationEngine
from services.detector.scale import find_characters, find_ink
from services.detector.training.samples import wear
from shared.arrays import Doubles, Pixels
from shared.geometry import rotate_image
from shared.inference.device import arrays_of, autocast
from shared.inference.weights import save_weights
from shared.learning.dataset import load_split
from shared.learning.labels import DatasetError, LabeledReceipt
from shared.learning.training import ExponentialMovingAverage, schedule_rate_by_step
from shared.pictures.gray import to_gray

#: Pages are kept with characters of this height.
_KEPT_CHARACTER = 15.0
#: Shares of patches that lean a lot, and that show no text.
_LEANING, _WITHOUT_TEXT = 0.12, 0.08


@dataclass(frozen=True)
class TrainingSettings:
    """The recipe.

    Attributes:
        steps: Updates.
        batch: Patches a step.
        rate: Largest learning rate.
        decay: Of weights.
        average: Decay of the moving average of the weights.
        seed: Of all chance.
    """

    steps: int = 6400
    batch: int = 128
    rate: float = 3e-3
    decay: float = 0.02
    average: float = 0.995
    seed: int = 1


@dataclass(frozen=True)
class KeptPage:
    """An upright page in memory: gray pixels, centers of its characters (N x 2), its lean in degrees."""

    gray: Pixels
    centers: Doubles
    lean: float


def upright(receipt: LabeledReceipt) -> Pixels:
    """The page, gray, turned so that its labels read from left to right; raises DatasetError if it cannot be read."""
    quads = receipt.quads
    along = (quads[:, 1] - quads[:, 0]).sum(axis=0) if len(quads) else np.array([1.0, 0.0])
    turned = round(float(np.rad2deg(np.arctan2(along[1], along[0]))) / 90) * 90 % 360
    return rotate_image(to_gray(receipt.read_image()), -turned % 360)


def keep(receipt: LabeledReceipt) -> KeptPage | None:
    """Read a receipt into memory; None if it cannot be read or hardly has text."""
    try:
        gray = upright(receipt)
    except DatasetError:
        return None
    ink = find_ink(gray)
    characters = find_characters(ink)
    if characters is None:
        return None
    lean = estimate_lean(characters.centers, characters.height, 0)
    scale = min(1.0, _KEPT_CHARACTER / characters.height)
    small = cv2.resize(ink.measured, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    # All pages as if their characters had the kept height: what was smaller is enlarged when a patch is cut.
    factor = _KEPT_CHARACTER / characters.height / scale
    if factor > 1:
        small = cv2.resize(small, None, fx=factor, fy=factor, interpolation=cv2.INTER_LINEAR)
    centers = characters.centers * (_KEPT_CHARACTER / characters.height)
    return KeptPage(np.asarray(small, np.uint8), centers, lean.degrees)


def draw_patch(pages: Sequence[KeptPage], rng: np.random.Generator) -> tuple[Pixels, int]:
    """Cut one patch and turn it; gives it with the index of its turn, -1 if it shows no text."""
    if rng.random() < _WITHOUT_TEXT:
        return wear(_texture(rng), rng), -1
    page = pages[int(rng.integers(len(pages)))]
    off = rng.uniform(-15, 15) if rng.random() < _LEANING else rng.normal(0, 1.0)
    scale = CHARACTER / _KEPT_CHARACTER * np.exp(rng.uniform(np.log(0.7), np.log(1.4)))
    shear = np.array([[1.0, rng.normal(0, 0.06)], [rng.normal(0, 0.02), 1.0]])
    linear = turning(off - page.lean) @ shear @ np.diag(scale * np.exp(rng.normal(0, 0.07, 2)))
    anchor = linear @ page.centers[rng.integers(len(page.centers))]
    origin = anchor - rng.uniform(0.15, 0.85, 2) * PATCH
    patch = cut_patch(page.gray, np.hstack([linear, -origin[:, None]]))
    turn = int(rng.integers(len(TURNS)))
    return wear(np.ascontiguousarray(np.rot90(patch, -turn)), rng), turn


def _texture(rng: np.random.Generator) -> Pixels:
    """A patch of a table: noise of some grain, smeared along one direction, or a weave of stripes."""
    grain = np.exp(rng.uniform(0, 3, 2))
    noise = rng.standard_normal((PATCH, PATCH)).astype(np.float32)
    if rng.random() < 0.3:
        phase = np.arange(PATCH) / np.exp(rng.uniform(1, 3.2))
        noise = noise * 0.3 + np.sign(np.sin(phase))[:, None] * np.sign(np.sin(phase + rng.uniform(0, 6)))
    noise = cv2.GaussianBlur(noise, (0, 0), sigmaX=float(grain[0]) / 3, sigmaY=float(grain[1]) / 3).astype(np.float32)
    matrix = cv2.getRotationMatrix2D((PATCH / 2, PATCH / 2), rng.uniform(0, 180), 1.0)
    noise = cv2.warpAffine(noise, matrix, (PATCH, PATCH), borderMode=cv2.BORDER_REFLECT).astype(np.float32)
    noise = (noise - noise.mean()) / (noise.std() + 1e-3) * rng.uniform(5, 50) + rng.uniform(40, 220)
    return np.asarray(np.clip(noise, 0, 255), np.uint8)


def loss_of(scores: Tensor, turns: Tensor) -> Tensor:
    """Cross-entropy of N x 4 scores; where there is no text (turn -1) all turns are to be alike."""
    targets = torch.full_like(scores, 1 / len(TURNS))
    text = turns >= 0
    targets[text] = nn.functional.one_hot(turns[text], len(TURNS)).float()
    return nn.functional.cross_entropy(scores, targets, label_smoothing=0.02)


def train(pages: Sequence[KeptPage], settings: TrainingSettings) -> OrientationNetwork:
    """Train a network from the start."""
    torch.manual_seed(settings.seed)
    rng = np.random.default_rng(settings.seed)
    network = OrientationNetwork(OrientationArchitecture()).train()
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(network.parameters(), lr=settings.rate, weight_decay=settings.decay)
    average = ExponentialMovingAverage(network, settings.average)
    shown: list[float] = []
    begun = time.perf_counter()
    for step in range(settings.steps):
        for group in optimizer.param_groups:
            group["lr"] = schedule_rate_by_step(step, settings.steps, settings.rate, warmup=50)
        patches, turns = zip(*(draw_patch(pages, rng) for _ in range(settings.batch)), strict=True)
        with autocast(torch.device("cpu")):
            scores = network(normalize(torch.from_numpy(np.stack(patches))))
        loss = loss_of(scores.float(), torch.tensor(turns))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        average.update(network)
        shown.append(float(loss.detach()))
        if step % 50 == 49:
            seconds = time.perf_counter() - begun
            print(f"step {step + 1} loss {np.mean(shown[-50:]):.4f} {seconds:.0f} s", file=sys.stderr, flush=True)
    network.load_state_dict(average.state_dict())
    network.eval()
    return network


def measure(receipts: Sequence[LabeledReceipt], engine: TorchOrientationEngine) -> dict[str, float]:
    """Share of pages whose turn is found, for pages turned by 0, 90, 180 and 270 degrees clockwise."""
    right = dict.fromkeys(TURNS, 0)
    for receipt in receipts:
        page = upright(receipt)
        for turn in TURNS:
            right[turn] += find_pose(find_ink(rotate_image(page, turn)), engine).rotation == turn
    return {f"turned_{turn}": count / max(1, len(receipts)) for turn, count in right.items()}


def main() -> None:
    """Command line of the training."""
    parser = argparse.ArgumentParser(description="Train the network that tells which way up a page is.")
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="data sets; their part `train` is used")
    parser.add_argument("--export", type=Path, required=True, help="folder for the weights")
    parser.add_argument("--steps", type=int, default=TrainingSettings.steps)
    parser.add_argument("--measured-split", default="validation", help="part of the data sets that is measured on")
    options = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    settings = TrainingSettings(steps=options.steps)
    pages = [page for folder in options.data for receipt in load_split(folder, "train") if (page := keep(receipt))]
    network = train(pages, settings)
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
            **asdict(settings),
        },
        measures=measures,
    )
    print(measures)


if __name__ == "__main__":
    main()
