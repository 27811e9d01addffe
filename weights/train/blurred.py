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
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import degrade
import export
import train

SIDE = 352      # of a sample, at most
BATCH = 24      # pictures that the program gets at a time
CASES = 12      # tiles of a validation case


class ShowSecond(nn.Module):
    """Both planes of the second input and the luma, as a picture."""

    multiple_of = 1
    has_sharpened = True

    def forward(self, x: Tensor, sharpened: Tensor) -> Tensor:
        return torch.cat((sharpened, x.mean(1, keepdim=True)), 1)


def make_package(folder: Path) -> None:
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({
        "id": folder.name, "name": folder.name, "description": "Shows the second input", "version": "1", "task": "deblur",
        "num_inputs": 2, "attributes": {"neural_restore": {"input_range": [0, 1]}}}))
    export.write(ShowSecond(), folder / "model.onnx")


def sharpen(program: str, pictures: list[Tensor]) -> list[Tensor]:
    """What deconvolution adds to the luma, float16, 2 x H x W for each of the pictures (3 x H x W in 0..1, of 8 bits)."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_package(folder / "show-second")
        (folder / "out").mkdir()
        files = [folder / f"{i:03}.png" for i in range(len(pictures))]
        for file, picture in zip(files, pictures):
            export.write_picture(file, picture)
        done = subprocess.run([program, "deblur", "--model", folder / "show-second", "--quiet", "--output-dir", folder / "out", *files],
                              capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"{program}: {done.stderr.strip()}")
        shown = [export.read_picture(folder / "out" / file.name) for file in files]
    return [(planes[:2] - picture.mean(0)).half() for planes, picture in zip(shown, pictures)]
