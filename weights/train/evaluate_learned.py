#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures the methods that learn from the picture itself, deep-image-prior and generative, on their papers' pictures.

    evaluate_learned.py --data DATA/test --faces LFW f16 kodak barbara inpainting zebra faces --keep results

f16         deep-image-prior/denoising/F16_GT.png with noise of sigma 25, clipped and rounded to 8 bits; PSNR over RGB
f16-middle  256 x 256 pixels of the same
kodak       kodak24, each picture reduced to 384 x 256 (MATLAB's bicubic), noise as above
barbara     deep-image-prior/restoration/barbara.png, each pixel missing with probability 1/2; PSNR of the whole, of the hole
inpainting  vase, library and kate of deep-image-prior/inpainting with their masks (black is the hole)
zebra       deep-image-prior/sr/zebra_GT.png reduced to a quarter and enlarged; PSNR on Y, bicubic beside it
faces       LFW's test faces, 64 x 64, a hole of 32 x 32 in the middle; PSNR in the hole, OpenCV's Telea beside it

Each picture is one run of the command line at its default settings; noise is not told.  A line is printed as soon as a
picture is done; --keep FOLDER keeps inputs, masks and results.  The measures are evaluate.py's.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy
from numpy import ndarray
from PIL import Image

import evaluate
from evaluate import judge_luma, psnr, rounded

SIGMA = 25
LONG, SHORT = 384, 256  # sides of the small Kodak pictures
FACE, HOLE = 64, 32


class Learned:
    """The command line with the methods that learn, and where what it makes is kept."""

    def __init__(self, program: str, data: Path, keep: Path | None, only: str, count: int, faces: Path | None) -> None:
        methods = {"denoise": "deep-image-prior", "super-resolve": "deep-image-prior", "fill": "deep-image-prior"}
        self.prior = evaluate.CommandLine(program, {}, methods)
        self.generative = evaluate.CommandLine(program, {}, {"fill": "generative"})
        self.data, self.keep, self.only, self.count, self.faces = data, keep, only, count, faces

    def read(self, name: str) -> ndarray:
        return rounded(evaluate.read_picture(self.data / name))

    def is_wanted(self, name: str) -> bool:
        return self.only in name

    def run(self, engine: evaluate.CommandLine, task: str, name: str, picture: ndarray, options: dict[str, str],
            mask: ndarray | None = None) -> tuple[ndarray, float]:
        result, seconds = engine.restore(task, picture, options, mask)
        self.save(f"{name}-input", picture)
        self.save(f"{name}-result", result)
        if mask is not None:
            self.save(f"{name}-mask", numpy.repeat(mask[:, :, None], 3, 2))
        return result, seconds

    def save(self, name: str, picture: ndarray) -> None:
        if self.keep:
            evaluate.write_picture(self.keep / f"{name}.png", picture)


Score = dict[str, float]


def f16(learned: Learned) -> Iterator[tuple[str, Score]]:
    clean = learned.read("deep-image-prior/denoising/F16_GT.png")
    yield "F16", denoised(learned, "f16", clean, evaluate.noisy(clean, SIGMA, 0, True))


def f16_middle(learned: Learned) -> Iterator[tuple[str, Score]]:
    clean = learned.read("deep-image-prior/denoising/F16_GT.png")
    middle = slice(128, 384)
    noisy = evaluate.noisy(clean, SIGMA, 0, True)[middle, middle]
    yield "F16, middle", denoised(learned, "f16-middle", clean[middle, middle], noisy)


def kodak(learned: Learned) -> Iterator[tuple[str, Score]]:
    for index, file in evaluate.pictures(learned.data, "kodak24"):
        if learned.is_wanted(file.stem):
            clean = learned.read(f"kodak24/{file.name}")
            is_wide = clean.shape[1] > clean.shape[0]
            small = evaluate.imresize(clean, SHORT if is_wide else LONG, LONG if is_wide else SHORT)
            yield file.stem, denoised(learned, file.stem, small, evaluate.noisy(small, SIGMA, index, True))


def denoised(learned: Learned, name: str, clean: ndarray, noisy: ndarray) -> Score:
    result, seconds = learned.run(learned.prior, "denoise", name, noisy, {})
    return {"input": psnr(noisy, clean), "psnr": psnr(result, clean), "seconds": seconds}


def barbara(learned: Learned) -> Iterator[tuple[str, Score]]:
    clean = learned.read("deep-image-prior/restoration/barbara.png")
    hole = numpy.random.default_rng(0).random(clean.shape[:2]) < 0.5
    yield "barbara", filled(learned, learned.prior, "barbara", clean, hole)


def inpainting(learned: Learned) -> Iterator[tuple[str, Score]]:
    for name in ("vase", "library", "kate"):
        if learned.is_wanted(name):
            folder = "deep-image-prior/inpainting"
            hole = learned.read(f"{folder}/{name}_mask.png")[:, :, 0] < 128
            yield name, filled(learned, learned.prior, name, learned.read(f"{folder}/{name}.png"), hole)


def filled(learned: Learned, engine: evaluate.CommandLine, name: str, clean: ndarray, hole: ndarray) -> Score:
    spoiled = numpy.where(hole[:, :, None], 0, clean).astype(numpy.uint8)
    result, seconds = learned.run(engine, "fill", name, spoiled, {}, numpy.where(hole, 255, 0).astype(numpy.uint8))
    return {"hole": psnr(result[hole], clean[hole]), "whole": psnr(result, clean), "seconds": seconds}


def zebra(learned: Learned) -> Iterator[tuple[str, Score]]:
    clean = evaluate.cropped(learned.read("deep-image-prior/sr/zebra_GT.png"), 4)
    small = evaluate.reduced(clean, 4)
    cubic = judge_luma(evaluate.imresize(small, *clean.shape[:2]), clean, 4)["psnr"]
    result, seconds = learned.run(learned.prior, "super-resolve", "zebra", small, {"scale": "4"})
    yield "zebra x4", {"bicubic": cubic, "psnr": judge_luma(result, clean, 4)["psnr"], "seconds": seconds}


def faces(learned: Learned) -> Iterator[tuple[str, Score]]:
    hole = numpy.zeros((FACE, FACE), bool)
    side = slice((FACE - HOLE) // 2, (FACE + HOLE) // 2)
    hole[side, side] = True
    mask = numpy.where(hole, 255, 0).astype(numpy.uint8)
    for index, tile in enumerate(first_faces(learned)):
        clean = numpy.asarray(tile.resize((FACE, FACE), Image.Resampling.LANCZOS))
        score = filled(learned, learned.generative, f"face{index:02d}", clean, hole)
        spoiled = numpy.where(hole[:, :, None], 0, clean).astype(numpy.uint8)
        telea = cv2.inpaint(spoiled, mask, 3, cv2.INPAINT_TELEA)
        yield f"face {index}", {"telea": psnr(telea[hole], clean[hole]), **score}


def first_faces(learned: Learned) -> Iterator[Image.Image]:
    import faces as tiles  # needs PyTorch, which nothing else here does
    for _, tile in zip(range(learned.count), tiles.pictures(learned.faces, "test")):
        yield tile


PARTS: dict[str, Callable[[Learned], Iterator[tuple[str, Score]]]] = {
    "f16": f16, "f16-middle": f16_middle, "kodak": kodak, "barbara": barbara,
    "inpainting": inpainting, "zebra": zebra, "faces": faces}


def line(name: str, score: Score) -> str:
    return f"| {name} | " + ", ".join(f"{key} {value:.2f}" for key, value in score.items()) + " |"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="+", choices=PARTS)
    parser.add_argument("--data", type=Path, required=True, help="folder with kodak24 and deep-image-prior")
    parser.add_argument("--faces", type=Path, help="folder of the LFW sheets with test.txt")
    parser.add_argument("--program", default="neural-restore", help="the command line to run")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="where inputs and results go")
    parser.add_argument("--only", default="", help="only pictures whose name contains this text")
    parser.add_argument("--count", type=int, default=50, help="faces, the first of the list (50)")
    options = parser.parse_args()
    if options.keep:
        options.keep.mkdir(parents=True, exist_ok=True)
    learned = Learned(options.program, options.data, options.keep, options.only, options.count, options.faces)
    print(f"commit {evaluate.commit()}\n\n| picture | PSNR in dB, seconds |\n| --- | --- |", flush=True)
    for part in options.parts:
        scores = []
        for name, score in PARTS[part](learned):
            scores.append(score)
            print(line(name, score), flush=True)
        if len(scores) > 1:
            mean = {key: evaluate.mean_of(scores, key) for key in scores[0]}
            print(line(f"{part}, mean of {len(scores)}", mean), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
