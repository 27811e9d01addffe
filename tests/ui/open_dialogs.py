# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs inside GIMP: opens the dialog once for each of CASES and appends what came of it to ANSWERS.

Started with the globals SAMPLE, ANSWERS (paths) and CASES: (procedure, enlargement of the sample,
what is selected, whether the user will undo the result, settings before the dialog) each.
"""
import json
import time

import gi
gi.require_version('Gimp', '3.0')
from gi.repository import Gimp, Gio # noqa: E402


def open_image(enlargement, selection):
    image = Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, Gio.File.new_for_path(SAMPLE))
    if enlargement > 1:
        image.scale(image.get_width() * enlargement, image.get_height() * enlargement)
    if selection:
        image.select_ellipse(Gimp.ChannelOps.REPLACE, *selection)
    image.clean_all()
    return image


def run_dialog(procedure, image, settings):
    config = procedure.create_config()
    config.set_property('run-mode', Gimp.RunMode.INTERACTIVE)
    config.set_property('image', image)
    config.set_core_object_array('drawables', image.get_layers())
    for argument, value in settings.items():
        config.set_property(argument, value)
    return procedure.run(config)


def describe(result, image):
    status = result.index(0)
    return {
        'status': status.value_nick,
        'layers': [layer.get_name() for layer in image.get_layers()],
        'is_dirty': image.is_dirty(),
        'size': [image.get_width(), image.get_height()],
        'result_size': [result.index(3).get_width(), result.index(3).get_height()]
                       if status == Gimp.PDBStatusType.SUCCESS else None,
    }


def answer(thing):
    with open(ANSWERS, 'a', encoding='utf-8') as answers:
        print(json.dumps(thing), file=answers)


def wait_for_undo(image, seconds=60):
    """Answers with what the image is like once it has one layer again."""
    end = time.monotonic() + seconds
    while len(image.get_layers()) > 1 and time.monotonic() < end:
        time.sleep(0.1)
    answer([[layer.get_name(), layer.get_visible()] for layer in image.get_layers()])


for name, enlargement, selection, is_undone, settings in CASES:
    image = open_image(enlargement, selection)
    if is_undone: # then the result replaces its source, which takes several changes of the image
        image.get_layers()[0].set_opacity(60)
    display = Gimp.Display.new(image)
    answer(describe(run_dialog(Gimp.get_pdb().lookup_procedure(name), image, settings), image))
    if is_undone:
        wait_for_undo(image)
    display.delete()
