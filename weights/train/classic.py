# SPDX-License-Identifier: GPL-3.0-or-later
"""The classic networks of the field, as their papers and textbooks have them.

They stand beside our own networks for comparison and for study.  Where one differs from its paper, its comment
says so.  Pictures are N x 3 x H x W, sRGB-encoded, nominally 0..1; `multiple_of` is what H and W must be a multiple
of, `side` the only H and W that a network takes.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cubic import Bicubic

LUMA = (65.481 / 219, 128.553 / 219, 24.966 / 219)  # BT.601


class LumaResolver(nn.Module):
    """Bicubic enlargement of the picture, to which a network adds what it finds missing in the luma.

    The papers' networks make the luma itself and leave chroma bicubic.  Here the network makes the difference from
    the bicubic luma, as VDSR does later, and all three channels get it: it is learned in minutes, not days.
    """

    multiple_of = 1

    def __init__(self, scale: int) -> None:
        super().__init__()
        self.scale = scale
        self.enlarge = Bicubic(scale)
        self.register_buffer("to_luma", torch.tensor(LUMA).view(1, 3, 1, 1), persistent=False)

    def luma(self, x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            return F.conv2d(x, self.to_luma)


class Srcnn(LumaResolver):
    """SRCNN 9-1-5 (Dong, Loy, He, Tang 2014, 2016): patches, mapping, reconstruction, all on the enlarged picture."""

    def __init__(self, scale: int) -> None:
        super().__init__(scale)
        self.network = nn.Sequential(nn.Conv2d(1, 64, 9, padding=4), nn.ReLU(),
                                     nn.Conv2d(64, 32, 1), nn.ReLU(),
                                     nn.Conv2d(32, 1, 5, padding=2))
        nn.init.normal_(self.network[-1].weight, 0, 1e-3)  # the paper's, so that it starts near bicubic
        nn.init.zeros_(self.network[-1].bias)

    def forward(self, x: Tensor) -> Tensor:
        base = self.enlarge(x)
        return base + self.network(self.luma(base)).to(base.dtype)


class Fsrcnn(LumaResolver):
    """FSRCNN(d, s, m) (Dong, Loy, Tang 2016): features, shrinking, mapping, expanding, deconvolution."""

    def __init__(self, scale: int, d: int = 56, s: int = 12, m: int = 4) -> None:
        super().__init__(scale)
        steps: list[nn.Module] = [nn.Conv2d(1, d, 5, padding=2), nn.PReLU(d), nn.Conv2d(d, s, 1), nn.PReLU(s)]
        for _ in range(m):
            steps += [nn.Conv2d(s, s, 3, padding=1), nn.PReLU(s)]
        self.features = nn.Sequential(*steps, nn.Conv2d(s, d, 1), nn.PReLU(d))
        self.deconvolution = nn.ConvTranspose2d(d, 1, 9, scale, 4, scale - 1)
        nn.init.normal_(self.deconvolution.weight, 0, 1e-3)
        nn.init.zeros_(self.deconvolution.bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.enlarge(x) + self.deconvolution(self.features(self.luma(x))).to(x.dtype)


class DnCnn(nn.Module):
    """DnCNN (Zhang, Zuo, Chen, Meng, Zhang 2017), blind: the noise, which is subtracted, from 3x3 convolutions."""

    multiple_of = 1

    def __init__(self, layers: int = 17, channels: int = 64) -> None:
        super().__init__()
        steps: list[nn.Module] = [nn.Conv2d(3, channels, 3, padding=1), nn.ReLU()]
        for _ in range(layers - 2):
            steps += [nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels), nn.ReLU()]
        self.noise = nn.Sequential(*steps, nn.Conv2d(channels, 3, 3, padding=1))

    def forward(self, x: Tensor, _sigma: Tensor | None = None) -> Tensor:
        return x - self.noise(x).to(x.dtype)


class DenoisingAutoencoder(nn.Module):
    """Convolutions of stride 2 down to a code, transposed ones back; no connection past the code.

    Kernels of 3x3 down and 4x4 up (every pixel is made of as many taps: no checkerboard), ReLU between them.
    """

    def __init__(self, widths: list[int]) -> None:
        super().__init__()
        self.multiple_of = 2 ** len(widths)
        down, up, narrow = [], [], 3
        for wide in widths:
            down += [nn.Conv2d(narrow, wide, 3, 2, 1), nn.ReLU()]
            up = [nn.ReLU(), nn.ConvTranspose2d(wide, narrow, 4, 2, 1), *up]
            narrow = wide
        self.encoder, self.decoder = nn.Sequential(*down), nn.Sequential(*up[1:])

    def forward(self, x: Tensor, _sigma: Tensor | None = None) -> Tensor:
        return self.decoder(self.encoder(x)).to(x.dtype)


def pair(wide: int, narrow: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(wide, narrow, 3, padding=1), nn.ReLU(), nn.Conv2d(narrow, narrow, 3, padding=1), nn.ReLU())


class ResolvingAutoencoder(nn.Module):
    """Super-resolution autoencoder: the bicubic enlargement through 3x3 convolutions with max pooling and back.

    The decoder doubles by repeating pixels and adds the encoder's features of the same size; sigmoid at the end.
    scale*H and scale*W must be multiples of 4.
    """

    def __init__(self, scale: int, widths: list[int]) -> None:
        super().__init__()
        first, second, third = widths
        self.scale = scale
        self.multiple_of = {2: 2, 3: 4, 4: 1}[scale]
        self.enlarge = Bicubic(scale)
        self.down = nn.ModuleList([pair(3, first), pair(first, second)])
        self.code = pair(second, third)
        self.up = nn.ModuleList([pair(third, second), pair(second, first)])
        self.tail = nn.Conv2d(first, 3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.enlarge(x)
        skips = []
        for step in self.down:
            y = step(y)
            skips.append(y)
            y = F.max_pool2d(y, 2)
        y = self.code(y)
        for step in self.up:
            y = step(F.interpolate(y, scale_factor=2, mode="nearest")) + skips.pop()
        return torch.sigmoid(self.tail(y)).to(x.dtype)


class DenseAutoencoder(nn.Module):
    """Deblurring autoencoder of 128 x 128 pictures: three 3x3 convolutions of stride 2, a dense code, and back.

    Everything passes through `latent` numbers, so a picture comes back as what they can describe, not sharper.
    """

    side = 128
    multiple_of = 128

    def __init__(self, widths: list[int], latent: int = 256) -> None:
        super().__init__()
        down, narrow = [], 3
        for wide in widths:
            down += [nn.Conv2d(narrow, wide, 3, 2, 1), nn.ReLU()]
            narrow = wide
        self.code_side, self.code_channels = self.side >> len(widths), widths[-1]
        size = self.code_channels * self.code_side**2
        self.encoder = nn.Sequential(*down, nn.Flatten(), nn.Linear(size, latent))
        self.expand = nn.Linear(latent, size)
        up = []
        for wide in reversed(widths):
            up += [nn.ConvTranspose2d(narrow, wide, 3, 2, 1, 1), nn.ReLU()]
            narrow = wide
        self.decoder = nn.Sequential(*up, nn.Conv2d(narrow, 3, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        code = F.relu(self.expand(self.encoder(x))).view(-1, self.code_channels, self.code_side, self.code_side)
        return torch.sigmoid(self.decoder(code)).to(x.dtype)


NETWORKS = {"srcnn": Srcnn, "fsrcnn": Fsrcnn, "dncnn": DnCnn, "denoising-autoencoder": DenoisingAutoencoder,
            "resolving-autoencoder": ResolvingAutoencoder, "dense-autoencoder": DenseAutoencoder}
