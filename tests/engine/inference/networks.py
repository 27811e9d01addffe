# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole restoration networks as ONNX models with seeded weights, written as exporters write them."""

import numpy as np
from onnx import TensorProto, helper, numpy_helper


class Builder:
    """A graph under construction: every operator is a method that returns the name of its output."""

    def __init__(self, seed, opset=17):
        self.random = np.random.default_rng(seed)
        self.opset = opset
        self.nodes = []
        self.initializers = []

    def constant(self, value):
        name = f"c{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def ints(self, *values):
        return self.constant(np.array(values, np.int64))

    def __getattr__(self, op):
        if not op[0].isupper():
            raise AttributeError(op)

        def add(*inputs, outputs=1, **attributes):
            names = [f"{op}{len(self.nodes)}_{i}" for i in range(outputs)]
            self.nodes.append(helper.make_node(op, inputs, names, name=f"{op}{len(self.nodes)}", **attributes))
            return names[0] if outputs == 1 else names

        return add

    def normal(self, *shape, scale=1.0):
        return self.constant((scale * self.random.standard_normal(shape)).astype(np.float32))

    def conv(self, x, c_in, c_out, kernel=3, stride=1, group=1, dilation=1, bias=True, gain=1.0):
        fan_in = c_in // group * kernel * kernel
        inputs = [x, self.normal(c_out, c_in // group, kernel, kernel, scale=gain * (2 / fan_in) ** 0.5)]
        if bias:
            inputs.append(self.normal(c_out, scale=0.1))
        pad = dilation * (kernel - 1) // 2
        return self.Conv(*inputs, kernel_shape=[kernel] * 2, strides=[stride] * 2, group=group,
                         dilations=[dilation] * 2, pads=[pad] * 4)

    def conv_transpose(self, x, c_in, c_out, kernel=2, stride=2):
        weights = self.normal(c_in, c_out, kernel, kernel, scale=(1 / c_in) ** 0.5)
        return self.ConvTranspose(x, weights, self.normal(c_out, scale=0.1), kernel_shape=[kernel] * 2,
                                  strides=[stride] * 2, pads=[(kernel - stride) // 2] * 4)

    def batch_norm(self, x, channels):
        def positive():
            return self.constant(self.random.uniform(0.5, 1.5, channels).astype(np.float32))
        return self.BatchNormalization(x, positive(), self.normal(channels, scale=0.1),
                                       self.normal(channels, scale=0.1), positive())

    def extent(self, x, axis):
        return self.Slice(self.Shape(x), self.ints(axis), self.ints(axis + 1), self.ints(0))

    def model(self, inputs, output):
        def value(name, channels):
            return helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, channels, "height", "width"])

        graph = helper.make_graph(self.nodes + [helper.make_node("Identity", [output], ["output"])], "network",
                                  [value(name, channels) for name, channels in inputs],
                                  [helper.make_tensor_value_info("output", TensorProto.FLOAT, None)],
                                  self.initializers)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)], ir_version=8)


def dncnn():
    """Convolutions with batch normalization; the network predicts the noise."""
    b = Builder(1)
    x = b.Relu(b.conv("input", 3, 24))
    for _ in range(4):
        x = b.Relu(b.batch_norm(b.conv(x, 24, 24, bias=False), 24))
    return b.model([("input", 3)], b.Sub("input", b.conv(x, 24, 3, gain=0.2)))


def unet():
    """Two inputs (picture and noise level), any size: padded by reflection to a multiple of 4 and cut again."""
    b = Builder(2)

    def missing(axis):
        return b.Mod(b.Sub(b.ints(0), b.extent("input", axis)), b.ints(4))

    def block(x, c_in, c_out):
        return b.LeakyRelu(b.conv(b.LeakyRelu(b.conv(x, c_in, c_out), alpha=0.1), c_out, c_out), alpha=0.1)

    zeros = b.ints(0, 0, 0, 0, 0, 0)
    pads = b.Concat(zeros, missing(2), missing(3), axis=0)
    x = b.Pad(b.Concat("input", "sigma", axis=1), pads, mode="reflect")
    skip1 = block(x, 4, 16)
    skip2 = block(b.MaxPool(skip1, kernel_shape=[2, 2], strides=[2, 2]), 16, 24)
    x = block(b.conv(skip2, 24, 32, kernel=2, stride=2), 32, 32)
    x = block(b.Concat(b.conv_transpose(x, 32, 24), skip2, axis=1), 48, 24)
    x = block(b.Concat(skip1, b.conv_transpose(x, 24, 16, kernel=4), axis=1), 32, 16)
    x = b.conv(x, 16, 3, gain=0.3)
    end = b.Concat(b.extent("input", 2), b.extent("input", 3), axis=0)
    return b.model([("input", 3), ("sigma", 1)],
                   b.Add(b.Slice(x, b.ints(0, 0), end, b.ints(2, 3)), "input"))


