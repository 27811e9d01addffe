#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""DCGAN of faces (Radford, Metz, Chintala 2016), the prior of GAN completion (Yeh et al. 2017).

    dcgan.py train configs/dcgan-faces.json --faces LFW --out runs/dcgan [--minutes 20]
    dcgan.py export runs/dcgan ../nr-dcgan-faces --faces LFW

train goes on from the last checkpoint in --out, writes log.csv and a sheet of samples.  export writes
generator.onnx (z N x 100 in -1..1 -> image N x 3 x 64 x 64 in -1..1) and discriminator.onnx (image ->
probability N x 1 that it is a photograph), batch normalization in inference mode, float16 weights, and samples.jpg
and training.png for the card.
"""

from __future__ import annotations

import argparse
import copy
import csv
import json
import os
import random
import signal
import time
from collections.abc import Iterable
from pathlib import Path

import matplotlib
import numpy
import onnx
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

import export
import faces
import ort

matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402: the backend is chosen first

LATENT = 100
SIDE = 64


class Generator(nn.Module):
    """z -> dense to 4 x 4 x widths[0], batch norm, ReLU, then four transposed convolutions of stride 2, tanh.

    Kernels of 4 x 4: every output pixel is made by the same number of taps, so no checkerboard.
    """

    def __init__(self, widths: list[int]) -> None:
        super().__init__()
        self.widths = widths
        self.dense = nn.Linear(LATENT, widths[0] * 16, bias=False)
        self.first = nn.BatchNorm2d(widths[0])
        steps: list[nn.Module] = []
        for wide, narrow in zip(widths, widths[1:]):
            steps += [nn.ConvTranspose2d(wide, narrow, 4, 2, 1, bias=False), nn.BatchNorm2d(narrow), nn.ReLU()]
        self.up = nn.Sequential(*steps, nn.ConvTranspose2d(widths[-1], 3, 4, 2, 1), nn.Tanh())

    def forward(self, z: Tensor) -> Tensor:
        start = self.dense(z).view(-1, self.widths[0], 4, 4)
        return self.up(F.relu(self.first(start)))


class Discriminator(nn.Module):
    """Four 5 x 5 convolutions of stride 2 with batch norm (not the first) and LeakyReLU 0.2, dense: the logit."""

    def __init__(self, widths: list[int]) -> None:
        super().__init__()
        steps: list[nn.Module] = [nn.Conv2d(3, widths[0], 5, 2, 2), nn.LeakyReLU(0.2)]
        for narrow, wide in zip(widths, widths[1:]):
            steps += [nn.Conv2d(narrow, wide, 5, 2, 2, bias=False), nn.BatchNorm2d(wide), nn.LeakyReLU(0.2)]
        self.down = nn.Sequential(*steps)
        self.dense = nn.Linear(widths[-1] * 16, 1)

    def forward(self, image: Tensor) -> Tensor:
        return self.dense(self.down(image).flatten(1))


class Judge(nn.Module):
    """The discriminator with its sigmoid, as it is exported."""

    def __init__(self, discriminator: Discriminator) -> None:
        super().__init__()
        self.discriminator = discriminator

    def forward(self, image: Tensor) -> Tensor:
        return torch.sigmoid(self.discriminator(image))


def start_weights(module: nn.Module) -> None:
    """The paper's: normal with deviation 0.02; batch norm around 1."""
    if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
        nn.init.normal_(module.weight, 0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1, 0.02)


def draw_z(count: int, device: torch.device) -> Tensor:
    return torch.rand(count, LATENT, device=device) * 2 - 1


def real_batch(tiles: Tensor, count: int) -> Tensor:
    """Random faces, half of them mirrored, in -1..1."""
    chosen = tiles[torch.randint(len(tiles), (count,), device=tiles.device)].float() / 127.5 - 1
    mirrored = torch.rand(count, 1, 1, 1, device=tiles.device) < 0.5
    return torch.where(mirrored, chosen.flip(3), chosen).contiguous(memory_format=torch.channels_last)


