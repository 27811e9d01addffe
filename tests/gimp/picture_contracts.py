# SPDX-License-Identifier: GPL-3.0-or-later
"""What restoring must keep in a GIMP image. Runs inside GIMP: see run-in-gimp.py."""
import gi
gi.require_version('Gimp', '3.0')
gi.require_version('Gegl', '0.4')
from gi.repository import Gegl, Gimp, GObject # noqa: E402

import numpy as np # noqa: E402

TASKS = ('denoise', 'deblur', 'super-resolve', 'fill')
PRECISIONS = [value for name, value in sorted(vars(Gimp.Precision).items())
              if name.isupper() and isinstance(value, Gimp.Precision)]
WIDTH, HEIGHT = 56, 44


class Failed(Exception):
    """A procedure did not succeed. Its text is the procedure's message, its status GIMP's."""

    def __init__(self, result):
        super().__init__(result.index(1) if result.length() > 1 else '')
        self.status = result.index(0)


# -- Pictures ---------------------------------------------------------------------------------------------------

def noisy_pixels(width, height, n_channels, seed=1):
    """A gradient with an edge and noise, in [0, 1], alpha (of the last channel, if any) in steps."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    smooth = 0.2 + 0.5 * x / width + 0.2 * (y > height / 2)
    pixels = np.repeat(smooth[:, :, None], n_channels, axis=2) + 0.06 * rng.standard_normal((height, width, n_channels))
    pixels = np.clip(pixels, 0.02, 0.98)
    if n_channels in (2, 4):
        pixels[:, :, -1] = np.choose((x // 8) % 4, (1.0, 0.5, 0.0, 1.0))
    return pixels.astype(np.float32)


FLOAT_FORMATS = {1: "Y' float", 2: "Y'A float", 3: "R'G'B' float", 4: "R'G'B'A float"}
N_CHANNELS = {Gimp.ImageType.GRAY_IMAGE: 1, Gimp.ImageType.GRAYA_IMAGE: 2,
              Gimp.ImageType.RGB_IMAGE: 3, Gimp.ImageType.RGBA_IMAGE: 4}


def new_image(kind=Gimp.ImageType.RGB_IMAGE, precision=Gimp.Precision.U8_NON_LINEAR, width=WIDTH, height=HEIGHT):
    base = Gimp.ImageBaseType.GRAY if N_CHANNELS[kind] < 3 else Gimp.ImageBaseType.RGB
    return Gimp.Image.new_with_precision(width, height, base, precision)


def add_layer(image, kind=Gimp.ImageType.RGB_IMAGE, width=WIDTH, height=HEIGHT, x=0, y=0, parent=None, seed=1):
    layer = Gimp.Layer.new(image, 'source', width, height, kind, 100, Gimp.LayerMode.NORMAL)
    image.insert_layer(layer, parent, 0)
    layer.set_offsets(x, y)
    write(layer, noisy_pixels(width, height, N_CHANNELS[kind], seed))
    return layer


def write(layer, pixels):
    height, width, n_channels = pixels.shape
    buffer = layer.get_buffer()
    buffer.set(Gegl.Rectangle.new(0, 0, width, height), FLOAT_FORMATS[n_channels], pixels.tobytes())
    buffer.flush()
    layer.update(0, 0, width, height)


def raw(drawable):
    """All bytes of a drawable as GIMP stores them: equal means bit-identical."""
    buffer = drawable.get_buffer()
    return buffer.get(buffer.get_extent(), 1.0, None, Gegl.AbyssPolicy.NONE)


def floats(drawable):
    buffer = drawable.get_buffer()
    extent = buffer.get_extent()
    n_channels = N_CHANNELS.get(drawable.type(), 1) if isinstance(drawable, Gimp.Layer) else 1
    data = buffer.get(extent, 1.0, FLOAT_FORMATS[n_channels], Gegl.AbyssPolicy.NONE)
    return np.frombuffer(data, np.float32).reshape(extent.height, extent.width, n_channels)


def composite(image):
    """What the user sees, as one float picture of the canvas' size."""
    layer = Gimp.Layer.new_from_visible(image, image, 'visible')
    pixels = floats(layer)
    layer.delete()
    return pixels


def select_ellipse(image, x, y, width, height, feather=0.0):
    image.select_ellipse(Gimp.ChannelOps.REPLACE, x, y, width, height)
    if feather:
        Gimp.Selection.feather(image, feather)


# -- Calls ------------------------------------------------------------------------------------------------------

