#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures picture quality of the `neural-restore` command line by the project's protocol.

    evaluate.py --data DATA/test denoise super-resolve deblur fill clean
    evaluate.py --data DATA/test --check                     is this copy of the protocol right?
    evaluate.py --data DATA/test --engine onnxruntime denoise    the same networks without our engine

DATA/test holds kodak24/, cbsd68/, set5/, set14/ and fill/.  Prints a markdown table; --json FILE keeps every
figure.  The rules stand beside the functions; all pictures are H x W x 3, scale 0..255.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy
from numpy import ndarray
from scipy import ndimage, signal

FILL_PICTURES = ["kodim01", "kodim04", "kodim07", "kodim08", "kodim15", "kodim19", "kodim20", "kodim23"]
FILL_KINDS = ["center", "text", "scratch", "random"]
BLURS = ["g1.0", "g1.6", "g2.0", "g3.0", "line"]
HERE = Path(__file__).resolve().parent


# Files

def read_picture(path: Path) -> ndarray:
    """float64 H x W x 3 in 0..255; 16-bit files divided by 257, float ones multiplied by 255, grey repeated."""
    picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if picture is None:
        raise RuntimeError(f"{path}: cannot be read")
    if picture.ndim == 2:
        picture = numpy.repeat(picture[:, :, None], 3, 2)
    factor = {"uint8": 1.0, "uint16": 1 / 257, "float32": 255.0}[picture.dtype.name]
    return picture[:, :, 2::-1].astype(numpy.float64) * factor


def write_picture(path: Path, picture: ndarray) -> None:
    """uint8 as it is; float as a float32 TIFF, divided by 255."""
    if picture.dtype != numpy.uint8:
        picture = (picture / 255).astype(numpy.float32)
    # Raw floats: OpenCV's own choice for them, LogLuv, loses much and stands for linear light.
    if not cv2.imwrite(str(path), numpy.ascontiguousarray(picture[:, :, ::-1]), [cv2.IMWRITE_TIFF_COMPRESSION, 1]):
        raise RuntimeError(f"{path}: cannot be written")


def rounded(picture: ndarray) -> ndarray:
    return numpy.clip(numpy.rint(picture), 0, 255).astype(numpy.uint8)


# Measures

def psnr(a: ndarray, b: ndarray) -> float:
    error = numpy.mean((a.astype(numpy.float64) - b.astype(numpy.float64)) ** 2)
    return 99.0 if error == 0 else min(99.0, float(10 * numpy.log10(255**2 / error)))


def gaussian_window(x: ndarray) -> ndarray:
    """11 x 11 Gaussian mean of sigma 1.5, only where the window lies wholly inside."""
    taps = numpy.exp(-numpy.arange(-5, 6) ** 2 / (2 * 1.5**2))
    taps /= taps.sum()
    return ndimage.correlate1d(ndimage.correlate1d(x, taps, 0), taps, 1)[5:-5, 5:-5]


def ssim(a: ndarray, b: ndarray) -> float:
    """Wang et al. 2004, mean over the channels."""
    planes = [(a, b)] if a.ndim == 2 else [(a[:, :, c], b[:, :, c]) for c in range(a.shape[2])]
    return float(numpy.mean([ssim_plane(x.astype(numpy.float64), y.astype(numpy.float64)) for x, y in planes]))


def ssim_plane(x: ndarray, y: ndarray) -> float:
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    mx, my = gaussian_window(x), gaussian_window(y)
    vx, vy = gaussian_window(x * x) - mx * mx, gaussian_window(y * y) - my * my
    cov = gaussian_window(x * y) - mx * my
    return float(numpy.mean((2 * mx * my + c1) * (2 * cov + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2))))


def judge_rgb(result: ndarray, clean: ndarray) -> dict[str, float]:
    return {"psnr": psnr(result, clean), "ssim": ssim(result, clean)}


def luma(picture: ndarray) -> ndarray:
    return 16 + picture.astype(numpy.float64) @ numpy.array([65.481, 128.553, 24.966]) / 255


def judge_luma(result: ndarray, clean: ndarray, border: int) -> dict[str, float]:
    """On Y, not rounded, `border` pixels cut off."""
    cut = slice(border, -border)
    a, b = luma(result)[cut, cut], luma(clean)[cut, cut]
    return {"psnr": psnr(a, b), "ssim": ssim(a, b)}


