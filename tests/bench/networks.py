# SPDX-License-Identifier: GPL-3.0-or-later
"""The networks of the benchmark, with seeded weights: what restoration programs run, layer by layer.

make(name) returns a PyTorch module in evaluation mode and its number of input channels.
"""
import torch
from torch import nn
from torch.nn import functional as F


def conv(c_in, c_out, k=3, **kw):
    return nn.Conv2d(c_in, c_out, k, padding=kw.pop('padding', k // 2), **kw)


class Residual(nn.Module):
    def __init__(self, body):
        super().__init__()
        self.body = body

    def forward(self, x):
        return x - self.body(x)


def dncnn(layers=17, width=64):
    """DnCNN without batch norm: 3 to 64, 15 times 64 to 64, 64 to 3, the residual is subtracted."""
    body = [conv(3, width), nn.ReLU()]
    for _ in range(layers - 2):
        body += [conv(width, width), nn.ReLU()]
    return Residual(nn.Sequential(*body, conv(width, 3)))


def cnn(layers, width):
    """A plain chain with pixel shuffle x2 at its end."""
    body = [conv(3, width), nn.ReLU()]
    for _ in range(layers - 2):
        body += [conv(width, width), nn.ReLU()]
    return nn.Sequential(*body, conv(width, 12), nn.PixelShuffle(2))


class UNet(nn.Module):
    """Four levels, strided convolutions down, transposed up, skips added, two 3x3 at each."""

    def __init__(self, widths=(32, 64, 128, 256)):
        super().__init__()
        pair = lambda n: nn.Sequential(conv(n, n), nn.ReLU(), conv(n, n), nn.ReLU())
        self.head = conv(3, widths[0])
        self.down_pairs = nn.ModuleList(pair(n) for n in widths)
        self.downs = nn.ModuleList(nn.Conv2d(a, b, 2, 2) for a, b in zip(widths, widths[1:]))
        self.ups = nn.ModuleList(nn.ConvTranspose2d(b, a, 2, 2) for a, b in zip(widths, widths[1:]))
        self.up_pairs = nn.ModuleList(pair(n) for n in widths[:-1])
        self.tail = conv(widths[0], 3)

    def forward(self, x):
        y, skips = self.head(x), []
        for i, body in enumerate(self.down_pairs):
            y = body(y)
            if i < len(self.downs):
                skips.append(y)
                y = self.downs[i](y)
        for i in reversed(range(len(self.ups))):
            y = self.up_pairs[i](self.ups[i](y) + skips[i])
        return x + self.tail(y)


class Srvgg(nn.Module):
    """Real-ESRGAN's compact network: 16 convolutions with PReLU, pixel shuffle x4, nearest x4 added."""

    def __init__(self, width=64, layers=16, scale=4):
        super().__init__()
        body = [conv(3, width), nn.PReLU(width)]
        for _ in range(layers):
            body += [conv(width, width), nn.PReLU(width)]
        self.body = nn.Sequential(*body, conv(width, 3 * scale * scale), nn.PixelShuffle(scale))
        self.scale = scale

    def forward(self, x):
        return self.body(x) + F.interpolate(x, scale_factor=self.scale, mode='nearest')


class DenseBlock(nn.Module):
    def __init__(self, width=64, growth=32):
        super().__init__()
        self.convs = nn.ModuleList(conv(width + i * growth, growth) for i in range(4))
        self.last = conv(width + 4 * growth, width)

    def forward(self, x):
        parts = [x]
        for c in self.convs:
            parts.append(F.leaky_relu(c(torch.cat(parts, 1)), 0.2))
        return x + 0.2 * self.last(torch.cat(parts, 1))


class Rrdb(nn.Module):
    """ESRGAN with two blocks of three dense blocks and one nearest x2."""

    def __init__(self, blocks=2, width=64):
        super().__init__()
        self.head = conv(3, width)
        self.blocks = nn.ModuleList(nn.Sequential(*(DenseBlock(width) for _ in range(3))) for _ in range(blocks))
        self.trunk = conv(width, width)
        self.up = conv(width, width)
        self.high = conv(width, width)
        self.tail = conv(width, 3)

    def forward(self, x):
        first = y = self.head(x)
        for block in self.blocks:
            y = y + 0.2 * block(y)
        y = first + self.trunk(y)
        y = F.leaky_relu(self.up(F.interpolate(y, scale_factor=2, mode='nearest')), 0.2)
        return self.tail(F.leaky_relu(self.high(y), 0.2))


class LayerNorm2d(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1, width, 1, 1))
        self.bias = nn.Parameter(torch.zeros(1, width, 1, 1))

    def forward(self, x):
        mean = x.mean(1, keepdim=True)
        centered = x - mean
        return self.weight * (centered / torch.sqrt((centered * centered).mean(1, keepdim=True) + 1e-6)) + self.bias


class NafBlock(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.norm1, self.norm2 = LayerNorm2d(width), LayerNorm2d(width)
        self.expand, self.depthwise = conv(width, 2 * width, 1), conv(2 * width, 2 * width, groups=2 * width)
        self.attention, self.project = conv(width, width, 1), conv(width, width, 1)
        self.expand2, self.project2 = conv(width, 2 * width, 1), conv(width, width, 1)
        self.beta = nn.Parameter(torch.full((1, width, 1, 1), 0.5))
        self.gamma = nn.Parameter(torch.full((1, width, 1, 1), 0.5))

    def forward(self, x):
        a, b = self.depthwise(self.expand(self.norm1(x))).chunk(2, 1)
        y = a * b
        y = y * self.attention(y.mean((2, 3), keepdim=True))
        y = x + self.project(y) * self.beta
        a, b = self.expand2(self.norm2(y)).chunk(2, 1)
        return y + self.project2(a * b) * self.gamma


class NafNet(nn.Module):
    """NAFNet of width 32: encoder 1-1-2, middle 2, decoder 1-1-1."""

    def __init__(self, width=32, encoder=(1, 1, 2), middle=2, decoder=(1, 1, 1)):
        super().__init__()
        self.head, self.tail = conv(3, width), conv(width, 3)
        self.encoders, self.downs = nn.ModuleList(), nn.ModuleList()
        for n in encoder:
            self.encoders.append(nn.Sequential(*(NafBlock(width) for _ in range(n))))
            self.downs.append(nn.Conv2d(width, 2 * width, 2, 2))
            width *= 2
        self.middle = nn.Sequential(*(NafBlock(width) for _ in range(middle)))
        self.ups, self.decoders = nn.ModuleList(), nn.ModuleList()
        for n in decoder:
            self.ups.append(nn.Sequential(nn.Conv2d(width, 2 * width, 1, bias=False), nn.PixelShuffle(2)))
            width //= 2
            self.decoders.append(nn.Sequential(*(NafBlock(width) for _ in range(n))))

    def forward(self, x):
        y, skips = self.head(x), []
        for body, down in zip(self.encoders, self.downs):
            y = body(y)
            skips.append(y)
            y = down(y)
        y = self.middle(y)
        for body, up, skip in zip(self.decoders, self.ups, reversed(skips)):
            y = body(up(y) + skip)
        return x + self.tail(y)


def fsrcnn(d=56, s=12, m=4, scale=2):
    body = [conv(1, d, 5), nn.PReLU(d), conv(d, s, 1), nn.PReLU(s)]
    for _ in range(m):
        body += [conv(s, s), nn.PReLU(s)]
    body += [conv(s, d, 1), nn.PReLU(d),
             nn.ConvTranspose2d(d, 1, 9, scale, padding=4, output_padding=scale - 1)]
    return nn.Sequential(*body)


def srcnn():
    return nn.Sequential(conv(1, 64, 9), nn.ReLU(), conv(64, 32, 1), nn.ReLU(), conv(32, 1, 5))


class Hourglass(nn.Module):
    """The skip network of the Deep Image Prior paper: 128 channels, five scales, 4 skip channels."""

    def __init__(self, c_in=32, width=128, skip=4, scales=5):
        super().__init__()
        block = lambda a, b, k, s=1: nn.Sequential(nn.ReflectionPad2d(k // 2), nn.Conv2d(a, b, k, s), nn.BatchNorm2d(b),
                                                   nn.LeakyReLU(0.2))
        self.down = nn.ModuleList(nn.Sequential(block(c_in if i == 0 else width, width, 3, 2), block(width, width, 3))
                                  for i in range(scales))
        self.skip = nn.ModuleList(block(c_in if i == 0 else width, skip, 1) for i in range(scales))
        self.norm = nn.ModuleList(nn.BatchNorm2d(width + skip) for _ in range(scales))
        self.up = nn.ModuleList(nn.Sequential(block(width + skip, width, 3), block(width, width, 1))
                                for _ in range(scales))
        self.tail = nn.Sequential(nn.Conv2d(width, 3, 1), nn.Sigmoid())

    def forward(self, x):
        skips = []
        for down, skip in zip(self.down, self.skip):
            skips.append(skip(x))
            x = down(x)
        for i in reversed(range(len(self.up))):
            x = F.interpolate(x, scale_factor=2, mode='bilinear', align_corners=False)
            x = self.up[i](self.norm[i](torch.cat([skips[i], x], 1)))
        return self.tail(x)


NETWORKS = {
    'layer64': (lambda: conv(64, 64), 64),
    'dncnn17x64': (lambda: dncnn(), 3),
    'cnn8x48': (lambda: cnn(8, 48), 3),
    'cnn16x64': (lambda: cnn(16, 64), 3),
    'unet64': (lambda: UNet(), 3),
    'srvgg64': (lambda: Srvgg(), 3),
    'rrdb2': (lambda: Rrdb(), 3),
    'nafnet32': (lambda: NafNet(), 3),
    'fsrcnn': (lambda: fsrcnn(), 1),
    'srcnn': (lambda: srcnn(), 1),
    'dip': (lambda: Hourglass(), 32),
}


def make(name):
    build, channels = NETWORKS[name]
    torch.manual_seed(1)
    return build().eval(), channels