def call(name, image, drawables, run_mode=Gimp.RunMode.NONINTERACTIVE, **arguments):
    """Runs a procedure; (first layer, layers, image, report) or Failed."""
    procedure = Gimp.get_pdb().lookup_procedure(name)
    config = procedure.create_config()
    config.set_property('run-mode', run_mode)
    config.set_property('image', image)
    config.set_core_object_array('drawables', drawables)
    for key, value in arguments.items():
        config.set_property(key, value)
    result = procedure.run(config)
    if result.index(0) != Gimp.PDBStatusType.SUCCESS:
        raise Failed(result)
    return tuple(result.index(i) for i in range(1, 5))


def restore(task, image, layers, **arguments):
    if not isinstance(layers, list):
        layers = [layers]
    return call(f'plug-in-neural-restore-{task}', image, layers, **arguments)


def assert_refused(task, image, layers, word, **arguments):
    """The task must fail with a sentence that holds WORD and leave the image's layers alone."""
    before = [layer.get_id() for layer in image.get_layers()]
    try:
        restore(task, image, layers, **arguments)
    except Failed as failure:
        assert failure.status in (Gimp.PDBStatusType.CALLING_ERROR, Gimp.PDBStatusType.EXECUTION_ERROR), failure.status
        assert word in str(failure), f'the message is "{failure}"'
    else:
        raise AssertionError('the procedure succeeded')
    assert [layer.get_id() for layer in image.get_layers()] == before


# -- Precisions -------------------------------------------------------------------------------------------------

def check_denoise(kind, precision):
    """Whole layer with partial alpha or none: a new layer of the image's precision, alpha exact, source untouched."""
    image = new_image(kind, precision)
    source = add_layer(image, kind)
    before, alpha = raw(source), floats(source)[:, :, -1]
    layer, *_ = restore('denoise', image, source, noise=25.0)
    assert layer.get_parent() is None and image.get_item_position(layer) == 0
    assert image.get_precision() == precision
    assert layer.type() == source.type()
    assert raw(source) == before, 'the source has changed'
    assert raw(layer) != before, 'nothing was restored'
    if N_CHANNELS[kind] in (2, 4):
        assert np.array_equal(floats(layer)[:, :, -1], alpha), 'alpha has changed'
    image.delete()


def add_precision_tests(tests):
    """All precisions with alpha; without, only those with GIMP's usual encoding, to save time."""
    for kind in N_CHANNELS:
        for precision in PRECISIONS:
            if N_CHANNELS[kind] in (1, 3) and not precision.value_nick.endswith('non-linear'):
                continue
            name = f'{kind.value_nick.replace("-image", "")}_{precision.value_nick}'.replace('-', '_')
            tests[f'test_denoise_keeps_alpha_precision_and_source_in_{name}'] = \
                lambda kind=kind, precision=precision: check_denoise(kind, precision)


add_precision_tests(globals())


# -- Selection --------------------------------------------------------------------------------------------------

def check_selection(kind, precision, profile=None):
    """A feathered selection: what is seen outside is bit-identical, inside something happens."""
    image = new_image(kind, precision)
    if profile:
        assert image.set_color_profile(profile)
    source = add_layer(image, kind)
    before, seen = raw(source), composite(image)
    select_ellipse(image, 12, 10, 28, 22, feather=6.0)
    selected = floats(image.get_selection())[:, :, 0]
    restore('denoise', image, source, noise=25.0)
    now = composite(image)
    assert raw(source) == before, 'the source has changed'
    assert np.array_equal(now[selected == 0], seen[selected == 0]), 'changed outside the selection'
    assert np.abs(now[selected > 0.9] - seen[selected > 0.9]).max() > 0.01, 'nothing changed inside'
    if N_CHANNELS[kind] in (2, 4):
        assert np.array_equal(now[:, :, -1], seen[:, :, -1]), 'alpha has changed'
    assert image.get_precision() == precision
    if profile:
        assert image.get_color_profile().is_equal(profile)
    image.delete()


def test_outside_a_feathered_selection_nothing_changes_in_8_bit_rgb():
    check_selection(Gimp.ImageType.RGB_IMAGE, Gimp.Precision.U8_NON_LINEAR)


def test_outside_a_feathered_selection_nothing_changes_in_16_bit_adobe_rgb_with_alpha():
    check_selection(Gimp.ImageType.RGBA_IMAGE, Gimp.Precision.U16_NON_LINEAR, Gimp.ColorProfile.new_rgb_adobe())