def rrdb():
    """Residual in residual dense blocks, each sum scaled by 0.2; up by 2, nearest."""
    b = Builder(3)
    features, growth = 16, 8

    def dense(x):
        parts = [x]
        for i in range(4):
            joined = b.Concat(*parts, axis=1) if i else x
            parts.append(b.LeakyRelu(b.conv(joined, features + i * growth, growth), alpha=0.2))
        last = b.conv(b.Concat(*parts, axis=1), features + 4 * growth, features)
        return b.Add(b.Mul(last, b.constant(np.float32(0.2))), x)

    first = b.conv("input", 3, features)
    x = first
    for _ in range(2):
        inner = x
        for _ in range(2):
            inner = dense(inner)
        x = b.Add(x, b.Mul(inner, b.constant(np.float32(0.2))))
    x = b.Add(first, b.conv(x, features, features))
    x = b.Resize(x, "", b.constant(np.array([1, 1, 2, 2], np.float32)), mode="nearest",
                 coordinate_transformation_mode="asymmetric", nearest_mode="floor")
    x = b.LeakyRelu(b.conv(x, features, features), alpha=0.2)
    return b.model([("input", 3)], b.Clip(b.conv(x, features, 3), b.constant(np.float32(0)), b.constant(np.float32(1))))


def pixel_shuffle():
    """PRelu with one slope a channel, pixel shuffle by 4, added to the enlarged input."""
    b = Builder(4)
    x = "input"
    channels = 3
    for _ in range(4):
        slope = b.constant(b.random.uniform(-0.2, 0.4, (24, 1, 1)).astype(np.float32))
        x = b.PRelu(b.conv(x, channels, 24), slope)
        channels = 24
    x = b.DepthToSpace(b.conv(x, 24, 48, gain=0.3), blocksize=4, mode="CRD")
    base = b.Resize("input", "", b.constant(np.array([1, 1, 4, 4], np.float32)), mode="linear",
                    coordinate_transformation_mode="half_pixel")
    return b.model([("input", 3)], b.Add(x, base))


def nafnet():
    """Layer norm over channels as primitives, depthwise convolution, simple gate, simplified channel attention."""
    b = Builder(5)
    channels = 32

    def norm(x):
        centered = b.Sub(x, b.ReduceMean(x, axes=[1], keepdims=1))
        variance = b.ReduceMean(b.Pow(centered, b.constant(np.float32(2))), axes=[1], keepdims=1)
        y = b.Div(centered, b.Sqrt(b.Add(variance, b.constant(np.float32(1e-6)))))
        return b.Add(b.Mul(y, b.normal(1, channels, 1, 1)), b.normal(1, channels, 1, 1, scale=0.1))

    def gate(x):
        return b.Mul(*b.Split(x, outputs=2, axis=1))

    def attention(x):
        return b.Mul(x, b.conv(b.GlobalAveragePool(x), channels, channels, kernel=1))

    def residual(x, y):
        return b.Add(x, b.Mul(y, b.normal(1, channels, 1, 1, scale=0.3)))

    x = b.conv("input", 3, channels)
    for _ in range(2):
        y = gate(b.conv(b.conv(norm(x), channels, 2 * channels, kernel=1), 2 * channels, 2 * channels,
                        group=2 * channels))
        x = residual(x, b.conv(attention(y), channels, channels, kernel=1))
        y = gate(b.conv(norm(x), channels, 2 * channels, kernel=1))
        x = residual(x, b.conv(y, channels, channels, kernel=1))
    return b.model([("input", 3)], b.Add(b.conv(x, channels, 3, gain=0.3), "input"))