def judge_fill(result: ndarray, clean: ndarray, hole: ndarray) -> dict[str, float]:
    return {"psnr": psnr(result[hole], clean[hole]), "ssim": ssim(result, clean), "whole": psnr(result, clean),
            "known": psnr(result[~hole], clean[~hole])}


# Damage

def noisy(clean: ndarray, sigma: float, index: int, eight_bit: bool) -> ndarray:
    noise = numpy.random.default_rng(1000 * sigma + index).standard_normal(clean.shape)
    spoiled = clean.astype(numpy.float64) + sigma * noise
    return rounded(spoiled) if eight_bit else spoiled


def keys_cubic(x: ndarray) -> ndarray:
    x = numpy.abs(x)
    near, far = 1.5 * x**3 - 2.5 * x**2 + 1, -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return numpy.where(x <= 1, near, numpy.where(x < 2, far, 0))


@functools.lru_cache(maxsize=64)
def imresize_matrix(source: int, size: int) -> ndarray:
    """size x source weights of MATLAB's imresize "bicubic": antialiased when shrinking, symmetric border."""
    scale = size / source
    stretch = max(1.0, 1 / scale)
    centers = (numpy.arange(size) + 0.5) / scale - 0.5
    reach = int(numpy.ceil(2 * stretch)) + 1
    columns = numpy.floor(centers)[:, None] + numpy.arange(-reach, reach + 1)
    weights = keys_cubic((centers[:, None] - columns) / stretch)
    weights /= weights.sum(1, keepdims=True)
    columns = columns.astype(int) % (2 * source)
    columns = numpy.where(columns < source, columns, 2 * source - 1 - columns)
    matrix = numpy.zeros((size, source))
    numpy.add.at(matrix, (numpy.arange(size)[:, None], columns), weights)
    return matrix


def imresize(picture: ndarray, height: int, width: int) -> ndarray:
    rows, columns = imresize_matrix(picture.shape[0], height), imresize_matrix(picture.shape[1], width)
    return rounded(numpy.einsum("yh,hwc,xw->yxc", rows, picture.astype(numpy.float64), columns, optimize=True))