def test_outside_a_feathered_selection_nothing_changes_in_float_linear_rgb_with_alpha():
    check_selection(Gimp.ImageType.RGBA_IMAGE, Gimp.Precision.FLOAT_LINEAR)


def test_outside_a_feathered_selection_nothing_changes_in_grey():
    check_selection(Gimp.ImageType.GRAY_IMAGE, Gimp.Precision.U16_NON_LINEAR)


def test_the_selection_becomes_the_mask_of_the_new_layer():
    image = new_image()
    source = add_layer(image)
    select_ellipse(image, 12, 10, 28, 22, feather=6.0)
    selected = floats(image.get_selection())[:, :, 0]
    layer, *_ = restore('denoise', image, source, noise=25.0)
    mask = layer.get_mask()
    assert mask is not None
    _, x, y = layer.get_offsets()
    values = floats(mask)[:, :, 0]
    height, width = values.shape
    assert (width, height) != (WIDTH, HEIGHT), 'the layer is as large as its source'
    assert np.array_equal(values, selected[y:y + height, x:x + width])
    outside = np.ones_like(selected, bool)
    outside[y:y + height, x:x + width] = False
    assert not selected[outside].any(), 'the layer does not cover the selection'
    image.delete()


def test_a_selection_that_misses_the_layer_is_refused():
    image = new_image(width=2 * WIDTH)
    source = add_layer(image)
    image.select_rectangle(Gimp.ChannelOps.REPLACE, WIDTH + 5, 5, 20, 20)
    assert_refused('denoise', image, source, 'does not touch')
    image.delete()


def test_fill_without_a_selection_is_refused():
    image = new_image()
    source = add_layer(image)
    assert_refused('fill', image, source, 'selected')
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 5, 5, 9, 9)
    Gimp.Selection.none(image)
    assert_refused('fill', image, source, 'selected')
    image.delete()


# -- Where the result goes --------------------------------------------------------------------------------------

def test_the_result_is_named_and_lies_right_above_its_source():
    image = new_image()
    source = add_layer(image)
    add_layer(image, seed=2).set_name('above')
    layer, layers, _, report = restore('denoise', image, source, noise=25.0)
    assert [one.get_name() for one in image.get_layers()] == ['above', 'source (denoised)', 'source']
    assert layer.get_name() == 'source (denoised)'
    assert '"task"' in report
    image.delete()


def test_a_layer_in_a_group_gets_its_result_in_the_group():
    image = new_image()
    group = Gimp.GroupLayer.new(image, 'group')
    image.insert_layer(group, None, 0)
    source = add_layer(image, parent=group)
    layer, *_ = restore('denoise', image, source, noise=25.0)
    assert layer.get_parent() == group
    assert len(image.get_layers()) == 1
    image.delete()


def test_a_group_is_restored_as_it_is_seen():
    image = new_image()
    group = Gimp.GroupLayer.new(image, 'group')
    image.insert_layer(group, None, 0)
    add_layer(image, parent=group)
    seen = composite(image)
    layer, *_ = restore('denoise', image, group, noise=25.0)
    assert layer.get_parent() is None and not layer.is_group()
    assert 0.005 < np.abs(composite(image) - seen).mean() < 0.1
    image.delete()


def test_a_layer_beyond_the_canvas_is_restored_in_its_place():
    image = new_image()
    source = add_layer(image, width=WIDTH + 24, height=HEIGHT + 18, x=-10, y=-7)
    layer, *_ = restore('denoise', image, source, noise=25.0)
    assert layer.get_offsets()[1:] == (-10, -7)
    assert (layer.get_width(), layer.get_height()) == (WIDTH + 24, HEIGHT + 18)
    image.delete()


def test_a_layer_smaller_than_the_canvas_takes_its_part_of_the_selection():
    image = new_image()
    source = add_layer(image, width=20, height=16, x=25, y=17)
    seen = composite(image)
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 30, 0, WIDTH - 30, HEIGHT)
    restore('denoise', image, source, noise=25.0)
    now = composite(image)
    assert np.array_equal(now[:, :30], seen[:, :30])
    assert not np.array_equal(now[17:33, 30:45], seen[17:33, 30:45])
    image.delete()


