# SPDX-License-Identifier: GPL-3.0-or-later
"""Our own networks; the training script knows these and the classic ones of classic.py.

All of them are plain convolution networks without a global operation, so that a picture can be cut into
tiles exactly.  Pictures are N x 3 x H x W, sRGB-encoded, nominally 0..1.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

import classic
from cubic import phase_taps


class Residual(nn.Module):
    """x + conv(relu(conv(x))), both 3x3, channels kept."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        # A block starts close to the identity: deep stacks then tolerate a high learning rate.
        with torch.no_grad():
            self.second.weight.mul_(0.1)
            self.second.bias.zero_()

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(F.relu(self.first(x)))


def residuals(channels: int, count: int) -> nn.Sequential:
    return nn.Sequential(*(Residual(channels) for _ in range(count)))


class UNet(nn.Module):
    """U-Net on the pixel-unshuffled picture, with a residual output.

    widths    channels at 1/2, 1/4, 1/8 ... of the picture's size
    blocks    residual blocks per level on each side, and in the middle
    has_sigma takes a second input N x 1 x H x W, the noise level / 255

    H and W must be multiples of 2^len(widths).
    """

    def __init__(self, widths: list[int], blocks: int = 2, middle: int = 4, has_sigma: bool = False) -> None:
        super().__init__()
        self.has_sigma = has_sigma
        self.multiple_of = 2 ** len(widths)
        channels = 4 if has_sigma else 3
        pairs = list(zip(widths[:-1], widths[1:]))
        self.head = nn.Conv2d(4 * channels, widths[0], 3, padding=1)
        self.down_blocks = nn.ModuleList(residuals(wide, blocks) for wide, _ in pairs)
        self.down = nn.ModuleList(nn.Conv2d(a, b, 2, stride=2) for a, b in pairs)
        self.middle = residuals(widths[-1], middle)
        self.up = nn.ModuleList(nn.ConvTranspose2d(b, a, 2, stride=2) for a, b in reversed(pairs))
        self.up_blocks = nn.ModuleList(residuals(wide, blocks) for wide, _ in reversed(pairs))
        self.tail = nn.Conv2d(widths[0], 12, 3, padding=1)
        with torch.no_grad():
            self.tail.weight.mul_(0.1)
            self.tail.bias.zero_()

    def forward(self, x: Tensor, sigma: Tensor | None = None) -> Tensor:
        full = torch.cat((x, sigma), 1) if self.has_sigma else x
        y = self.levels(self.head(F.pixel_unshuffle(full, 2)))
        return x + F.pixel_shuffle(self.tail(y), 2).to(x.dtype)

    def levels(self, y: Tensor) -> Tensor:
        """Everything between head and tail."""
        skips = []
        for blocks, down in zip(self.down_blocks, self.down):
            y = blocks(y)
            skips.append(y)
            y = down(y)
        y = self.middle(y)
        for blocks, up in zip(self.up_blocks, self.up):
            y = blocks(up(y) + skips.pop())
        return y


class Deblurrer(UNet):
    """U-Net beside a deconvolution: it weighs what that made, pixel by pixel, and corrects it.

    output = x + sum_k gate_k (s_k - luma) + residual.  The second input s (N x 2 x H x W) is the luma, the mean of the
    channels, after few and after many steps of Richardson and Lucy with the blur that was found in the picture: all that
    needs a view over many pixels.  What is left for the network is local: rings, noise, edges, blurs that differ.
    """

    has_sharpened = True

    def __init__(self, widths: list[int], blocks: int = 2, middle: int = 4) -> None:
        super().__init__(widths, blocks, middle)
        self.head = nn.Conv2d(4 * 5, widths[0], 3, padding=1)
        self.gates = nn.ConvTranspose2d(widths[0], 2, 2, stride=2)
        with torch.no_grad():
            self.gates.weight.zero_()
            self.gates.bias.copy_(torch.tensor([0.3, 0.5]))

    def forward(self, x: Tensor, sharpened: Tensor) -> Tensor:
        # In float32: bfloat16 has 8 bits, too few for differences of pictures.
        with torch.autocast(x.device.type, enabled=False):
            added = sharpened - x.mean(1, keepdim=True)
        y = self.levels(self.head(F.pixel_unshuffle(torch.cat((x, 4 * added), 1), 2)))
        sharper = (self.gates(y).to(x.dtype) * added).sum(1, keepdim=True)
        return x + sharper + F.pixel_shuffle(self.tail(y), 2).to(x.dtype)