def verdict(logit: Tensor, is_real: float) -> Tensor:
    return F.binary_cross_entropy_with_logits(logit.float(), torch.full_like(logit, is_real, dtype=torch.float32))


class Run:
    """Both networks, the averaged generator and the optimizers, in the folder `out`."""

    def __init__(self, config: dict, out: Path, device: torch.device) -> None:
        self.config, self.out, self.device = config, out, device
        self.generator = Generator(config["generator"]).apply(start_weights).to(device, memory_format=torch.channels_last)
        self.discriminator = Discriminator(config["discriminator"]).apply(start_weights).to(device, memory_format=torch.channels_last)
        self.average = copy.deepcopy(self.generator).requires_grad_(False)
        self.optimizers = [torch.optim.Adam(n.parameters(), lr=config["lr"], betas=(config["beta1"], 0.999))
                           for n in (self.discriminator, self.generator)]
        self.step, self.seconds, self.stopped = 0, 0.0, False
        self.sample_z = draw_z(64, device)

    def state(self) -> dict:
        parts = {"generator": self.generator, "discriminator": self.discriminator, "average": self.average,
                 "adam_d": self.optimizers[0], "adam_g": self.optimizers[1]}
        return {name: part.state_dict() for name, part in parts.items()} | {
            "config": self.config, "step": self.step, "seconds": self.seconds, "z": self.sample_z}

    def save(self) -> None:
        torch.save(self.state(), self.out / "last.pt.new")
        os.replace(self.out / "last.pt.new", self.out / "last.pt")

    def resume(self) -> None:
        state = torch.load(self.out / "last.pt", map_location=self.device, weights_only=True)
        for part, name in ((self.generator, "generator"), (self.discriminator, "discriminator"), (self.average, "average"),
                           (self.optimizers[0], "adam_d"), (self.optimizers[1], "adam_g")):
            part.load_state_dict(state[name])
        self.step, self.seconds, self.sample_z = state["step"], state["seconds"], state["z"]

    def autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.config["precision"] == "bfloat16")

    def judge_once(self, tiles: Tensor) -> float:
        """One step of the discriminator on real and generated faces; its loss."""
        count = self.config["batch"]
        with self.autocast():
            with torch.no_grad():
                made = self.generator(draw_z(count, self.device)).float()
            loss = verdict(self.discriminator(real_batch(tiles, count)), self.config["real_label"])
            loss = loss + verdict(self.discriminator(made), 0)
        self.optimizers[0].zero_grad(set_to_none=True)
        loss.backward()
        self.optimizers[0].step()
        return loss.item()

    def generate_once(self) -> float:
        """One step of the generator against the discriminator as it is; its loss."""
        self.discriminator.requires_grad_(False)
        with self.autocast():
            made = self.generator(draw_z(self.config["batch"], self.device))
            loss = verdict(self.discriminator(made), 1)
        self.optimizers[1].zero_grad(set_to_none=True)
        loss.backward()
        self.optimizers[1].step()
        self.discriminator.requires_grad_(True)
        self.update_average()
        return loss.item()

    @torch.no_grad()
    def update_average(self) -> None:
        decay = min(self.config["ema"], (1 + self.step) / (10 + self.step))
        torch._foreach_lerp_(list(self.average.parameters()), list(self.generator.parameters()), 1 - decay)

    def log(self, losses: list[tuple[float, float]], rate: float) -> None:
        path = self.out / "log.csv"
        fresh = not path.exists()
        d, g = (sum(column) / max(1, len(losses)) for column in zip(*losses)) if losses else (0, 0)
        row = {"step": self.step, "minutes": f"{self.seconds / 60:.2f}", "lr": f"{rate:.2e}",
               "discriminator_loss": f"{d:.4f}", "generator_loss": f"{g:.4f}"}
        with path.open("a", newline="") as file:
            writer = csv.DictWriter(file, list(row))
            if fresh:
                writer.writeheader()
            writer.writerow(row)
        print(" ".join(f"{k}={v}" for k, v in row.items()), flush=True)

    def stop(self, *_) -> None:
        self.stopped = True