def test_a_translucent_layer_is_replaced_so_that_the_picture_stays():
    image = new_image(Gimp.ImageType.RGBA_IMAGE)
    add_layer(image, Gimp.ImageType.RGB_IMAGE, seed=2).set_name('ground')
    source = add_layer(image, Gimp.ImageType.RGBA_IMAGE)
    source.set_opacity(60.0)
    source.set_mode(Gimp.LayerMode.MULTIPLY)
    seen = composite(image)
    layer, *_ = restore('denoise', image, source, strength=0.0)
    assert not source.get_visible() and layer.get_visible()
    assert layer.get_opacity() == source.get_opacity() and layer.get_mode() == Gimp.LayerMode.MULTIPLY
    assert np.array_equal(composite(image), seen), 'strength 0 changes the picture'
    image.delete()


def test_a_replaced_layer_is_hidden_though_its_visibility_is_locked():
    image = new_image()
    source = add_layer(image)
    source.set_opacity(50.0)
    source.set_lock_visibility(True)
    restore('denoise', image, source, noise=25.0)
    assert not source.get_visible() and source.get_lock_visibility()
    image.delete()


def test_the_mask_of_a_layer_is_kept():
    image = new_image()
    source = add_layer(image)
    select_ellipse(image, 10, 8, 30, 26)
    source.add_mask(source.create_mask(Gimp.AddMaskType.SELECTION))
    Gimp.Selection.none(image)
    seen = composite(image)
    restore('denoise', image, source, noise=25.0)
    now = composite(image)
    assert np.array_equal(now[:, :, -1], seen[:, :, -1]), 'what the mask hides is seen'
    assert not np.array_equal(now, seen)
    image.delete()


def test_a_non_destructive_filter_is_seen_by_the_task_and_kept_on_the_source():
    image = new_image()
    source = add_layer(image)
    seen = floats(source)
    effect = Gimp.DrawableFilter.new(source, 'gegl:invert-linear', 'inverted')
    source.append_filter(effect)
    layer, *_ = restore('denoise', image, source, strength=0.0)
    assert len(source.get_filters()) == 1
    assert np.abs(floats(layer) - seen).mean() > 0.1, 'the unfiltered pixels were restored'
    image.delete()


def test_several_layers_are_restored_each():
    image = new_image()
    sources = [add_layer(image, seed=seed) for seed in (1, 2, 3)]
    restore('denoise', image, sources, noise=25.0)
    assert len(image.get_layers()) == 6
    image.delete()


def test_all_or_none_of_several_layers():
    image = new_image(width=2 * WIDTH)
    sources = [add_layer(image), add_layer(image, x=WIDTH)]
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 5, 5, 20, 20) # misses the second layer
    assert_refused('denoise', image, sources, 'does not touch')
    image.delete()


# -- Refusals ---------------------------------------------------------------------------------------------------

def test_unknown_words_are_refused_by_name():
    image = new_image()
    source = add_layer(image)
    assert_refused('super-resolve', image, source, 'elsewhere', output='elsewhere')
    assert_refused('denoise', image, source, 'no-such-model', model='no-such-model')
    assert_refused('denoise', image, source, 'magic', method='magic')
    image.delete()


def test_an_indexed_image_is_refused():
    image = new_image()
    source = add_layer(image)
    image.convert_indexed(Gimp.ConvertDitherType.NONE, Gimp.ConvertPaletteType.WEB, 0, False, False, '')
    assert_refused('denoise', image, source, 'RGB')
    image.delete()


def test_a_layer_mask_is_refused():
    image = new_image()
    source = add_layer(image)
    mask = source.create_mask(Gimp.AddMaskType.WHITE)
    source.add_mask(mask)
    assert_refused('denoise', image, mask, 'mask')
    image.delete()


def test_a_channel_is_refused():
    image = new_image()
    add_layer(image)
    channel = Gimp.Channel.new(image, 'channel', WIDTH, HEIGHT, 100, Gegl.Color.new('red'))
    image.insert_channel(channel, None, 0)
    assert_refused('denoise', image, channel, 'channel')
    image.delete()


def test_a_floating_selection_is_refused():
    image = new_image()
    source = add_layer(image)
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 5, 5, 20, 20)
    Gimp.Selection.float(image, [source], 3, 3)
    assert_refused('denoise', image, image.get_floating_sel(), 'floating')
    image.delete()


def test_no_layer_at_all_is_refused():
    image = new_image()
    add_layer(image)
    assert_refused('denoise', image, [], 'layer')
    image.delete()


# -- Super-resolve ----------------------------------------------------------------------------------------------

