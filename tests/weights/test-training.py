#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The training tools: what they do to pictures, and that a run goes on exactly where it stopped.

Usage: TRAINING_LIBRARY=libnr-training.so BLUR_FEATURES=nr-blur-features test-training.py WEIGHTS_FOLDER.  Skipped where PyTorch is not installed: only training needs it.
"""
import os
import pathlib
import random
import re
import sys
import tempfile

import tap

sys.path.insert(0, str(pathlib.Path(sys.argv.pop()) / 'train'))

try:
    import torch

    import blur_shape
    import blurs
    import camera
    import classic
    import dcgan
    import degrade
    import engine
    import export
    import muon
    import networks
    import table
    import train
except ImportError as missing:
    torch = None
    REASON = str(missing)


def needs_torch(test):
    def run():
        if torch is None:
            raise tap.Skip(REASON)
        torch.manual_seed(1)
        random.seed(1)
        test()
    return run


def smooth_picture(size):
    rows, columns = torch.meshgrid(torch.arange(size), torch.arange(size), indexing='ij')
    return torch.stack([0.5 + 0.4 * torch.sin(rows / 9), 0.5 + 0.4 * torch.cos(columns / 7), (rows + columns) / (2 * size)])[None]


@needs_torch
def test_reduction_keeps_a_ramp_and_its_weights_sum_to_one():
    matrix = degrade.resize_matrix(96, 32, torch.device('cpu'))
    assert torch.allclose(matrix.sum(1), torch.ones(32), atol=1e-6)
    ramp = matrix @ torch.arange(96.)
    assert torch.allclose(ramp[4:-4], (torch.arange(32.) * 3 + 1)[4:-4], atol=1e-4)


@needs_torch
def test_an_untrained_super_resolver_interpolates_as_bicubic_does():
    network = networks.SuperResolver(2, channels=8, blocks=1)
    torch.nn.init.zeros_(network.tail.weight)
    low = smooth_picture(40)
    matrix = degrade.resize_matrix(40, 80, torch.device('cpu'))
    with torch.no_grad():
        difference = (network(low) - matrix @ low @ matrix.T)[..., 8:-8, 8:-8].abs().max()
    assert difference < 1e-5, difference


@needs_torch
def test_classic_super_resolvers_begin_near_bicubic():
    low = smooth_picture(40)
    for scale in (2, 3, 4):
        matrix = degrade.resize_matrix(40, 40 * scale, torch.device('cpu'))
        for kind in ('srcnn', 'fsrcnn'):
            with torch.no_grad():
                high = networks.build({'type': kind, 'scale': scale})(low)
            difference = (high - matrix @ low @ matrix.T)[..., 12:-12, 12:-12].abs().max()
            assert difference < 0.03, f'{kind} x{scale}: {difference}'


@needs_torch
def test_every_config_makes_a_network_that_keeps_or_scales_the_size():
    for path in sorted(pathlib.Path(train.__file__).parent.glob('configs/*.json')):
        config = train.read_config(path)
        if 'task' not in config:  # dcgan.py's
            continue
        network = networks.build(config['network']).eval()
        side, scale = getattr(network, 'side', 2 * network.multiple_of + 8), getattr(network, 'scale', 1)
        side = -(-side // network.multiple_of) * network.multiple_of
        with torch.no_grad():
            output = network(*networks.example_inputs(network, side, side).values())
        assert output.shape == (1, 3, side * scale, side * scale), f'{path.name}: {output.shape}'


@needs_torch
def test_batch_statistics_reach_the_averaged_network():
    network, average = classic.DnCnn(3, 4), classic.DnCnn(3, 4)
    network(torch.rand(2, 3, 16, 16))
    train.update_average(average, network, 0.9, 1)
    means = [module.running_mean for n in (network, average) for module in n.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    assert means[0].abs().max() > 0 and torch.equal(*means)


@needs_torch
def test_the_plateau_halves_the_rate_after_two_validations_without_gain():
    plateau = train.Plateau()
    factors = []
    for figure in (20, 21, 20.5, 20.9, 22, 21, 21):
        plateau.see({'case': figure})
        factors.append(plateau.factor)
    assert factors == [1, 1, 1, 0.5, 0.5, 0.5, 0.25]


@needs_torch
def test_the_face_gan_has_the_papers_shapes_and_settles_its_batch_norms():
    generator, discriminator = dcgan.Generator([16, 8, 8, 4]), dcgan.Discriminator([4, 8, 8, 16])
    z = dcgan.draw_z(64, torch.device('cpu'))
    settled = dcgan.settle_generator(generator, torch.device('cpu'), 4)
    with torch.no_grad():
        image = settled(z)
        assert image.shape == (64, 3, 64, 64) and image.abs().max() <= 1
        # In inference mode a face does not depend on those beside it, and comes out as in training.
        assert torch.allclose(settled(z[:1]), image[:1], atol=1e-5)
        assert (generator.train()(z) - image).abs().mean() < 0.05 * image.abs().mean() + 0.01
        assert dcgan.Judge(discriminator)(image).shape == (64, 1)


@needs_torch
def test_blur_by_fft_is_the_direct_convolution():
    kernel = torch.rand(2, 1, 5, 5)
    picture = torch.rand(2, 3, 20, 24)
    fast = degrade.convolve(picture, kernel)
    for index in range(2):
        weights = kernel[index:index + 1].flip(2, 3).expand(3, 1, 5, 5)
        slow = torch.nn.functional.conv2d(picture[index:index + 1], weights, groups=3)
        assert torch.allclose(fast[index:index + 1], slow, atol=1e-4)


@needs_torch
def test_blur_kernels_sum_to_one_and_identity_is_among_them():
    kernels = degrade.blur_kernels(64, {'sharp': 0.3, 'disc': 0.2, 'line': 0.2, 'shake': 0.1}, torch.device('cpu'))
    assert torch.allclose(kernels.sum((1, 2, 3)), torch.ones(64), atol=1e-5)
    assert (kernels[:, 0, 16, 16] > 0.999).any()


@needs_torch
def test_a_line_is_drawn_as_a_straight_motion_of_its_length():
    length, angle = torch.full((1, 1, 1, 1), 14.), torch.full((1, 1, 1, 1), torch.pi / 6)
    kernel = blurs.line_kernels(length, angle, 16)[0, 0].double()
    rows, columns = torch.meshgrid(torch.arange(-16., 17), torch.arange(-16., 17), indexing='ij')
    along, across = columns * 0.75**0.5 - rows * 0.5, columns * 0.5 + rows * 0.75**0.5
    spread = (kernel * along**2).sum().sqrt()
    assert abs(spread - 14 / 12**0.5) < 0.1, spread  # that of an even distribution over 14 pixels
    assert (kernel * across**2).sum().sqrt() < 0.5 and (kernel * rows).sum().abs() < 1e-3


@needs_torch
def test_shake_kernels_are_as_wide_as_told():
    sizes = torch.tensor([4., 12., 25.]).view(-1, 1, 1, 1)
    for size, kernel in zip(sizes.flatten(), blurs.shake_kernels(sizes, 16)):
        used = [(kernel[0].amax(axis) > 1e-6).nonzero() for axis in (0, 1)]
        across = max(float(place.max() - place.min()) for place in used)
        assert abs(across - size) <= 2, f'{across} instead of {size}'


@needs_torch
def test_an_untrained_deblurrer_mixes_what_deconvolution_made():
    network = networks.Deblurrer([8, 8, 8], blocks=1, middle=1)
    for parameter in network.tail.parameters():
        torch.nn.init.zeros_(parameter)
    picture = smooth_picture(64)
    luma = picture.mean(1, keepdim=True)
    few, many = 0.01 * torch.rand(2, 1, 1, 64, 64)
    with torch.no_grad():
        mixed = network(picture, torch.cat((luma + few, luma + many), 1))
    assert torch.allclose(mixed, picture + 0.3 * few + 0.5 * many, atol=1e-5)


@needs_torch
def test_crops_of_blurred_samples_keep_picture_and_planes_together():
    rows, columns = torch.meshgrid(torch.arange(48), torch.arange(48), indexing='ij')
    places = torch.stack((rows, columns, rows)).byte()
    luma = places.float().mean(0) / 255
    added = torch.stack((rows / 255 - luma, columns / 255 - luma))
    batch = degrade.sharpened_batch([{'target': places, 'input': places, 'sharpened': added}], 6, 16, {})
    assert batch['input'].shape == (6, 3, 16, 16) and batch['sharpened'].shape == (6, 2, 16, 16)
    assert torch.equal(batch['input'], batch['target'])
    assert torch.allclose(batch['sharpened'], batch['input'][:, :2], atol=1e-5)
    assert len({tuple(crop[0, 0, :2].tolist()) for crop in batch['input']}) > 1


@needs_torch
def test_demosaicing_returns_grey_exactly_and_a_smooth_picture_nearly():
    grey = torch.rand(1, 1, 1, 1).expand(1, 3, 32, 32)
    smooth = smooth_picture(64)
    masks = camera.mosaic_masks(grey)
    for method in camera.DEMOSAICS:
        assert torch.allclose(method((grey * masks).sum(1, keepdim=True), masks), grey, atol=1e-5), method.__name__
        mosaic = camera.mosaic_masks(smooth)
        assert (method((smooth * mosaic).sum(1, keepdim=True), mosaic) - smooth).abs().mean() < 0.01, method.__name__


@needs_torch
def test_the_level_map_finds_noise_that_grows_with_brightness():
    quiet = torch.linspace(0, 1, 128).expand(1, 3, 128, 128)
    deviation = 0.02 + 0.1 * quiet[:, :1]
    found = camera.level_map(quiet + deviation * torch.randn(1, 3, 128, 128), quiet)
    assert (found / deviation - 1).abs().mean() < 0.15


@needs_torch
def test_web_pictures_have_the_told_size_and_stay_near_the_source():
    for scale in (2, 3, 4):
        batch = degrade.super_resolve_batch([(smooth_picture(330)[0] * 255).byte()], 2, 48, {'scale': scale, 'variant': 'photo'})
        assert batch['input'].shape == (2, 3, 48, 48) and batch['target'].shape == (2, 3, 48 * scale, 48 * scale)
        reduced = degrade.resized(batch['target'], 48, 'cubic')
        assert (reduced - batch['input']).abs().mean() < 0.05


@needs_torch
def test_jpeg_loses_little_at_quality_100_and_more_at_30():
    picture, whole = smooth_picture(64), torch.zeros(1, 1, 1, 1, dtype=torch.bool)
    fine = (degrade.jpeg(picture, torch.full((1, 1, 1, 1), 100.), whole) - picture).abs()
    coarse = (degrade.jpeg(picture, torch.full((1, 1, 1, 1), 30.), whole) - picture).abs()
    assert fine.max() < 0.02 and coarse.mean() > 2 * fine.mean()


@needs_torch
def test_told_noise_level_is_the_noise_in_the_batch():
    tiles = [(smooth_picture(330)[0] * 255).byte()]
    batch = degrade.denoise_batch(tiles, 8, 64, {'eight_bit': 0.0, 'zero': 0.0})
    measured = (batch['input'] - batch['target']).std((1, 2, 3))
    assert torch.allclose(measured, batch['sigma'][:, 0, 0, 0], rtol=0.05)


@needs_torch
def test_a_small_network_is_written_as_it_computes():
    network = table.SmallNetwork(torch.randn(50, 5), (4, 3), 2)
    text = table.c_network('nr_it', network)
    arrays = {name: torch.tensor([float(number.rstrip('f')) for number in numbers.split(', ')])
              for name, numbers in re.findall(r'gfloat (\w+)\[\] = {\s*([^}]*?)\s*}', text.replace(',\n ', ','))}
    inputs = torch.randn(5)
    values = (inputs - arrays['mean']) * arrays['scale']
    for number, width in ((1, 4), (2, 3), (3, 2)):
        values = arrays[f'weights_{number}'].view(width, -1) @ values + arrays[f'bias_{number}']
        values = values.clamp(min=0) if number < 3 else values
    assert '{ 5, 4, 3, 2 }' in text
    assert torch.allclose(values, network(inputs[None])[0], atol=1e-4)


@needs_torch
def test_blurred_pictures_are_described_by_as_many_numbers_as_their_network_takes():
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / 'picture.png'
        pixels = (smooth_picture(330)[0] + 0.2 * torch.rand(3, 330, 330)).clamp(0, 1) * 255
        degrade.Image.fromarray(pixels.byte().permute(1, 2, 0).numpy()).save(file)
        rows, truth = blur_shape.samples((pathlib.Path(os.environ['BLUR_FEATURES']), [file], 3, 1))
    assert rows.shape == (3, blur_shape.N_FEATURES) and degrade.numpy.isfinite(rows).all()
    costs = rows[:, blur_shape.BEST:blur_shape.BEST + 16:4]
    assert (costs.min(1) == 0).all() and (costs >= 0).all()
    assert (truth[:, 1] > 0).tolist() == (truth[:, 0] != blur_shape.NONE).tolist()


def tiny_run(folder, muon=0):
    config = {'task': 'denoise', 'network': {'type': 'unet', 'widths': [8, 8, 8], 'blocks': 1, 'middle': 1, 'has_sigma': True},
              'lr': 1e-3, 'weight_decay': 0.0, 'clip': 0.5, 'ema': 0.9, 'loss': 'l1', 'precision': 'float32', 'muon': muon}
    return train.Run(config, pathlib.Path(folder), torch.device('cpu'))


def some_steps(run, tiles, count):
    for _ in range(count):
        run.train_step(run.network, degrade.denoise_batch(tiles, 2, 32, {'camera': 0.5}))


@needs_torch
def test_a_resumed_run_ends_with_the_weights_of_an_uninterrupted_one():
    tiles = [(smooth_picture(330)[0] * 255).byte()]
    for optimizer in (0, 10):
        with tempfile.TemporaryDirectory() as folder:
            whole = tiny_run(folder, optimizer)
            some_steps(whole, tiles, 2)
            whole.save()
            some_steps(whole, tiles, 2)
            resumed = tiny_run(folder, optimizer)
            resumed.resume()
            some_steps(resumed, tiles, 2)
        assert resumed.step == whole.step == 4
        for name, tensor in whole.average.state_dict().items():
            assert torch.equal(tensor, resumed.average.state_dict()[name]), name


def gradients(model, network, inputs, target):
    network.zero_grad()
    output = model(*inputs)
    (output - target).square().mean().backward()
    return output.detach(), {name: parameter.grad.clone() for name, parameter in network.named_parameters()}


@needs_torch
def test_the_engine_makes_the_outputs_and_gradients_of_pytorch():
    sizes = {'widths': [16, 16, 24], 'blocks': 1, 'middle': 1}
    for network in (networks.UNet(**sizes, has_sigma=True), networks.Deblurrer(**sizes),
                    networks.SuperResolver(3, channels=16, blocks=1), classic.Srcnn(2)):
        ours = engine.Engine(pathlib.Path(os.environ['TRAINING_LIBRARY']), network, 2)
        for batch, height, width in ((2, 32, 48), (3, 24, 24)):
            inputs = [torch.rand(batch, *t.shape[1:]) for t in networks.example_inputs(network, height, width).values()]
            inputs = [t.contiguous(memory_format=torch.channels_last) for t in inputs]
            with torch.no_grad():
                target = torch.rand_like(network(*inputs))
            wanted, wanted_gradients = gradients(network, network, inputs, target)
            output, found = gradients(ours, network, inputs, target)
            assert torch.allclose(output, wanted, atol=1e-5), type(network).__name__
            for name, gradient in wanted_gradients.items():  # a ReLU's input may round to the other side of 0
                error = (found[name] - gradient).norm() / (gradient.norm() + 1e-6)
                assert error < 1e-2, f'{type(network).__name__} {name}: {error}'


@needs_torch
def test_what_the_engine_cannot_train_is_refused():
    for network in (classic.DnCnn(3, 4), classic.Fsrcnn(2)):
        try:
            engine.Engine(pathlib.Path(os.environ['TRAINING_LIBRARY']), network)(torch.rand(1, 3, 24, 24))
        except ValueError as refusal:
            assert 'without --engine' in str(refusal)
        else:
            raise AssertionError(type(network).__name__)


@needs_torch
def test_a_package_is_where_training_goes_on_from():
    original, other = (networks.UNet([8, 8, 8], 1, 1, has_sigma=True) for _ in range(2))
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / 'model.onnx'
        export.write_onnx(original, path)
        train.take_weights(other, path)
    inputs = networks.example_inputs(original, 32, 32).values()
    with torch.no_grad():
        assert torch.allclose(other(*inputs), original(*inputs), atol=1e-4)  # weights are kept as float16


@needs_torch
def test_muon_steps_by_the_same_length_in_all_directions():
    for rows, columns in ((5, 27), (40, 8), (12, 12)):
        torch.manual_seed(rows)
        values = torch.linalg.svdvals(muon.orthogonal(torch.randn(rows, columns)))
        assert 0.6 < values.min() and values.max() < 1.3, values


if __name__ == '__main__':
    tap.run(globals())