@torch.no_grad()
def settle(network: nn.Module, batches: Iterable[Tensor]) -> nn.Module:
    """A copy whose batch norms have the mean statistics of these batches, and which is in inference mode."""
    settled = copy.deepcopy(network).float()
    for module in settled.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
            module.momentum = None  # plain mean
    settled.train()
    for batch in batches:
        settled(batch)
    return settled.eval()


def settle_generator(generator: Generator, device: torch.device, batches: int = 40) -> Generator:
    return settle(generator, (draw_z(64, device) for _ in range(batches)))


@torch.no_grad()
def settle_discriminator(discriminator: Discriminator, generator: Generator, tiles: Tensor, batches: int = 40) -> Discriminator:
    """On as many photographs as generated faces, each in batches of their own, as it was trained."""
    real = [real_batch(tiles, 64) for _ in range(batches)]
    made = [generator(draw_z(64, tiles.device)) for _ in range(batches)]
    return settle(discriminator, (batch for both in zip(real, made) for batch in both))


@torch.no_grad()
def write_sheet(images: Tensor, path: Path, columns: int = 8) -> None:
    """N x 3 x H x W in -1..1 as a sheet of rows."""
    pixels = ((images.float().clamp(-1, 1) + 1) * 127.5).round().byte().permute(0, 2, 3, 1).cpu().numpy()
    rows = [numpy.concatenate(pixels[i:i + columns], 1) for i in range(0, len(pixels) - columns + 1, columns)]
    Image.fromarray(numpy.concatenate(rows)).save(path, quality=92)


def note(run: Run, losses: list[tuple[float, float]], rate: float) -> None:
    """A line of the log, a checkpoint and a sheet."""
    run.log(losses, rate)
    run.save()
    write_sheet(settle_generator(run.average, run.device, 10)(run.sample_z), run.out / "samples.png")
    losses.clear()


def train(options: argparse.Namespace) -> None:
    config = {"batch": 64, "steps": 20000, "lr": 2e-4, "beta1": 0.5, "ema": 0.995, "seed": 1, "real_label": 1.0,
              "generator_steps": 2, "precision": "bfloat16", **json.loads(options.config.read_text())}
    if options.threads:
        torch.set_num_threads(options.threads)
    torch.set_flush_denormal(True)
    torch.manual_seed(config["seed"])
    random.seed(config["seed"])
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    options.out.mkdir(parents=True, exist_ok=True)
    tiles = faces.load(options.faces, "train", SIDE).to(device)
    run = Run(config, options.out, device)
    if (options.out / "last.pt").exists():
        run.resume()
        torch.manual_seed(config["seed"] + run.step)
    signal.signal(signal.SIGTERM, run.stop)
    signal.signal(signal.SIGINT, run.stop)
    began, before, noted = time.monotonic(), run.seconds, run.seconds
    losses: list[tuple[float, float]] = []
    while not run.stopped:
        share = run.seconds / (60 * options.minutes) if options.minutes else run.step / config["steps"]
        if share >= 1:
            break
        rate = config["lr"] * min(1.0, 4 * (1 - share) + 0.05)  # falls in the last quarter
        for optimizer in run.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate
        judged = run.judge_once(tiles)
        made = [run.generate_once() for _ in range(config["generator_steps"])]
        losses.append((judged, sum(made) / len(made)))
        run.step += 1
        run.seconds = before + time.monotonic() - began
        if run.seconds - noted > 60 * options.every:
            note(run, losses, rate)
            noted = run.seconds
    note(run, losses, run.optimizers[0].param_groups[0]["lr"])