def test_super_resolve_makes_a_new_image():
    image = new_image(Gimp.ImageType.RGBA_IMAGE, Gimp.Precision.U16_NON_LINEAR)
    image.set_color_profile(Gimp.ColorProfile.new_rgb_adobe())
    source = add_layer(image, Gimp.ImageType.RGBA_IMAGE)
    layer, _, result, _ = restore('super-resolve', image, source, scale=2, output='new-image')
    assert result.get_id() != image.get_id()
    assert (result.get_width(), result.get_height()) == (2 * WIDTH, 2 * HEIGHT)
    assert (layer.get_width(), layer.get_height()) == (2 * WIDTH, 2 * HEIGHT)
    assert result.get_precision() == image.get_precision()
    assert result.get_color_profile().is_equal(image.get_color_profile())
    assert len(image.get_layers()) == 1
    result.delete()
    image.delete()


def test_super_resolve_scales_the_image_along():
    image = new_image()
    source = add_layer(image)
    layer, _, result, _ = restore('super-resolve', image, source, scale=3, output='scale-image')
    assert result.get_id() == image.get_id()
    assert (image.get_width(), image.get_height()) == (3 * WIDTH, 3 * HEIGHT)
    assert (layer.get_width(), layer.get_height()) == (3 * WIDTH, 3 * HEIGHT)
    image.delete()


def test_super_resolve_of_a_selection_has_the_scaled_selection_as_mask():
    image = new_image()
    source = add_layer(image)
    select_ellipse(image, 12, 10, 28, 22, feather=6.0)
    layer, *_ = restore('super-resolve', image, source, scale=2, output='scale-image')
    _, x, y = layer.get_offsets()
    selected = floats(image.get_selection())[y:y + layer.get_height(), x:x + layer.get_width()]
    assert layer.get_width() < 2 * WIDTH and np.array_equal(floats(layer.get_mask()), selected)
    image.delete()


def test_super_resolve_of_two_layers_keeps_them_in_their_places():
    image = new_image(width=2 * WIDTH)
    sources = [add_layer(image), add_layer(image, x=30)]
    _, _, result, _ = restore('super-resolve', image, sources, scale=2)
    assert result.get_width() == 2 * (WIDTH + 30)
    assert [layer.get_offsets()[1] for layer in result.get_layers()] == [0, 60]
    result.delete()
    image.delete()


def test_super_resolve_adds_a_larger_layer():
    image = new_image()
    source = add_layer(image)
    layer, *_ = restore('super-resolve', image, source, scale=4, output='layer')
    assert (image.get_width(), image.get_height()) == (WIDTH, HEIGHT)
    assert (layer.get_width(), layer.get_height()) == (4 * WIDTH, 4 * HEIGHT)
    image.delete()


# -- The other tasks --------------------------------------------------------------------------------------------

def test_fill_replaces_only_what_is_selected():
    image = new_image()
    source = add_layer(image)
    seen = composite(image)
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 20, 15, 12, 10)
    restore('fill', image, source)
    now = composite(image)
    inside = np.zeros((HEIGHT, WIDTH), bool)
    inside[15:25, 20:32] = True
    assert np.array_equal(now[~inside], seen[~inside])
    assert not np.array_equal(now[inside], seen[inside])
    image.delete()


def test_deblur_adds_a_layer():
    image = new_image()
    source = add_layer(image)
    layer, *_ = restore('deblur', image, source)
    assert layer.get_name() == 'source (deblurred)'
    image.delete()


def test_values_above_white_survive():
    image = new_image(precision=Gimp.Precision.FLOAT_NON_LINEAR)
    source = add_layer(image)
    pixels = noisy_pixels(WIDTH, HEIGHT, 3)
    pixels[10:20, 10:20] += 2.0
    write(source, pixels)
    layer, *_ = restore('denoise', image, source, noise=10.0)
    assert floats(layer)[12:18, 12:18].min() > 1.5
    image.delete()


def test_the_general_procedure_does_the_task_it_is_told():
    image = new_image()
    source = add_layer(image)
    layer, *_ = call('plug-in-neural-restore', image, [source], task='deblur')
    assert layer.get_name() == 'source (deblurred)'
    image.delete()


def test_the_last_values_can_be_used_again():
    image = new_image()
    source = add_layer(image)
    layer, *_ = call('plug-in-neural-restore-denoise', image, [source], run_mode=Gimp.RunMode.WITH_LAST_VALS)
    assert layer.get_name() == 'source (denoised)'
    image.delete()
