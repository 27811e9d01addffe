#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gradient of every operator that has one against central differences in double, at odd shapes and attributes."""

import math
import pathlib
import sys

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3]))
import gradients
import tap

f32 = np.float32


def ints(*values):
    return np.array(values, np.int64)


def floats(*values):
    return np.array(values, np.float32)


def normal(random, shape):
    return random.standard_normal(shape)


def positive(random, shape):
    return random.uniform(0.5, 2, shape)


def apart(random, shape):
    """Distinct numbers 0.03 from each other and from 0: no difference meets a kink or a tie."""
    size = int(np.prod(shape))
    return (random.permutation(size).reshape(shape) - size // 2 + 0.5) * 0.03


def check(op, inputs, constants=(), fill=normal, forward=None, tolerance=gradients.TOLERANCE, level="avx512", **more):
    """fill: one rule for all inputs, or a list with one for each."""
    model = gradients.node_model(op, inputs, constants, **more)
    random = np.random.default_rng(7)
    fills = fill if isinstance(fill, list) else [fill] * len(inputs)
    values = {f"x{i}": np.asarray(rule(random, shape), f32) for i, (rule, shape) in enumerate(zip(fills, inputs))}
    try:
        gradients.check(model, values, forward, tolerance, level)
    except AssertionError as error:
        raise AssertionError(f"{op} {inputs} {more}: {error}") from error


# -- The checker itself ---------------------------------------------------------------------------------------------


def test_a_wrong_gradient_is_found():
    def wrong_element(gradient):
        changed = gradient.copy()
        changed.flat[-1] += 1e-3 * np.abs(gradient).max()
        return changed

    for shape in [(3, 5), (7, 11, 13)]:
        model = gradients.node_model("Tanh", [shape])
        value = {"x0": np.random.default_rng(1).standard_normal(shape).astype(f32)}
        for distort in [wrong_element, np.zeros_like, np.negative, lambda gradient: gradient * f32(1.001)]:
            if np.prod(shape) > gradients.EVERY_ELEMENT and distort is wrong_element:
                continue # directions see what is wrong as a whole
            try:
                gradients.check(model, value, distort=distort)
            except AssertionError as error:
                assert "central difference" in str(error), error
            else:
                raise AssertionError(f"{distort} went unnoticed at {shape}")


# -- Element by element ----------------------------------------------------------------------------------------------


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softplus(x):
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def gelu(x):
    return 0.5 * x * (1 + np.vectorize(math.erf, otypes=[float])(x / np.sqrt(2)))


def gelu_tanh(x):
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x ** 3)))


def elu(x, alpha=1.0, gamma=1.0):
    return np.where(x > 0, gamma * x, gamma * alpha * np.expm1(np.minimum(x, 0)))


SELU_ALPHA, SELU_GAMMA = 1.67326319217681884765625, 1.05070102214813232421875

# Operator, attributes, values, function in double (the reference evaluator's is single here and there).
UNARY = [
    ("Abs", {}, apart, np.abs),
    ("Elu", {"alpha": 1.7}, apart, lambda x: elu(x, 1.7)),
    ("Erf", {}, normal, np.vectorize(math.erf, otypes=[float])),
    ("Exp", {}, normal, np.exp),
    ("Floor", {}, normal, np.floor),
    ("Gelu", {"opset": 20}, normal, gelu),
    ("Gelu", {"opset": 20, "approximate": "tanh"}, normal, gelu_tanh),
    ("HardSigmoid", {"alpha": 0.3, "beta": 0.4}, apart, lambda x: np.clip(f32(0.3) * x + f32(0.4), 0, 1)),
    ("HardSwish", {}, apart, lambda x: x * np.clip(x / 6 + 0.5, 0, 1)),
    ("LeakyRelu", {"alpha": 0.2}, apart, lambda x: np.where(x < 0, f32(0.2) * x, x)),
    ("LeakyRelu", {"alpha": -0.3}, apart, lambda x: np.where(x < 0, f32(-0.3) * x, x)),
    ("Log", {}, positive, np.log),
    ("Mish", {"opset": 18}, normal, lambda x: x * np.tanh(softplus(x))),
    ("Neg", {}, normal, np.negative),
    ("Reciprocal", {}, positive, np.reciprocal),
    ("Relu", {}, apart, lambda x: np.maximum(x, 0)),
    ("Selu", {}, apart, lambda x: elu(x, SELU_ALPHA, SELU_GAMMA)),
    ("Sigmoid", {}, normal, sigmoid),
    ("Softplus", {}, normal, softplus),
    ("Sqrt", {}, positive, np.sqrt),
    ("Tanh", {}, normal, np.tanh),
]