def window_attention():
    """Attention of two heads in windows of 4 x 4 with a table of relative positions, and a perceptron behind."""
    b = Builder(6)
    channels, heads, window = 16, 2, 4
    size = channels // heads
    tokens = window * window

    def linear(x, c_in, c_out):
        return b.Add(b.MatMul(x, b.normal(c_in, c_out, scale=c_in ** -0.5)), b.normal(c_out, scale=0.1))

    def norm(x):
        return b.LayerNormalization(x, b.normal(channels), b.normal(channels, scale=0.1), axis=-1, epsilon=1e-5)

    def shape(*parts):
        return b.Concat(*[b.ints(part) if isinstance(part, int) else part for part in parts], axis=0)

    x = b.Transpose(b.conv("input", 3, channels), perm=[0, 2, 3, 1])
    rows, columns = b.extent("input", 2), b.extent("input", 3)
    cut_rows, cut_columns = b.Div(rows, b.ints(window)), b.Div(columns, b.ints(window))

    y = b.Reshape(norm(x), shape(1, cut_rows, window, cut_columns, window, channels))
    y = b.Reshape(b.Transpose(y, perm=[0, 1, 3, 2, 4, 5]), b.ints(-1, tokens, channels))
    y = b.Reshape(linear(y, channels, 3 * channels), b.ints(-1, tokens, 3, heads, size))
    query, key, value = (b.Gather(b.Transpose(y, perm=[2, 0, 3, 1, 4]), b.constant(np.int64(i)), axis=0)
                         for i in range(3))
    scores = b.MatMul(b.Mul(query, b.constant(np.float32(size ** -0.5))), b.Transpose(key, perm=[0, 1, 3, 2]))
    scores = b.Softmax(b.Add(scores, b.normal(1, heads, tokens, tokens)), axis=-1)
    y = b.Reshape(b.Transpose(b.MatMul(scores, value), perm=[0, 2, 1, 3]), b.ints(-1, tokens, channels))
    y = b.Reshape(linear(y, channels, channels), shape(1, cut_rows, cut_columns, window, window, channels))
    y = b.Reshape(b.Transpose(y, perm=[0, 1, 3, 2, 4, 5]), shape(1, rows, columns, channels))
    x = b.Add(x, y)

    y = linear(norm(x), channels, 2 * channels)
    erf = b.Add(b.Erf(b.Div(y, b.constant(np.float32(2 ** 0.5)))), b.constant(np.float32(1)))
    y = b.Mul(b.Mul(y, erf), b.constant(np.float32(0.5)))
    x = b.Add(x, linear(y, 2 * channels, channels))
    return b.model([("input", 3)], b.conv(b.Transpose(x, perm=[0, 3, 1, 2]), channels, 3, gain=0.5))


def hourglass():
    """Deep image prior's building blocks: reflection, strides, bilinear up, batch normalization, sigmoid."""
    b = Builder(7)

    def block(x, c_in, c_out, stride=1):
        x = b.Pad(x, b.ints(0, 0, 1, 1, 0, 0, 1, 1), mode="reflect")
        weights = b.normal(c_out, c_in, 3, 3, scale=(2 / 9 / c_in) ** 0.5)
        x = b.Conv(x, weights, b.normal(c_out, scale=0.1), kernel_shape=[3, 3], strides=[stride] * 2)
        return b.LeakyRelu(b.batch_norm(x, c_out), alpha=0.2)

    skip = b.LeakyRelu(b.batch_norm(b.conv("input", 3, 4, kernel=1), 4), alpha=0.2)
    x = block(block("input", 3, 16, stride=2), 16, 16)
    sizes = b.Concat(b.ints(1, 16), b.extent("input", 2), b.extent("input", 3), axis=0)
    x = b.Resize(x, "", "", sizes, mode="linear", coordinate_transformation_mode="half_pixel")
    x = block(b.batch_norm(b.Concat(skip, x, axis=1), 20), 20, 16)
    return b.model([("input", 3)], b.Sigmoid(b.conv(x, 16, 3, kernel=1)))


ALL = [dncnn, unet, rrdb, pixel_shuffle, nafnet, window_attention, hourglass]
