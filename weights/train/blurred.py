#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the pictures that `Deblurrer` learns from: blurred ones, with what the program's deconvolution makes of them.

    blurred.py --pictures FOLDER --validation val.txt --program neural-restore --out blurred.pt [--minutes 30]
    train.py configs/deblur.json --pictures blurred.pt --out runs/deblur

The program finds each picture's blur by itself, so the network learns what to think of its mistakes, too.  A package
whose network does nothing but show its second input brings the deconvolution's planes out through the front door.

The file holds {"train": [sample], "held": {case: [sample]}}, a sample being {"target": 3 x H x W sharp, uint8; "input":
blurred, uint8; "sharpened": 2 x H x W, float16, what deconvolution adds to the luma}.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy
import torch
from torch import Tensor, nn

import degrade
import evaluate
import export
import train

SIDE = 352      # of the part of a tile that a sample is made from, at most
BATCH = 24      # pictures that the program gets at a time
OPTIONS = {"gaussian": [0.3, 4.0], "sharp": 0.1, "disc": 0.14, "line": 0.26, "shake": 0.08, "noise": 5.0, "noisy": 0.3,
           "jpeg": 0.18, "shrink": 0.15}  # as in a config's "degrade"


class ShowSecond(nn.Module):
    """Both planes of the second input and the luma, as a picture."""

    multiple_of = 1
    has_sharpened = True

    def forward(self, x: Tensor, sharpened: Tensor) -> Tensor:
        return torch.cat((sharpened, x.mean(1, keepdim=True)), 1)


def make_package(folder: Path) -> None:
    folder.mkdir(parents=True)
    export.write_onnx(ShowSecond(), folder / "model.onnx")
    config = {"id": folder.name, "name": folder.name, "description": "Shows the second input", "task": "deblur",
              "backend": "onnx", "version": "1.0", "num_inputs": 2}
    (folder / "config.json").write_text(json.dumps(config))


def to_array(picture: Tensor) -> numpy.ndarray:
    return picture.permute(1, 2, 0).numpy()


def sharpened(program: str, pictures: list[Tensor]) -> list[Tensor]:
    """What deconvolution adds to the luma, float16, 2 x H x W for each of the pictures, 3 x H x W uint8."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_package(folder / "weights" / "show-second")
        files = [folder / f"{i:03}.tif" for i in range(len(pictures))]
        for file, picture in zip(files, pictures):  # as float, so that the results have no steps
            evaluate.write_picture(file, to_array(picture).astype(numpy.float64))
        done = subprocess.run([program, "deblur", "--model", "show-second", "--quiet", "--output-dir", f"{folder}/out", *map(str, files)],
                              capture_output=True, text=True, env={**os.environ, "NEURAL_RESTORE_WEIGHTS": f"{folder}/weights"})
        if done.returncode:
            sys.exit(f"{program}: {done.stderr.strip()}")
        shown = [torch.from_numpy(evaluate.read_picture(folder / "out" / file.name)) for file in files]
    return [(planes.permute(2, 0, 1)[:2] / 255 - picture.double().mean(0) / 255).half() for planes, picture in zip(shown, pictures)]


def spoiled(tile: Tensor) -> tuple[Tensor, Tensor]:
    """A part of the tile, sharp, and what a camera makes of it when it moves or is out of focus; both uint8."""
    size = (min(SIDE, *tile.shape[1:]) - 32) // 16 * 16
    case = degrade.deblur_batch([tile], 1, size, OPTIONS)
    return tuple((case[name][0] * 255).round().byte() for name in ("target", "input"))


def samples(program: str, pairs: list[tuple[Tensor, Tensor]]) -> list[dict[str, Tensor]]:
    return [{"target": clean, "input": blurred, "sharpened": planes}
            for (clean, blurred), planes in zip(pairs, sharpened(program, [blurred for _, blurred in pairs]))]


def training_samples(program: str, tiles: list[Tensor], minutes: float) -> list[dict[str, Tensor]]:
    found, start = [], time.monotonic()
    random.shuffle(tiles)
    while not found or time.monotonic() - start < 60 * minutes:
        found += samples(program, [spoiled(tiles[(len(found) + i) % len(tiles)]) for i in range(BATCH)])
        print(f"{len(found)} pictures, {(time.monotonic() - start) / 60:.1f} minutes", flush=True)
    return found


def held_samples(program: str, tiles: list[Tensor]) -> dict[str, list[dict[str, Tensor]]]:
    cases = {}
    for name, kernel in degrade.validation_kernels().items():
        rows = [degrade.blurred_case(tile, kernel, 288) for tile in tiles]
        cases[name] = samples(program, [tuple((row[key][0] * 255).round().byte() for key in ("target", "input")) for row in rows])
    return cases


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=Path, required=True, help="folder of photographs or tiles")
    parser.add_argument("--validation", type=Path, help="text file, one picture's name a line (default: the last 5 %%)")
    parser.add_argument("--program", default="neural-restore", help="the command line program (neural-restore)")
    parser.add_argument("--minutes", type=float, default=30, help="of making pictures to train on (30)")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    train.seed(1)
    training, held = (degrade.load_tiles(files, torch.device("cpu")) for files in train.split(options))
    torch.save({"held": held_samples(options.program, held[:12]),
                "train": training_samples(options.program, training, options.minutes)}, options.out)


if __name__ == "__main__":
    main()