def test_functions_of_one_number():
    for op, attributes, fill, function in UNARY:
        for shape in [(2, 3, 5, 7), (1,), (37,)]:
            check(op, [shape], fill=fill, forward=lambda values: [function(values["x0"])], **attributes)


def test_functions_of_one_number_on_each_level():
    for op, attributes, fill, function in UNARY:
        for level in ("c", "avx2"):
            check(op, [(3, 47)], fill=fill, forward=lambda values: [function(values["x0"])], level=level, **attributes)


def test_clip():
    shape = (3, 5, 7)
    check("Clip", [shape], [f32(-0.5), f32(0.7)], fill=apart)
    check("Clip", [shape], [None, f32(0.3)], fill=apart)
    check("Clip", [shape], [f32(0.3)], fill=apart)
    check("Clip", [shape], fill=apart, opset=9, min=-0.4, max=0.4,
          forward=lambda values: [np.clip(values["x0"], f32(-0.4), f32(0.4))])


BROADCASTS = [
    [(2, 3, 5, 7), (2, 3, 5, 7)],
    [(2, 3, 5, 7), (3, 1, 1)],
    [(2, 3, 5, 7), (1,)],
    [(2, 3, 5, 7), ()],
    [(2, 3, 5, 7), (7,)],
    [(5, 1), (3, 1, 7)],
    [(2, 1, 5, 1), (3, 1, 7)],
    [(3, 1, 1), (2, 3, 4, 600)],
    [(1, 1), (1,)],
    [(40, 600), (600,)],
]


def test_arithmetic_with_broadcasting():
    for op in ["Add", "Sub", "Mul"]:
        for shapes in BROADCASTS:
            check(op, shapes)


def test_division_and_powers():
    for shapes in BROADCASTS:
        check("Div", shapes, fill=[normal, positive])
        check("Pow", shapes, fill=positive)
    check("Pow", [(3, 5)], [f32(2)])
    check("Pow", [(3, 5)], [f32(3)])
    check("Pow", [(3, 5)], [floats(0.5, 2, 1, 3, -1)], fill=positive)


def test_prelu():
    for slope in [(5, 1, 1), (1,), (3, 5, 7), (7,), (1, 5, 1, 1)]:
        check("PRelu", [(2, 5, 3, 7) if slope != (3, 5, 7) else (2, 3, 5, 7), slope], fill=[apart, normal])


def test_minimum_and_maximum():
    for op in ["Min", "Max"]:
        for shapes in BROADCASTS[:6]:
            check(op, shapes)
        check(op, [(3, 5), (5,), (2, 3, 1)])
        check(op, [(3, 5)])


# -- The same numbers elsewhere --------------------------------------------------------------------------------------


def test_views():
    check("Reshape", [(2, 3, 5)], [ints(5, -1)])
    check("Flatten", [(2, 3, 5, 2)], axis=2)
    check("Squeeze", [(2, 1, 5, 1)], [ints(1, -1)])
    check("Unsqueeze", [(2, 5)], [ints(0, 3)])
    check("Identity", [(3, 5)])
    check("Cast", [(3, 5)], to=1)
    check("Cast", [(3, 5)], to=11)
    check("Dropout", [(3, 5)])


def test_concatenation():
    check("Concat", [(2, 3, 5), (2, 1, 5), (2, 4, 5)], axis=1)
    check("Concat", [(3, 5), (2, 5)], axis=0)
    check("Concat", [(2, 3, 5), (2, 3, 1)], axis=-1)
    check("Concat", [(2, 3)], axis=1)


def test_split():
    check("Split", [(2, 7, 5)], [ints(3, 4)], outputs=2, axis=1)
    check("Split", [(6, 5)], outputs=3, axis=0)
    check("Split", [(3, 8)], [ints(1, 2, 5)], outputs=3, axis=-1)