def write_onnx(network: nn.Module, example: Tensor, names: tuple[str, str], path: Path) -> None:
    torch.onnx.export(network, (example,), str(path), input_names=[names[0]], output_names=[names[1]],
                      dynamic_axes={name: {0: "n"} for name in names}, opset_version=export.OPSET, dynamo=False)
    model = onnx.load(path)
    export.halve_weights(model)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)
    with torch.no_grad():
        wanted = network(example).numpy()
    got = ort.session(path).run([names[1]], {names[0]: example.numpy()})[0]
    difference = float(numpy.abs(got - wanted).max())
    print(f"{path}: {path.stat().st_size / 1e6:.2f} MB, largest difference from PyTorch {difference:.1e}")
    if not difference < 0.02:
        raise SystemExit(f"{path}: ONNX Runtime differs from PyTorch by {difference:.3g}")


@torch.no_grad()
def export_pair(options: argparse.Namespace) -> None:
    device = torch.device("cpu")
    state = torch.load(options.run / "last.pt", map_location=device, weights_only=True)
    torch.manual_seed(1)
    generator = Generator(state["config"]["generator"])
    generator.load_state_dict(state["average"])
    generator = settle_generator(generator, device)
    discriminator = Discriminator(state["config"]["discriminator"])
    discriminator.load_state_dict(state["discriminator"])
    tiles = faces.load(options.faces, "train", SIDE)
    discriminator = settle_discriminator(discriminator, generator, tiles)
    options.package.mkdir(parents=True, exist_ok=True)
    z = draw_z(3, device)
    with ort.silent_stderr():
        write_onnx(generator, z, ("z", "image"), options.package / "generator.onnx")
        write_onnx(Judge(discriminator).eval(), generator(z), ("image", "probability"), options.package / "discriminator.onnx")
    write_sheet(generator(draw_z(64, device)), options.package / "samples.jpg", 16)
    plot_losses(options.run / "log.csv", options.package / "training.png")
    report(generator, discriminator, tiles)


def plot_losses(log: Path, picture: Path) -> None:
    rows = list(csv.DictReader(log.open()))
    figure, axes = pyplot.subplots(figsize=(6, 3.2), dpi=80)
    for name in ("discriminator_loss", "generator_loss"):
        axes.plot([float(row["minutes"]) for row in rows], [float(row[name]) for row in rows], marker=".", label=name.replace("_", " "))
    axes.set(xlabel="minutes", ylabel="binary cross-entropy")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(picture)


def report(generator: Generator, discriminator: Discriminator, tiles: Tensor) -> None:
    """What the discriminator thinks of photographs and of generated faces."""
    judge = Judge(discriminator)
    real, made = judge(real_batch(tiles, 200)).mean(), judge(generator(draw_z(200, tiles.device))).mean()
    sizes = [sum(p.numel() for p in network.parameters()) for network in (generator, discriminator)]
    print(f"generator {sizes[0]}, discriminator {sizes[1]} parameters; probability {real:.2f} for photographs, {made:.2f} for made ones")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    verbs = parser.add_subparsers(dest="verb", required=True)
    trainer = verbs.add_parser("train")
    trainer.add_argument("config", type=Path)
    trainer.add_argument("--faces", type=Path, required=True, help="folder of the LFW sheets with train.txt")
    trainer.add_argument("--out", type=Path, required=True, help="folder of the run")
    trainer.add_argument("--minutes", type=float, default=0, help="length by the clock, instead of the config's steps")
    trainer.add_argument("--every", type=float, default=2, help="minutes between checkpoints (2)")
    trainer.add_argument("--threads", type=int, default=0, help="CPU threads (all)")
    exporter = verbs.add_parser("export")
    exporter.add_argument("run", type=Path, help="folder of the run")
    exporter.add_argument("package", type=Path, help="folder of the package")
    exporter.add_argument("--faces", type=Path, required=True, help="folder of the LFW sheets with train.txt")
    return parser.parse_args()


def main() -> None:
    options = arguments()
    train(options) if options.verb == "train" else export_pair(options)


if __name__ == "__main__":
    main()