def cropped(picture: ndarray, scale: int) -> ndarray:
    return picture[:picture.shape[0] // scale * scale, :picture.shape[1] // scale * scale]


def reduced(picture: ndarray, scale: int) -> ndarray:
    return imresize(picture, picture.shape[0] // scale, picture.shape[1] // scale)


def blur_kernel(kind: str) -> ndarray:
    """"gS": Gaussian of sigma S; "line": straight motion, length 15, 30 degrees counter-clockwise."""
    if kind == "line":
        return line_kernel()
    sigma = float(kind[1:])
    axis = numpy.arange(-int(numpy.ceil(4 * sigma)), int(numpy.ceil(4 * sigma)) + 1)
    kernel = numpy.exp(-(axis[:, None] ** 2 + axis[None] ** 2) / (2 * sigma**2))
    return kernel / kernel.sum()


def line_kernel() -> ndarray:
    kernel = numpy.zeros((15, 15))
    angle = numpy.radians(30)
    for t in numpy.linspace(-7, 7, 1401):
        x, y = 7 + t * numpy.cos(angle), 7 - t * numpy.sin(angle)
        left, top = int(numpy.floor(x)), int(numpy.floor(y))
        for row, column in ((top, left), (top, left + 1), (top + 1, left), (top + 1, left + 1)):
            share = max(0, 1 - abs(x - column)) * max(0, 1 - abs(y - row))
            if share > 0:
                kernel[row, column] += share
    return kernel / kernel.sum()


def blurred(clean: ndarray, kind: str, index: int) -> ndarray:
    """True convolution, border mirrored without the edge pixel; a trailing "n" adds noise of sigma 2."""
    kernel = blur_kernel(kind.rstrip("n") if kind != "line" and not kind.startswith("linen") else "line")
    radius = kernel.shape[0] // 2
    padded = numpy.pad(clean.astype(numpy.float64), ((radius, radius), (radius, radius), (0, 0)), mode="reflect")
    spoiled = numpy.stack([signal.fftconvolve(padded[:, :, c], kernel, mode="valid") for c in range(3)], 2)
    if kind.endswith("n"):
        spoiled = spoiled + 2 * numpy.random.default_rng(7000 + index).standard_normal(clean.shape)
    return rounded(spoiled)


# What restores

class CommandLine:
    """Our command line: every picture is one run of it."""

    def __init__(self, program: str, models: dict[str, str], methods: dict[str, str], more: Sequence[str] = ()) -> None:
        self.program, self.models, self.methods, self.more = program, models, methods, more
        if not shutil.which(program):
            sys.exit(f"{program}: not found; build it, put it on PATH, or use --engine onnxruntime")

    def command(self, task: str, options: dict[str, str]) -> list[str]:
        model = ["--model", self.models[task]] if task in self.models else []
        model += ["--method", self.methods[task]] if task in self.methods else []
        return [self.program, task, *(f"--{k}={v}" for k, v in options.items()), *model, *self.more, "--quiet", "--force"]

    def restore(self, task: str, picture: ndarray, options: dict[str, str], mask: ndarray | None) -> tuple[ndarray, float]:
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder, "in.png" if picture.dtype == numpy.uint8 else "in.tif")
            target = Path(folder, "out" + source.suffix)
            write_picture(source, picture)
            command = self.command(task, options)
            if mask is not None:
                cv2.imwrite(f"{folder}/mask.png", mask)
                command += ["--mask", f"{folder}/mask.png"]
            began = time.perf_counter()
            done = subprocess.run([*command, str(source), str(target)], capture_output=True, text=True)
            seconds = time.perf_counter() - began
            if done.returncode:
                raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
            return rounded(read_picture(target)), seconds


class OnnxRuntime:
    """The same packages by ONNX Runtime, without tiles, noise estimate or filling: to judge weights alone."""

    def __init__(self, packages: Path, models: dict[str, str]) -> None:
        self.packages = packages
        self.ids = {"denoise": "nr-denoise", "deblur": "nr-deblur", "super-resolve": "nr-upscale", **models}

    @functools.lru_cache(maxsize=8)
    def session(self, task: str, scale: int):
        import ort
        name = f"model_x{scale}.onnx" if task == "super-resolve" else "model.onnx"
        return ort.session(self.packages / self.ids[task] / name)

    @functools.lru_cache(maxsize=8)
    def multiple_of(self, task: str) -> int:
        config = json.loads((self.packages / self.ids[task] / "config.json").read_text())
        return config["attributes"]["neural_restore"]["multiple_of"]

    def restore(self, task: str, picture: ndarray, options: dict[str, str], mask: ndarray | None) -> tuple[ndarray, float]:
        scale = int(options.get("scale", 1))
        if task == "fill" or (task == "denoise" and "noise" not in options):
            raise RuntimeError(f"{task}: needs our engine (there is no network for it, or no noise estimate here)")
        session, (height, width) = self.session(task, scale), picture.shape[:2]
        if "sharpened" in {entry.name for entry in session.get_inputs()}:
            raise RuntimeError(f"{task}: needs our engine (it undoes the blur before the network sees the picture)")
        step = self.multiple_of(task)
        seen = numpy.clip(picture / 255, 0, 1).astype(numpy.float32)
        padded = numpy.pad(seen, ((0, -height % step), (0, -width % step), (0, 0)), mode="reflect").transpose(2, 0, 1)[None]
        inputs = {"input": padded}
        if "sigma" in {entry.name for entry in session.get_inputs()}:
            inputs["sigma"] = numpy.full_like(padded[:, :1], float(options["noise"]) / 255)
        began = time.perf_counter()
        result = session.run(["output"], inputs)[0][0].transpose(1, 2, 0)[:height * scale, :width * scale]
        seconds = time.perf_counter() - began
        if scale == 1:  # values outside 0..1: the network's change is added to the original
            result = result - seen + picture / 255
        return rounded(result * 255.0), seconds

    def command(self, task: str, options: dict[str, str]) -> list[str]:
        return ["onnxruntime", str(self.packages / self.ids[task]), *(f"--{k}={v}" for k, v in options.items())]


# The groups of the protocol

@dataclass
class Group:
    """One row of the table: a set of pictures, how each is spoiled, restored and judged."""

    name: str
    task: str
    files: list[Path]
    spoil: Callable[[ndarray, int], ndarray]
    judge: Callable[[ndarray, ndarray], dict[str, float]]
    options: dict[str, str] = field(default_factory=dict)
    prepare: Callable[[ndarray], ndarray] = lambda clean: clean
    mask_of: Callable[[Path], Path] | None = None


def pictures(data: Path, name: str) -> list[tuple[int, Path]]:
    files = sorted((data / name).glob("*.png"))
    if not files:
        sys.exit(f"{data / name}: no PNG pictures there; give the test data's folder with --data")
    return list(enumerate(files))


def denoise_groups(data: Path, options: argparse.Namespace) -> list[Group]:
    groups = []
    for name in options.sets or ["kodak24", "cbsd68"]:
        for eight_bit in (True, False):
            for sigma in options.sigma:
                for told in (True, False):
                    label = f"{name} sigma {sigma} {'8-bit' if eight_bit else 'float'} {'told' if told else 'blind'}"
                    groups.append(Group(label, "denoise", [f for _, f in pictures(data, name)],
                                        functools.partial(noisy_at, sigma, eight_bit), judge_rgb,
                                        {"noise": str(sigma)} if told else {}))
    return groups


def noisy_at(sigma: int, eight_bit: bool, clean: ndarray, index: int) -> ndarray:
    return noisy(clean, sigma, index, eight_bit)


def super_resolve_groups(data: Path, options: argparse.Namespace) -> list[Group]:
    return [Group(f"{name} x{scale}", "super-resolve", [f for _, f in pictures(data, name)],
                  lambda clean, index, scale=scale: reduced(clean, scale),
                  lambda result, clean, scale=scale: judge_luma(result, clean, scale),
                  {"scale": str(scale), "variant": "clean"}, lambda clean, scale=scale: cropped(clean, scale))
            for name in options.sets or ["set5", "set14"] for scale in options.scale]


def deblur_groups(data: Path, options: argparse.Namespace) -> list[Group]:
    files = [f for _, f in pictures(data, "kodak24")]
    return [Group(f"kodak24 {kind} blind", "deblur", files, lambda clean, index, kind=kind: blurred(clean, kind, index), judge_rgb)
            for kind in options.blur or [*BLURS, *(k + "n" for k in BLURS)]]


def fill_groups(data: Path, options: argparse.Namespace) -> list[Group]:
    files = [data / "kodak24" / f"{name}.png" for name in FILL_PICTURES]
    return [Group(f"kodak24 {kind}", "fill", files, lambda clean, index: clean, judge_rgb,
                  mask_of=lambda file, kind=kind: data / "fill" / f"{file.stem}-{kind}.png") for kind in FILL_KINDS]


def clean_groups(data: Path, options: argparse.Namespace) -> list[Group]:
    files = [f for _, f in pictures(data, "kodak24")]
    return [Group(f"kodak24 clean, {task} blind", task, files, lambda clean, index: clean, judge_rgb) for task in ("denoise", "deblur")]


GROUPS = {"denoise": denoise_groups, "super-resolve": super_resolve_groups, "deblur": deblur_groups, "fill": fill_groups,
          "clean": clean_groups}


def measure_picture(group: Group, engine, index: int, file: Path) -> dict:
    """PSNR, SSIM and seconds of one picture; RuntimeError if the run failed or the size is wrong."""
    clean = group.prepare(rounded(read_picture(file)))
    spoiled, judge, mask = group.spoil(clean, index), group.judge, None
    if group.mask_of:
        mask = cv2.imread(str(group.mask_of(file)), cv2.IMREAD_GRAYSCALE)
        hole = mask > 127
        spoiled = numpy.where(hole[:, :, None], 0, clean).astype(numpy.uint8)
        judge = functools.partial(judge_fill, hole=hole)
    result, seconds = engine.restore(group.task, spoiled, group.options, mask)
    if result.shape != clean.shape:
        raise RuntimeError(f"{file.name}: the result is {result.shape[1]}x{result.shape[0]}, not {clean.shape[1]}x{clean.shape[0]}")
    return {"picture": file.stem, **judge(result, clean), "seconds": seconds}


def measure(group: Group, engine, every: int) -> dict:
    rows, error = [], None
    for index, file in enumerate(group.files):
        if index % every:
            continue
        try:
            rows.append(measure_picture(group, engine, index, file))
        except RuntimeError as problem:
            error = f"{file.name}: {problem}"
            break
    name = group.name if every == 1 else f"{group.name}, every {every}th picture only"
    report = {"group": name, "n": len(rows), "command": " ".join(engine.command(group.task, group.options)), "pictures": rows}
    if error:
        return {**report, "failed": error}
    worst = min(rows, key=lambda row: row["psnr"])
    mean = {key: float(numpy.mean([row[key] for row in rows])) for key in rows[0] if key != "picture"}
    return {**report, **mean, "worst": worst["psnr"], "worst_picture": worst["picture"]}


HEADING = "| group | PSNR | SSIM | n | worst | seconds | command |\n| --- | --- | --- | --- | --- | --- | --- |"


def table_row(report: dict) -> str:
    if "failed" in report:
        return f"| {report['group']} | failed: {report['failed']} | | | | | `{report['command']}` |"
    extra = f", known {report['known']:.2f}" if "known" in report else ""
    return (f"| {report['group']} | {report['psnr']:.2f}{extra} | {report['ssim']:.4f} | {report['n']} | {report['worst']:.2f} "
            f"({report['worst_picture']}) | {report['seconds']:.2f} | `{report['command']}` |")


def commit() -> str:
    if not shutil.which("git"):
        return "unknown"
    done = subprocess.run(["git", "-C", str(HERE), "describe", "--always", "--dirty"], capture_output=True, text=True)
    return done.stdout.strip() or "unknown"


# Is this copy of the protocol right?

def digest(picture: ndarray) -> str:
    return hashlib.sha256(picture.tobytes()).hexdigest()[:16]


def check(data: Path) -> int:
    """Compares with the protocol's own table; returns the number of differences."""
    wrong = 0

    def expect(what: str, got, wanted) -> None:
        nonlocal wrong
        wrong += str(got) != str(wanted)
        print(f"{'ok   ' if str(got) == str(wanted) else 'WRONG'} {what}: {got}" + ("" if str(got) == str(wanted) else f", expected {wanted}"))

    kodak = [rounded(read_picture(f)) for _, f in pictures(data, "kodak24")]
    first = kodak[0]
    noise = numpy.random.default_rng(25000).standard_normal(first.shape)[0, 0] * 25
    expect("A first noise", " ".join(f"{v:.5f}" for v in noise), "8.81335 5.01019 21.91787")
    expect("A kodim01 float", f"{psnr(noisy(first, 25, 0, False), first):.4f}", "20.1721")
    expect("A kodim01 8-bit", f"{psnr(noisy(first, 25, 0, True), first):.4f}", "20.2766")
    expect("A kodim01 8-bit digest", digest(noisy(first, 25, 0, True)), "5be996d9cd7165f4")
    for sigma, wanted in ((15, "24.76 0.5078"), (25, "20.44 0.3287"), (50, "14.87 0.1550")):
        scores = [judge_rgb(noisy(k, sigma, i, True), k) for i, k in enumerate(kodak)]
        expect(f"A kodak24 sigma {sigma}", f"{mean_of(scores, 'psnr'):.2f} {mean_of(scores, 'ssim'):.4f}", wanted)
    check_bicubic(data, expect)
    for kind, wanted in (("g2.0", "22.1508 afa4854f0c5e4fba"), ("g2.0n", "22.1077 a899477c0bde0d64"), ("line", "20.7847 bd00fbb26e55f8d8")):
        spoiled = blurred(first, kind, 0)
        expect(f"C kodim01 {kind}", f"{psnr(spoiled, first):.4f} {digest(spoiled)}", wanted)
    expect("C largest value of line", f"{line_kernel().max():.5f}", "0.06656")
    for kind, wanted in zip([*BLURS, *(k + "n" for k in BLURS)], "28.83 26.29 25.40 24.07 23.85 28.59 26.16 25.29 23.99 23.78".split()):
        expect(f"C kodak24 {kind}", f"{numpy.mean([psnr(blurred(k, kind, i), k) for i, k in enumerate(kodak)]):.2f}", wanted)
    check_telea(data, expect)
    return wrong


def mean_of(scores: list[dict], key: str) -> float:
    return float(numpy.mean([score[key] for score in scores]))


def check_bicubic(data: Path, expect) -> None:
    for name, figures in (("set5", "33.68 30.40 28.43"), ("set14", "30.33 27.63 26.09")):
        originals = [rounded(read_picture(f)) for _, f in pictures(data, name)]
        for scale, wanted in zip((2, 3, 4), figures.split()):
            scores = []
            for original in originals:
                high = cropped(original, scale)
                scores.append(judge_luma(imresize(reduced(high, scale), *high.shape[:2]), high, scale))
            expect(f"B {name} x{scale} bicubic", f"{mean_of(scores, 'psnr'):.2f}", wanted)
        if name == "set5":
            expect("B baby x2 digest", digest(reduced(cropped(originals[0], 2), 2)), "3e20c1b3e3a01acb")


def check_telea(data: Path, expect) -> None:
    for kind, wanted in zip(FILL_KINDS, "19.02 23.82 21.58 25.03".split()):
        scores = []
        for name in FILL_PICTURES:
            clean = rounded(read_picture(data / "kodak24" / f"{name}.png"))
            mask = cv2.imread(str(data / "fill" / f"{name}-{kind}.png"), cv2.IMREAD_GRAYSCALE)
            holed = numpy.where(mask[:, :, None] > 127, 0, clean).astype(numpy.uint8)
            scores.append(judge_fill(cv2.inpaint(holed, mask, 3, cv2.INPAINT_TELEA), clean, mask > 127))
        expect(f"D Telea {kind}", f"{mean_of(scores, 'psnr'):.2f}", wanted)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tasks", nargs="*", choices=[[], *GROUPS], help="parts of the protocol (all)")
    parser.add_argument("--data", type=Path, required=True, help="folder with kodak24, cbsd68, set5, set14, fill")
    parser.add_argument("--check", action="store_true", help="only compare this copy of the protocol with its table")
    parser.add_argument("--engine", choices=["neural-restore", "onnxruntime"], default="neural-restore")
    parser.add_argument("--program", default="neural-restore", help="the command line to run")
    parser.add_argument("--packages", type=Path, default=HERE.parent, help="packages for --engine onnxruntime")
    parser.add_argument("--model", action="append", default=[], metavar="TASK=ID", help="another model than the task's default")
    parser.add_argument("--method", action="append", default=[], metavar="TASK=NAME", help="another method than the task's default")
    parser.add_argument("--more", action="append", default=[], metavar="OPTION", help="another option of the program: --more=--passes=4")
    parser.add_argument("--only", default="", help="only groups whose name contains this text, such as '8-bit told'")
    parser.add_argument("--every", type=int, default=1, help="only every Nth picture of a set (named in the table)")
    parser.add_argument("--sets", nargs="*", help="picture sets (the protocol's)")
    parser.add_argument("--sigma", type=int, nargs="*", default=[15, 25, 50])
    parser.add_argument("--scale", type=int, nargs="*", default=[2, 3, 4])
    parser.add_argument("--blur", nargs="*", help="blurs such as g2.0 line g1.6n")
    parser.add_argument("--json", type=Path, help="file for all figures")
    return parser.parse_args()


def main() -> int:
    options = arguments()
    if options.check:
        return 1 if check(options.data) else 0
    models, methods = (dict(entry.split("=", 1) for entry in entries) for entries in (options.model, options.method))
    engine = CommandLine(options.program, models, methods, options.more) if options.engine == "neural-restore" else OnnxRuntime(options.packages, models)
    groups = [g for task in options.tasks or GROUPS for g in GROUPS[task](options.data, options) if options.only in g.name]
    print(f"commit {commit()}, engine {options.engine}\n\n{HEADING}", flush=True)
    reports = []
    for group in groups:
        reports.append(measure(group, engine, options.every))
        print(table_row(reports[-1]), flush=True)
    if options.json:
        options.json.write_text(json.dumps({"commit": commit(), "engine": options.engine, "groups": reports}, indent=1))
    return 1 if any("failed" in report for report in reports) else 0


if __name__ == "__main__":
    sys.exit(main())