def test_slice():
    check("Slice", [(3, 7, 5)], [ints(1, 0), ints(6, 3), ints(1, 2)])
    check("Slice", [(3, 7, 5)], [ints(5, -1), ints(0, -9), ints(1, 2), ints(-2, -1)])
    check("Slice", [(3, 11)], [ints(1), ints(100), ints(-1), ints(3)])
    check("Slice", [(2, 3, 4, 5)], [ints(1), ints(2), ints(0)])
    check("Slice", [(9,)], [ints(2), ints(7)])


def test_gather():
    check("Gather", [(5, 3, 7)], [ints(4, 0, -1, 4)], axis=0)
    check("Gather", [(3, 5, 7)], [np.int64(-2)], axis=1)
    check("Gather", [(2, 4, 4100)], [np.array([[1, 1], [3, 0]], np.int32)], axis=1)


def test_transposition():
    check("Transpose", [(3, 5)])
    check("Transpose", [(2, 3, 5, 7)], perm=[0, 2, 3, 1])
    check("Transpose", [(2, 3, 5, 7)], perm=[3, 1, 0, 2])
    check("Transpose", [(2, 1, 5, 3)], perm=[1, 3, 2, 0])
    check("Transpose", [(4, 6, 50)], perm=[0, 2, 1])


def test_expansion():
    check("Expand", [(3, 1)], [ints(2, 3, 5)])
    check("Expand", [(1,)], [ints(3, 7)])
    check("Expand", [(2, 1, 4)], [ints(1, 5, 1)])
    check("Expand", [(3, 5)], [ints(3, 5)])


def test_pixel_shuffle():
    for mode in ["DCR", "CRD"]:
        check("DepthToSpace", [(2, 12, 3, 5)], blocksize=2, mode=mode)
        check("DepthToSpace", [(1, 9, 2, 3)], blocksize=3, mode=mode)
    check("SpaceToDepth", [(2, 3, 4, 6)], blocksize=2)
    check("SpaceToDepth", [(1, 2, 9, 3)], blocksize=3)


def test_padding():
    for mode in ["constant", "reflect", "edge"]:
        check("Pad", [(2, 3, 5, 7)], [ints(0, 0, 1, 2, 0, 0, 3, 4)], mode=mode)
        check("Pad", [(1, 2, 2, 3)], [ints(0, 0, 1, 1, 0, 0, 1, 1)], mode=mode)
        check("Pad", [(5, 7)], [ints(2, 0, 1, 3)], mode=mode)
        check("Pad", [(9,)], [ints(3, 4)], mode=mode)
    check("Pad", [(2, 3, 5, 7)], [ints(1, 2, 0, 0, 0, 1, 0, 2), f32(0.5)])
    check("Pad", [(4, 6)], [ints(1, -2, -1, 3)], forward=lambda values: [np.pad(values["x0"][:-1, 2:], ((1, 0), (0, 3)))])
    check("Pad", [(4, 6)], [ints(2, 3, 1, 4)], opset=19, mode="wrap")


# -- Resizing --------------------------------------------------------------------------------------------------------


def axis_matrix(n, scale, size, more):
    """What Resize does along one axis, read off the reference evaluator: columns are what becomes of single elements."""
    options = [None, floats(1, scale)] if size is None else [None, None, ints(n, size)]
    return gradients.Reference(gradients.node_model("Resize", [(n, n)], options, **more))({"x0": np.eye(n)})[0].T


def resize_check(shape, scales=None, sizes=None, **more):
    """All modes are separable; the evaluator goes element by element through all axes at once, which takes seconds."""
    count = len(shape)
    matrices = [axis_matrix(n, scale, size, more) if (scale or size / n) != 1 else np.eye(n)
                for n, scale, size in zip(shape, scales or [None] * count, sizes or [None] * count)]

    def forward(values):
        y = values["x0"]
        for axis, matrix in enumerate(matrices):
            y = np.moveaxis(np.tensordot(matrix, y, (1, axis)), 0, axis)
        return [y]

    options = [None, floats(*scales)] if sizes is None else [None, None, ints(*sizes)]
    check("Resize", [shape], options, forward=forward, **more)


