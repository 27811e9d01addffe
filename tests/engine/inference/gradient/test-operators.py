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


def resize_check(shape, scales=None, sizes=None, **attributes):
    scales = None if scales is None else floats(*scales)
    check("Resize", [shape], [None, scales] if sizes is None else [None, None, ints(*sizes)], **attributes)


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


if __name__ == "__main__":
    tap.run(dict(globals()))
