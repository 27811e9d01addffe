# SPDX-License-Identifier: GPL-3.0-or-later
"""The faces of LFW as tiles: JPEG sheets of 96 x 96 pictures and a list SHEET ROW COLUMN PERSON NUMBER a line.

Labeled Faces in the Wild, deep-funneled: the central 128 x 128 of each 250 x 250 picture, reduced to 96 x 96.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy
import torch
from PIL import Image
from torch import Tensor

TILE = 96


def pictures(folder: Path, name: str) -> Iterator[Image.Image]:
    """The tiles of the list `name` ("train" or "test"), in its order."""
    sheets: dict[str, Image.Image] = {}
    for line in (folder / f"{name}.txt").read_text().splitlines():
        sheet, row, column = line.split()[:3]
        if sheet not in sheets:
            sheets = {sheet: Image.open(folder / sheet).convert("RGB")}
        left, top = TILE * int(column), TILE * int(row)
        yield sheets[sheet].crop((left, top, left + TILE, top + TILE))


def load(folder: Path, name: str, size: int) -> Tensor:
    """N x 3 x size x size, uint8, reduced with an antialiasing Lanczos filter."""
    tiles = (numpy.array(tile.resize((size, size), Image.Resampling.LANCZOS)) for tile in pictures(folder, name))
    return torch.from_numpy(numpy.stack(list(tiles))).permute(0, 3, 1, 2).contiguous()