def test_resize_nearest():
    resize_check((1, 2, 3, 5), [1, 1, 2, 2], mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor")
    resize_check((2, 1, 3, 5), [1, 1, 3, 2.5], mode="nearest")
    resize_check((1, 2, 7, 9), sizes=[1, 2, 3, 4], mode="nearest")
    check("Upsample", [(1, 2, 3, 5)], [floats(1, 1, 2, 3)], opset=9, mode="nearest",
          forward=lambda values: [values["x0"].repeat(2, 2).repeat(3, 3)])


def test_resize_linear():
    for coordinates in ["half_pixel", "align_corners", "asymmetric", "pytorch_half_pixel"]:
        resize_check((1, 2, 4, 5), [1, 1, 2, 2], mode="linear", coordinate_transformation_mode=coordinates)
        resize_check((2, 1, 7, 9), sizes=[2, 1, 5, 13], mode="linear", coordinate_transformation_mode=coordinates)
    resize_check((1, 1, 9, 11), [1, 1, 0.5, 0.4], mode="linear", antialias=1, opset=18)
    resize_check((3, 5), [2, 3], mode="linear")


def test_resize_cubic():
    resize_check((1, 2, 5, 6), [1, 1, 2, 2], mode="cubic")
    resize_check((1, 2, 5, 6), [1, 1, 2, 2], mode="cubic", cubic_coeff_a=-0.5, exclude_outside=1)
    resize_check((1, 1, 7, 9), sizes=[1, 1, 4, 15], mode="cubic", coordinate_transformation_mode="align_corners")
    resize_check((1, 1, 12, 13), [1, 1, 0.5, 0.4], mode="cubic", antialias=1, opset=18)


# -- Products --------------------------------------------------------------------------------------------------------


def test_gemm():
    for m, k, n in [(3, 5, 7), (1, 100, 65), (70, 3, 1), (65, 66, 67)]:
        for a in (0, 1):
            for b in (0, 1):
                shapes = [(k, m) if a else (m, k), (n, k) if b else (k, n)]
                check("Gemm", shapes, transA=a, transB=b, alpha=0.5)
                check("Gemm", shapes + [(n,)], transA=a, transB=b, beta=2.0)
    for c in [(3, 7), (3, 1), (1, 7), (1,), ()]:
        check("Gemm", [(3, 5), (5, 7), c], beta=0.5)


def test_matmul():
    for shapes in [[(3, 5), (5, 7)], [(5,), (5, 7)], [(3, 5), (5,)], [(5,), (5,)], [(2, 3, 70, 5), (2, 3, 5, 7)],
                   [(2, 3, 4, 5), (5, 7)], [(4, 5), (3, 5, 2)], [(2, 1, 4, 5), (3, 5, 2)], [(2, 66, 5), (1, 5, 67)]]:
        check("MatMul", shapes)


# Winograd's transforms round more than a direct sum.
CONVOLUTION_TOLERANCE = 1e-4


def convolve(shape, weights, bias=True, level="avx512", **attributes):
    check("Conv", [shape, weights] + ([(weights[0],)] if bias else []), tolerance=CONVOLUTION_TOLERANCE, level=level,
          **attributes)


def spread(shape, weights, bias=True, **attributes):
    check("ConvTranspose", [shape, weights] + ([(weights[1] * attributes.get("group", 1),)] if bias else []),
          tolerance=CONVOLUTION_TOLERANCE, forward=lambda values: [gradients.transposed_convolution(*values.values(), **attributes)],
          **attributes)


def test_convolution():
    convolve((1, 3, 7, 9), (4, 3, 3, 3))
    convolve((2, 3, 7, 9), (4, 3, 3, 3), pads=[1, 1, 1, 1], bias=False)
    convolve((1, 5, 8, 6), (7, 5, 1, 1))
    convolve((1, 4, 7, 9), (3, 4, 1, 1), strides=[2, 2])
    convolve((1, 3, 11, 9), (5, 3, 5, 5), pads=[2, 2, 2, 2], strides=[2, 2])
    convolve((2, 3, 12, 10), (4, 3, 3, 3), strides=[2, 2], pads=[0, 1, 1, 0])
    convolve((1, 2, 13, 11), (3, 2, 3, 3), dilations=[2, 3], pads=[2, 3, 1, 0])
    convolve((1, 6, 9, 8), (4, 3, 3, 3), group=2, pads=[1, 1, 1, 1])
    convolve((2, 5, 9, 8), (5, 1, 3, 3), group=5, pads=[1, 1, 1, 1])
    convolve((1, 3, 9, 8), (4, 3, 2, 4), strides=[3, 1], pads=[1, 2, 0, 3])
    convolve((1, 3, 40), (4, 3, 5), pads=[2, 2])


def test_convolution_of_winograd_size():
    for level in ("c", "avx2", "avx512"):
        convolve((1, 19, 14, 23), (17, 19, 3, 3), pads=[1, 1, 1, 1], level=level)
    convolve((2, 32, 13, 13), (32, 32, 3, 3), pads=[1, 1, 1, 1])
    convolve((1, 33, 15, 17), (16, 33, 3, 3), pads=[0, 0, 0, 0], bias=False)


def test_transposed_convolution():
    spread((1, 3, 5, 6), (3, 4, 3, 3))
    spread((2, 3, 5, 6), (3, 4, 2, 2), strides=(2, 2))
    spread((1, 5, 4, 7), (5, 3, 4, 4), strides=(2, 2), pads=(1, 1, 1, 1))
    spread((1, 4, 4, 5), (4, 3, 5, 5), strides=(2, 2), pads=(2, 2, 2, 2), output_padding=(1, 1))
    spread((1, 4, 5, 5), (4, 2, 3, 3), group=2, strides=(2, 1), pads=(1, 0, 0, 1), bias=False)
    spread((1, 16, 9, 11), (16, 17, 3, 3), pads=(1, 1, 1, 1))


# -- Sums, means, largest --------------------------------------------------------------------------------------------


def test_softmax():
    for shape, axis in [((3, 5), -1), ((2, 7, 3, 5), 1), ((4, 300), 0), ((9,), 0)]:
        check("Softmax", [shape], axis=axis)
    check("Softmax", [(2, 3, 5)], opset=11, axis=1,
          forward=lambda values: [np.exp(values["x0"]) / np.exp(values["x0"]).sum((1, 2), keepdims=True)])


def test_reductions():
    for op in ["ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceL2"]:
        for axes in [[1], [2, 3], [0, 2], [-1], [0, 1, 2, 3]]:
            for keep in (0, 1):
                more = {} if op == "ReduceSum" else {"axes": axes}
                check(op, [(2, 3, 5, 7)], [ints(*axes)] if op == "ReduceSum" else [], keepdims=keep, fill=apart, **more)
        check(op, [(3, 5)], fill=apart)


def test_equal_largest_share_the_gradient():
    model = gradients.node_model("ReduceMax", [(2, 3)], axes=[1])
    ours = gradients.run(model, [f32([[1, 2, 2], [0, 0, 0]])], [f32([[1], [3]])])
    assert np.array_equal(ours.inputs["x0"], f32([[0, 0.5, 0.5], [1, 1, 1]])), ours.inputs


def test_pooling():
    for more in [{}, {"strides": [2, 2]}, {"strides": [1, 2], "pads": [1, 0, 0, 1]}, {"pads": [1, 1, 1, 1], "strides": [3, 2]},
                 {"strides": [2, 2], "ceil_mode": 1}]:
        check("MaxPool", [(2, 3, 7, 9)], fill=apart, kernel_shape=[2, 3], **more)
        check("AveragePool", [(2, 3, 7, 9)], kernel_shape=[2, 3], **more)
    check("AveragePool", [(1, 2, 5, 6)], kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1)
    check("MaxPool", [(1, 2, 9, 8)], fill=apart, kernel_shape=[3, 2], dilations=[2, 3])
    check("MaxPool", [(2, 3, 15)], fill=apart, kernel_shape=[3], strides=[2])
    check("GlobalAveragePool", [(2, 3, 5, 7)])
    check("GlobalMaxPool", [(2, 3, 5, 7)], fill=apart)


# -- Normalizations --------------------------------------------------------------------------------------------------


def normalize(x, axes, epsilon=1e-5):
    centered = x - x.mean(axes, keepdims=True)
    return centered / np.sqrt((centered ** 2).mean(axes, keepdims=True) + f32(epsilon).astype(np.float64))


def per_channel(value, rank):
    return value.reshape((-1,) + (1,) * (rank - 2))


def test_batch_normalization_in_training():
    for shape in [(1, 3, 5, 7), (4, 3, 5, 7), (6, 5), (2, 3, 17), (1, 4, 1, 3)]:
        channels, rank = shape[1], len(shape)
        axes = (0,) + tuple(range(2, rank))

        def forward(values):
            return [normalize(values["x0"], axes) * per_channel(values["x1"], rank) + per_channel(values["x2"], rank)]

        check("BatchNormalization", [shape, (channels,), (channels,)], [np.zeros(channels, f32), np.ones(channels, f32)],
              forward=forward, training_mode=1)


def test_batch_normalization_of_a_far_mean():
    """Sums of squares around the mean, not of the values: a mean 100 deviations away costs two digits, not four."""
    def forward(values):
        return [normalize(values["x0"], (0, 2, 3)) * per_channel(values["x1"], 4) + per_channel(values["x2"], 4)]

    check("BatchNormalization", [(2, 3, 9, 9), (3,), (3,)], [np.zeros(3, f32), np.ones(3, f32)],
          fill=[lambda random, shape: 100 + random.standard_normal(shape), normal, normal],
          forward=forward, training_mode=1, tolerance=1e-3)


def test_batch_normalization_with_known_statistics():
    mean, variance = floats(0.1, -0.2, 0.3), floats(0.5, 1, 2)

    def forward(values):
        z = (values["x0"] - per_channel(mean.astype(float), 4)) / np.sqrt(per_channel(variance.astype(float), 4) + float(f32(1e-5)))
        return [z * per_channel(values["x1"], 4) + per_channel(values["x2"], 4)]

    check("BatchNormalization", [(2, 3, 5, 7), (3,), (3,)], [mean, variance], forward=forward)


def test_instance_and_group_normalization():
    def instance(values):
        return [normalize(values["x0"], (2, 3)) * per_channel(values["x1"], 4) + per_channel(values["x2"], 4)]

    def group(parameters_per_group):
        def forward(values):
            x = values["x0"]
            scale, bias = (np.repeat(values[name], parameters_per_group) for name in ("x1", "x2"))
            z = normalize(x.reshape(2, 2, -1), 2).reshape(x.shape)
            return [z * per_channel(scale, 4) + per_channel(bias, 4)]
        return forward

    check("InstanceNormalization", [(2, 3, 5, 7), (3,), (3,)], forward=instance)
    check("GroupNormalization", [(2, 6, 5, 7), (2,), (2,)], forward=group(3), opset=18, num_groups=2)
    check("GroupNormalization", [(2, 6, 5, 7), (6,), (6,)], forward=group(1), opset=21, num_groups=2)


def test_layer_normalization():
    for axis, n in [(-1, 11), (1, 7 * 11)]:
        shape = (5, 7, 11)
        axes = (2,) if axis == -1 else (1, 2)

        def forward(values):
            bias = values.get("x2", np.zeros(n)).reshape(shape[axes[0]:])
            return [normalize(values["x0"], axes) * values["x1"].reshape(shape[axes[0]:]) + bias]

        check("LayerNormalization", [shape, shape[axes[0]:], shape[axes[0]:]], forward=forward, axis=axis)
        check("LayerNormalization", [shape, shape[axes[0]:]], forward=forward, axis=axis)


# -- What cannot be --------------------------------------------------------------------------------------------------


def test_an_operator_without_gradient_is_named():
    model = gradients.node_model("Tile", [(3, 5)], [ints(2, 1)])
    try:
        gradients.run(model, [np.ones((3, 5), f32)], [np.ones((6, 5), f32)])
    except AssertionError as error:
        assert "node 'node' (Tile)" in str(error), error
    else:
        raise AssertionError("Tile has a gradient: choose another operator here")


if __name__ == "__main__":
    tap.run(dict(globals()))
