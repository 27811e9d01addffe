#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shipped model packages: their config.json tells the truth about their ONNX files.

Usage: test-packages.py WEIGHTS_FOLDER
"""
import json
import pathlib
import sys

import numpy as np
import onnx
import onnxruntime

import tap

WEIGHTS = pathlib.Path(sys.argv.pop())
CONFIGS = {path.parent.name: json.loads(path.read_text()) for path in sorted(WEIGHTS.glob('*/config.json'))}
LIMIT_MB = 45


def models():
    """(package, its config, ONNX file, scale) of every network."""
    for name, config in CONFIGS.items():
        for path in sorted((WEIGHTS / name).glob('model*.onnx')):
            yield name, config, path, int(path.stem.rpartition('_x')[2]) if '_x' in path.stem else 1


SECOND = {'denoise': 'sigma', 'deblur': 'sharpened'}  # inputs


def facts(config):
    return config['attributes']['neural_restore']


def inputs_for(config, picture):
    inputs = {'input': picture}
    if config['num_inputs'] == 2:
        luma = picture.mean(1, keepdims=True)
        second = np.zeros_like(luma) if config['task'] == 'denoise' else np.repeat(luma, 2, 1)
        inputs[SECOND[config['task']]] = second
    return inputs


def open_network(path):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=['CPUExecutionProvider'])


def run(path, config, picture):
    return open_network(path).run(['output'], inputs_for(config, picture))[0]


def gradient_picture(height, width):
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    planes = [rows / height, columns / width, 0.5 + 0.4 * np.sin(rows / 9) * np.cos(columns / 7)]
    return np.stack(planes)[None].astype(np.float32)


def test_each_package_has_the_fields_of_its_format():
    assert CONFIGS, f'no package in {WEIGHTS}'
    for name, config in CONFIGS.items():
        assert config['id'] == name and config['backend'] == 'onnx'
        assert config['task'] in ('denoise', 'upscale', 'deblur', 'fill'), config['task']
        assert config['model_card']['license'] and (WEIGHTS / name / 'README.md').is_file()
        if config['type'] == 'generative':
            continue
        scales = {scale for package, _, _, scale in models() if package == name}
        assert scales == set(np.atleast_1d(facts(config)['scale'])), scales


def test_files_name_their_inputs_and_leave_height_and_width_open():
    for name, config, path, _ in models():
        graph = onnx.load(path).graph
        assert [value.name for value in graph.input] == ['input', SECOND.get(config['task'])][:config['num_inputs']], path
        assert [value.name for value in graph.output] == ['output'], path
        for value in (*graph.input, *graph.output):
            assert value.type.tensor_type.elem_type == onnx.TensorProto.FLOAT, path
            assert all(value.type.tensor_type.shape.dim[axis].dim_param for axis in (2, 3)), path


def test_the_smallest_multiple_runs_and_the_result_has_the_scale():
    for _, config, path, scale in models():
        side = facts(config)['multiple_of']
        assert run(path, config, gradient_picture(5 * side, 3 * side)).shape == (1, 3, 5 * side * scale, 3 * side * scale)


def test_nothing_beyond_the_halo_matters():
    for _, config, path, scale in models():
        halo, step = facts(config)['halo'], facts(config)['multiple_of']
        length = -(-(2 * halo + 64) // step) * step
        picture = gradient_picture(length, 3 * step)
        row = length // 2 // step * step
        changed = picture.copy()
        changed[:, :, row] = 1 - changed[:, :, row]
        touched = np.abs(run(path, config, changed) - run(path, config, picture)).max((0, 1, 3))
        rows = np.nonzero(touched > 0)[0] // scale
        assert rows.size and abs(rows - row).max() <= halo, f'{path}: {abs(rows - row).max()} rows away'


def test_a_smooth_picture_keeps_its_colors():
    for _, config, path, scale in models():
        if scale == 1:
            picture = gradient_picture(64, 64)
            # The mean of each channel: a deblurrer may well take the smooth waves for blurred ones and steepen them.
            drift = np.abs((run(path, config, picture) - picture).mean((0, 2, 3)))
            assert drift.max() < 1 / 255, f'{path}: {drift}'


def test_generative_pairs_make_pictures_and_judge_them():
    for name, config in CONFIGS.items():
        if config['type'] != 'generative':
            continue
        z = np.random.default_rng(1).uniform(-1, 1, (16, 100)).astype(np.float32)
        pictures = open_network(WEIGHTS / name / 'generator.onnx').run(['image'], {'z': z})[0]
        assert pictures.shape == (16, 3, 64, 64) and np.abs(pictures).max() <= 1
        assert pictures.std(0).mean() > 0.1, 'all pictures are the same'
        judged = open_network(WEIGHTS / name / 'discriminator.onnx').run(['probability'], {'image': pictures})[0]
        assert judged.shape == (16, 1) and 0 <= judged.min() < judged.max() <= 1


def test_all_weights_together_stay_small():
    total = sum(path.stat().st_size for path in WEIGHTS.glob('*/*.onnx')) / 1e6
    assert total <= LIMIT_MB, f'{total:.1f} MB'


if __name__ == '__main__':
    tap.run(globals())