class SuperResolver(nn.Module):
    """Residual blocks at low resolution, pixel shuffle, and a learned 5x5 interpolation beside them.

    The interpolation starts as the bicubic one, so that the body learns only what bicubic misses.
    Output: N x 3 x scale*H x scale*W.
    """

    def __init__(self, scale: int, channels: int = 48, blocks: int = 8) -> None:
        super().__init__()
        self.scale = scale
        self.multiple_of = 1
        self.head = nn.Conv2d(3, channels, 3, padding=1)
        self.body = residuals(channels, blocks)
        self.tail = nn.Conv2d(channels, 3 * scale**2, 3, padding=1)
        self.interpolate = nn.Conv2d(3, 3 * scale**2, 5, padding=2)
        with torch.no_grad():
            self.tail.weight.mul_(0.1)
            self.tail.bias.zero_()
            self.interpolate.weight.copy_(self.bicubic_taps())
            self.interpolate.bias.zero_()

    def bicubic_taps(self) -> Tensor:
        """Weights 3 s^2 x 3 x 5 x 5 which with the pixel shuffle are Keys' interpolation."""
        square = phase_taps(self.scale)
        weights = torch.zeros(3, self.scale**2, 3, 5, 5)
        for channel in range(3):
            weights[channel, :, channel] = square
        return weights.reshape(-1, 3, 5, 5)

    def forward(self, x: Tensor) -> Tensor:
        y = self.head(x)
        detail = self.tail(y + self.body(y))
        # bfloat16 has 8 bits, too few for the picture itself; the detail added to it is small.
        with torch.autocast(x.device.type, enabled=False):
            base = self.interpolate(x)
        return F.pixel_shuffle(base + detail.to(x.dtype), self.scale)


NETWORKS = {"unet": UNet, "deblurrer": Deblurrer, "super-resolver": SuperResolver}


def build(settings: dict) -> nn.Module:
    """A fresh network from a config's "network": {"type": ..., arguments of its class}."""
    arguments = dict(settings)
    return (NETWORKS | classic.NETWORKS)[arguments.pop("type")](**arguments)


def example_inputs(network: nn.Module, height: int, width: int) -> dict[str, Tensor]:
    """Random inputs by ONNX name."""
    inputs = {"input": torch.rand(1, 3, height, width)}
    if getattr(network, "has_sigma", False):
        inputs["sigma"] = torch.full((1, 1, height, width), 25 / 255)
    if getattr(network, "has_sharpened", False):
        inputs["sharpened"] = torch.rand(1, 2, height, width)
    return inputs


def parameters(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def macs_per_pixel(network: nn.Module, size: int = 192) -> float:
    """Multiply-adds of the convolutions per pixel of the input picture."""
    size = getattr(network, "side", size)
    total = 0

    def count(module: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
        nonlocal total
        grid = inputs[0] if isinstance(module, nn.ConvTranspose2d) else output
        total += module.weight.numel() * grid.shape[2] * grid.shape[3]

    hooks = [m.register_forward_hook(count) for m in network.modules() if isinstance(m, (nn.Conv2d, nn.ConvTranspose2d))]
    with torch.no_grad():
        network(*example_inputs(network, size, size).values())
    for hook in hooks:
        hook.remove()
    return total / size**2
