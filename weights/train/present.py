#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shows what the weights do: the table of weights/README.md and a contact sheet for each package.

    evaluate.py --data DATA denoise --json figures/denoise.json        (and the other tasks)
    present.py --data DATA --figures figures [--only nr-deblur] [--program neural-restore]

The table is written between the two marker lines of weights/README.md, from the packages' files and the figures.  A
sheet has input, result and truth at 100 %: five typical pictures (their PSNR is nearest to the set's median, middle of
the picture) and the two worst (where the error is largest).  A sheet whose group has no figures yet is left out; groups
that evaluate.py does not have (simulated cameras, pictures of the web) are measured here.
"""

from __future__ import annotations

import argparse
import io
import json
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy
import onnx
from numpy import ndarray
from PIL import Image, ImageDraw

import camera_test
import evaluate

WEIGHTS = Path(__file__).resolve().parent.parent
SIDE = 192           # of a crop
TYPICAL, WORST = 5, 2
BEGIN, END = "<!-- table: weights/train/present.py -->", "<!-- end of table -->"


# Pictures degraded by ways that training has not seen

def from_the_web(clean: ndarray, index: int, scale: int) -> ndarray:
    """Soft lens, Lanczos reduction, a little grain, libjpeg 4:2:0 of quality 78: as a small picture of the web is."""
    soft = cv2.GaussianBlur(clean, (0, 0), 0.35 * scale)
    small = Image.fromarray(soft).resize((clean.shape[1] // scale, clean.shape[0] // scale), Image.Resampling.LANCZOS)
    grain = numpy.random.default_rng(9000 + index).laplace(0, 1.5, (small.height, small.width, 1))
    grainy = evaluate.rounded(numpy.asarray(small, numpy.float64) + grain)
    file = io.BytesIO()
    Image.fromarray(grainy).save(file, "JPEG", quality=78)
    return numpy.asarray(Image.open(file).convert("RGB"))


def web_group(data: Path, scale: int) -> evaluate.Group:
    def judge(result: ndarray, clean: ndarray) -> dict[str, float]:
        return evaluate.judge_luma(result, clean, scale)

    files = [f for _, f in evaluate.pictures(data, "set14")]
    return evaluate.Group(f"set14 web x{scale}", "super-resolve", files, lambda clean, index: from_the_web(clean, index, scale),
                          judge, {"scale": str(scale)}, lambda clean: evaluate.cropped(clean, scale))


class Photographer:
    """camera_test's cameras: `truth` of a picture, and after that the noisy `photograph` of the same."""

    def __init__(self, iso: int) -> None:
        self.iso, self.noisy = iso, None

    def truth(self, clean: ndarray) -> ndarray:
        seed = int(clean.sum(dtype=numpy.int64)) % 100000
        even = clean[:clean.shape[0] // 2 * 2, :clean.shape[1] // 2 * 2]
        camera = camera_test.CAMERAS[seed % len(camera_test.CAMERAS)]
        self.noisy, truth = camera_test.photograph(even, camera, self.iso, seed)
        return truth

    def photograph(self, truth: ndarray, index: int) -> ndarray:
        return self.noisy


def camera_group(data: Path, iso: int) -> evaluate.Group:
    photographer = Photographer(iso)
    files = [f for _, f in evaluate.pictures(data, "kodak24")][::3]
    return evaluate.Group(f"8 of kodak24, camera ISO {iso}", "denoise", files, photographer.photograph, evaluate.judge_rgb, {},
                          photographer.truth)


# Contact sheets

@dataclass
class Sheet:
    """weights/PACKAGE/FILE.jpg: pictures of one group, between input and truth a column for each set of options."""

    package: str
    file: str
    group: Callable[[Path], evaluate.Group]
    columns: dict[str, dict[str, str]]
    is_measured_here: bool = False    # a group that evaluate.py does not have


def named(task: str, name: str) -> Callable[[Path], evaluate.Group]:
    """The group of evaluate.py with this name."""
    defaults = argparse.Namespace(sets=None, sigma=[15, 25, 50], scale=[2, 3, 4], blur=None)
    return lambda data: next(g for g in evaluate.GROUPS[task](data, defaults) if g.name == name)


BLIND = {"blind": {}}
SHEETS = [
    Sheet("nr-denoise", "sheet", named("denoise", "kodak24 sigma 25 8-bit blind"), BLIND),
    Sheet("nr-denoise", "sheet-camera", lambda data: camera_group(data, 3200), {"nl-means": {"method": "nl-means"}, **BLIND}, True),
    Sheet("nr-deblur", "sheet-gaussian", named("deblur", "kodak24 g1.6 blind"), BLIND),
    Sheet("nr-deblur", "sheet-motion", named("deblur", "kodak24 line blind"), BLIND),
    Sheet("nr-upscale", "sheet", named("super-resolve", "set14 x3"), {"clean": {"variant": "clean"}}),
    Sheet("nr-upscale-photo", "sheet", lambda data: web_group(data, 2),
          {"clean": {"variant": "clean"}, "photo": {"variant": "photo"}}, True),
]


def chosen_rows(pictures: list[dict]) -> list[tuple[str, bool]]:
    """Names of the typical and the worst pictures, and whether it is a worst one."""
    ranked = sorted(pictures, key=lambda row: row["psnr"])
    median = ranked[len(ranked) // 2]["psnr"]
    typical = sorted(ranked[WORST:], key=lambda row: abs(row["psnr"] - median))[:TYPICAL]
    return [(row["picture"], False) for row in typical] + [(row["picture"], True) for row in ranked[:WORST]]


def window(result: ndarray, clean: ndarray, is_worst: bool) -> tuple[slice, slice]:
    """The middle, or where the error is largest."""
    height, width = (min(SIDE, n) for n in clean.shape[:2])
    top, left = (clean.shape[0] - height) // 2, (clean.shape[1] - width) // 2
    if is_worst:
        error = ((result.astype(float) - clean)**2).mean(2)
        total = cv2.boxFilter(error, -1, (width, height), anchor=(0, 0), borderType=cv2.BORDER_ISOLATED)
        top, left = numpy.unravel_index(total[:clean.shape[0] - height + 1, :clean.shape[1] - width + 1].argmax(),
                                        (clean.shape[0] - height + 1, clean.shape[1] - width + 1))
    return slice(top, top + height), slice(left, left + width)


def labeled(crop: ndarray, text: str) -> Image.Image:
    picture = Image.new("RGB", (SIDE, SIDE + 14), "white")
    picture.paste(Image.fromarray(crop), (0, 14))
    ImageDraw.Draw(picture).text((2, 1), text, fill="black")
    return picture


def enlarged(spoiled: ndarray, clean: ndarray) -> ndarray:
    """The input at the truth's size, each pixel a square, as a viewer shows it."""
    return cv2.resize(spoiled, clean.shape[1::-1], interpolation=cv2.INTER_NEAREST)


def sheet_row(group: evaluate.Group, columns: dict[str, dict], program: str, name: str, is_worst: bool) -> list[Image.Image]:
    index, file = next((i, f) for i, f in enumerate(group.files) if f.stem == name)
    clean = group.prepare(evaluate.rounded(evaluate.read_picture(file)))
    spoiled = group.spoil(clean, index)
    engine = evaluate.CommandLine(program, {}, {})
    results = [engine.restore(group.task, spoiled, {**group.options, **own}, None)[0] for own in columns.values()]
    place = window(results[-1], clean, is_worst)
    shown = enlarged(evaluate.rounded(spoiled), clean)
    scores = [f" {group.judge(result, clean)['psnr']:.2f} dB" for result in results]
    before = f" {evaluate.psnr(shown, clean):.2f} dB" if spoiled.shape == clean.shape else ""
    return [labeled(shown[place], f"{name}{', worst' if is_worst else ''}:{before}"),
            *(labeled(result[place], title + score) for result, title, score in zip(results, columns, scores)),
            labeled(clean[place], "truth")]


def measured(sheet: Sheet, group: evaluate.Group, options: argparse.Namespace) -> dict[str, dict]:
    """Figures of each column, kept in the folder of figures."""
    path = options.figures / f"{sheet.package}-{sheet.file}.json"
    if not path.exists():
        engine = evaluate.CommandLine(options.program, {}, {})
        groups = [replace(group, name=f"{group.name}, {title}", options={**group.options, **own}) for title, own in sheet.columns.items()]
        path.write_text(json.dumps({"groups": [evaluate.measure(g, engine, 1) for g in groups]}, indent=1))
    return read_figures(options.figures)


def write_sheet(sheet: Sheet, figures: dict[str, dict], options: argparse.Namespace) -> None:
    group, name = sheet.group(options.data), None
    if sheet.is_measured_here:
        figures, name = measured(sheet, group, options), f"{group.name}, {list(sheet.columns)[-1]}"
    figure = figures.get(name or group.name)
    if figure is None:
        print(f"{sheet.package}/{sheet.file}.jpg: left out, no figures of \"{group.name}\"")
        return
    rows = [sheet_row(group, sheet.columns, options.program, *row) for row in chosen_rows(figure["pictures"])]
    picture = Image.new("RGB", (len(rows[0]) * (SIDE + 4), len(rows) * (SIDE + 18)), "white")
    for y, row in enumerate(rows):
        for x, crop in enumerate(row):
            picture.paste(crop, (x * (SIDE + 4), y * (SIDE + 18)))
    path = WEIGHTS / sheet.package / f"{sheet.file}.jpg"
    picture.save(path, quality=85, optimize=True)
    print(f"{path}: {len(rows)} pictures of \"{group.name}\"")


# The table

def parameters(path: Path) -> int:
    return sum(int(numpy.prod(t.dims)) for t in onnx.load(path).graph.initializer if t.data_type in (1, 10) and len(t.dims))


def speed(path: Path, program: str, rounds: int) -> tuple[float, float]:
    """Milliseconds and million multiply-adds a megapixel or pixel of input: the fastest of ROUNDS at 512 x 512, all threads."""
    with tempfile.TemporaryDirectory() as folder:
        inputs = [f"--size=512x512", f"--output={onnx.load(path).graph.output[0].name}={folder}/out.npy"]
        command = [program, "run", str(path), *inputs]
        text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        timed = subprocess.run([*command, "--repeat", str(rounds)], check=True, capture_output=True, text=True).stdout
    multiply_adds = int(text.split("multiply-adds ")[1].split(",")[0])
    found = json.loads(timed[timed.index("{"):])
    return found["min_ms"] / 0.262144, multiply_adds / 512**2 / 1e6


def read_figures(folder: Path) -> dict[str, dict]:
    """Groups by name, of every JSON that evaluate.py wrote there; failed ones left out."""
    groups = {}
    for file in sorted(folder.glob("*.json")):
        groups.update({g["group"]: g for g in json.loads(file.read_text())["groups"] if "failed" not in g})
    return groups


def series(figures: dict[str, dict], names: list[str]) -> str:
    """"34.76 / 32.28 / 29.14 (.923 .881 .799)"; a dash for what is not there."""
    found = [figures.get(name) for name in names]
    if not any(found):
        return ""
    mean = " / ".join(f"{f['psnr']:.2f}" if f else "-" for f in found)
    return mean + " (" + " ".join(f"{f['ssim']:.3f}"[1:] if f else "-" for f in found) + ")"


def sigmas(text: str) -> list[str]:
    return [text.format(sigma) for sigma in (15, 25, 50)]


BLURS = [f"kodak24 {kind} blind" for kind in evaluate.BLURS]
NOISY_BLURS = [f"kodak24 {kind}n blind" for kind in evaluate.BLURS]
ROWS = {
    "denoise": [("Kodak24 8-bit, sigma 15 / 25 / 50, told", sigmas("kodak24 sigma {} 8-bit told")),
                ("the same, blind", sigmas("kodak24 sigma {} 8-bit blind")),
                ("Kodak24 float, told", sigmas("kodak24 sigma {} float told")),
                ("Kodak24 float, blind", sigmas("kodak24 sigma {} float blind")),
                ("CBSD68 8-bit, told", sigmas("cbsd68 sigma {} 8-bit told")),
                ("CBSD68 8-bit, blind", sigmas("cbsd68 sigma {} 8-bit blind")),
                ("CBSD68 float, told", sigmas("cbsd68 sigma {} float told")),
                ("CBSD68 float, blind", sigmas("cbsd68 sigma {} float blind")),
                ("clean Kodak24 in, blind", ["kodak24 clean, denoise blind"]),
                ("simulated cameras, ISO 3200, every third Kodak picture, blind: nl-means / network",
                 [f"8 of kodak24, camera ISO 3200, {name}" for name in ("nl-means", "blind")])],
    "deblur": [("Kodak24, g1.0 / g1.6 / g2.0 / g3.0 / line, blind", BLURS), ("the same with noise", NOISY_BLURS),
               ("clean Kodak24 in", ["kodak24 clean, deblur blind"])],
    "super-resolve": [("Set5, Y, x2 / x3 / x4", [f"set5 x{s}" for s in (2, 3, 4)]),
                      ("Set14, Y, x2 / x3 / x4", [f"set14 x{s}" for s in (2, 3, 4)]),
                      ("Set14 as of the web, Y, x2: clean / photo", [f"set14 web x2, {name}" for name in ("clean", "photo")])],
}


def package_rows(program: str, rounds: int) -> list[str]:
    rows = ["| package | file | parameters | multiply-adds a pixel | size | ms a megapixel |", "| --- | --- | --- | --- | --- | --- |"]
    for folder in sorted(f for f in WEIGHTS.iterdir() if (f / "config.json").exists()):
        for path in sorted(folder.glob("model*.onnx")):
            try:
                milliseconds, work = speed(path, program, rounds)
                cost = f"{work:.3f} M | {path.stat().st_size / 1e6:.2f} MB | {milliseconds:.0f} |"
            except (subprocess.CalledProcessError, IndexError, ValueError):  # takes no picture of that size
                cost = f"- | {path.stat().st_size / 1e6:.2f} MB | - |"
            rows.append(f"| `{folder.name}` | `{path.name}` | {parameters(path) / 1e6:.2f} M | {cost}")
    return rows


def quality_rows(figures: dict[str, dict]) -> list[str]:
    rows = []
    for task, lines in ROWS.items():
        found = [(text, series(figures, names)) for text, names in lines]
        rows += ["", f"| {task} | PSNR, dB (SSIM) |", "| --- | --- |"] + [f"| {text} | {value} |" for text, value in found if value]
    return rows


def write_table(figures: dict[str, dict], options: argparse.Namespace) -> None:
    path = WEIGHTS / "README.md"
    text = path.read_text()
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    rows = package_rows(options.program, options.rounds) + quality_rows(figures)
    path.write_text(before + BEGIN + "\n" + "\n".join(rows) + "\n" + END + after)
    print(f"{path}: {len(rows)} lines")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with kodak24, cbsd68, set5, set14")
    parser.add_argument("--figures", type=Path, required=True, help="folder of the files that evaluate.py --json wrote")
    parser.add_argument("--program", default="neural-restore", help="the command line to run")
    parser.add_argument("--only", default="", help="only the sheets of this package, and no table")
    parser.add_argument("--rounds", type=int, default=5, help="runs of each model for its speed (5)")
    options = parser.parse_args()
    figures = read_figures(options.figures)
    for sheet in SHEETS:
        if options.only in ("", sheet.package) and (WEIGHTS / sheet.package).is_dir():
            write_sheet(sheet, figures, options)
    if not options.only:
        write_table(read_figures(options.figures), options)


if __name__ == "__main__":
    main()
