# SPDX-License-Identifier: GPL-3.0-or-later
"""The `neural-restore` command line as a user meets it.

Usage: test-command.py PROGRAM TEST-FOLDER (the folder of tap.py)
"""

import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from PIL import Image, ImageCms

PROGRAM, TESTS = sys.argv[1:3]
sys.path.insert(0, TESTS)
del sys.argv[1:3]
import tap  # noqa: E402

WORK = Path(tempfile.mkdtemp(prefix="nr-command-"))
ENVIRONMENT = dict(os.environ, HOME=str(WORK), XDG_DATA_HOME=str(WORK / "data"), XDG_CONFIG_HOME=str(WORK / "config"),
                   NEURAL_RESTORE_WEIGHTS=str(WORK / "weights"), LC_ALL="C.UTF-8")


def run(*words, status=0):
    """Runs the program; its output, after checking its status."""
    result = subprocess.run([PROGRAM, *map(str, words)], env=ENVIRONMENT, capture_output=True, text=True, timeout=120)
    assert result.returncode == status, f"{words}: status {result.returncode}: {result.stdout}{result.stderr}"
    return result.stdout if status == 0 else result.stderr


def complains(*words, status=1, about=""):
    """The program must refuse with one sentence that holds ABOUT."""
    message = run(*words, status=status)
    assert message.count("\n") == 1 and message.startswith("neural-restore: "), message
    assert about in message, message


def blur_network(channels=3, gain=1.0):
    """A 3x3 box blur of each channel, times GAIN: input [1,C,H,W] -> output."""
    weights = np.zeros((channels, 1, 3, 3), np.float32) + np.float32(gain / 9)
    node = helper.make_node("Conv", ["input", "w"], ["output"], pads=[1, 1, 1, 1], group=channels)
    shape = [1, channels, "h", "w"]
    graph = helper.make_graph([node], "blur", [helper.make_tensor_value_info("input", TensorProto.FLOAT, shape)],
                              [helper.make_tensor_value_info("output", TensorProto.FLOAT, shape)],
                              [numpy_helper.from_array(weights, "w")])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def make_package(folder, package_id, task):
    folder = Path(folder) / package_id
    folder.mkdir(parents=True)
    onnx.save(blur_network(), folder / "model.onnx")
    config = {"id": package_id, "name": package_id.title(), "description": "a box blur", "task": task,
              "backend": "onnx", "version": "1.0", "num_inputs": 1,
              "attributes": {"neural_restore": {"default": True}}}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def photograph(height=60, width=80):
    """Smooth colors with some noise, uint8."""
    rng = np.random.default_rng(7)
    y, x = np.mgrid[0:height, 0:width]
    planes = np.stack([128 + 90 * np.sin(x / 9), 128 + 90 * np.cos(y / 7), 40 + x + y], -1)
    return np.clip(planes + rng.normal(0, 12, planes.shape), 0, 255).astype(np.uint8)


def write_png16(path, pixels):
    """An RGB or RGBA PNG of 16 bits a channel, which Pillow cannot write."""
    height, width, channels = pixels.shape
    raw = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 16, {3: 2, 4: 6}[channels], 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b""))


def read_png16(path):
    """The pixels of such a file, whatever its row filters."""
    data, at, idat = path.read_bytes(), 8, b""
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at:at + 8])
        body = data[at + 8:at + 8 + length]
        if kind == b"IHDR":
            width, height, depth, color = struct.unpack(">IIBB", body[:10])
            assert depth == 16
        if kind == b"IDAT":
            idat += body
        at += 12 + length
    bpp = 2 * {2: 3, 6: 4}[color]
    raw = np.frombuffer(zlib.decompress(idat), np.uint8).reshape(height, 1 + width * bpp)
    rows = np.zeros((height + 1, width * bpp), np.int32)
    for y in range(height):
        kind, line, up = raw[y, 0], raw[y, 1:].astype(np.int32), rows[y]
        out = rows[y + 1]
        for i in range(width * bpp):
            a = out[i - bpp] if i >= bpp else 0
            b = up[i]
            c = up[i - bpp] if i >= bpp else 0
            p = a + b - c
            paeth = a if abs(p - a) <= abs(p - b) and abs(p - a) <= abs(p - c) else b if abs(p - b) <= abs(p - c) else c
            out[i] = (line[i] + [0, a, b, (a + b) // 2, paeth][kind]) & 255
    return rows[1:].astype(np.uint8).view(">u2").reshape(height, width, -1).astype(np.uint16)


make_package(WORK / "weights", "blur-denoise", "denoise")
PHOTO = WORK / "photo.png"
Image.fromarray(photograph()).save(PHOTO)


# -- Usage ---------------------------------------------------------------------------------------------------------


def test_help_lists_every_command():
    text = run("--help")
    for command in ("denoise", "deblur", "super-resolve", "fill", "models", "compare", "run"):
        assert command in text
        assert "Usage:" in run(command, "--help")


def test_wrong_usage_has_status_2():
    complains(status=2, about="no command")
    complains("sharpen", status=2, about="'sharpen'")
    complains("denoise", PHOTO, status=2, about="OUTPUT")
    complains("denoise", "--wrong", PHOTO, WORK / "x.png", status=2, about="--wrong")
    complains("denoise", "--strength", "2", PHOTO, WORK / "x.png", status=2, about="strength")
    complains("denoise", "--noise", "-1", PHOTO, WORK / "x.png", status=2, about="noise")
    complains("super-resolve", "--scale", "5", PHOTO, WORK / "x.png", status=2, about="scale")
    complains("fill", PHOTO, WORK / "x.png", status=2, about="--mask")
    complains("denoise", "--method", "magic", PHOTO, WORK / "x.png", status=2, about="magic")
    complains("models", "steal", status=2, about="list")
    complains("compare", PHOTO, status=2, about="compare")
    assert not (WORK / "x.png").exists()


# -- Files ---------------------------------------------------------------------------------------------------------


def test_broken_inputs_are_refused_with_a_sentence():
    (WORK / "text.png").write_text("no picture")
    (WORK / "empty.png").write_bytes(b"")
    (WORK / "cut.png").write_bytes(PHOTO.read_bytes()[:900])
    Image.fromarray(photograph()).save(WORK / "whole.jpg")
    (WORK / "cut.jpg").write_bytes((WORK / "whole.jpg").read_bytes()[:1500])
    for name, about in (("missing.png", "missing.png"), ("text.png", "not a"), ("empty.png", "not a"),
                        ("cut.png", "damaged"), ("cut.jpg", "damaged"), (".", "folder")):
        complains("denoise", WORK / name, WORK / "out.png", about=about)
    assert not (WORK / "out.png").exists()


def test_existing_output_is_kept_without_force():
    out = WORK / "kept.png"
    out.write_bytes(b"precious")
    complains("denoise", "--noise", "10", PHOTO, out, about="--force")
    assert out.read_bytes() == b"precious"
    run("denoise", "--force", "--noise", "10", PHOTO, out)
    assert Image.open(out).size == (80, 60)


def test_unwritable_outputs_are_refused_before_the_work():
    complains("denoise", PHOTO, WORK / "out.xyz", about=".png")
    complains("denoise", PHOTO, WORK / "nowhere" / "out.png", about="folder")
    Image.fromarray(np.dstack([photograph(), np.full((60, 80), 99, np.uint8)])).save(WORK / "alpha.png")
    complains("denoise", WORK / "alpha.png", WORK / "out.jpg", about="transparency")


def test_strength_zero_returns_every_byte():
    out = WORK / "zero.png"
    run("denoise", "--noise", "20", "--strength", "0", PHOTO, out)
    assert np.array_equal(np.asarray(Image.open(out)), photograph())


def test_16_bits_and_alpha_survive():
    rng = np.random.default_rng(3)
    pixels = rng.integers(0, 65536, (20, 31, 4)).astype(np.uint16)
    write_png16(WORK / "deep.png", pixels)
    run("denoise", "--noise", "20", WORK / "deep.png", WORK / "deep-out.png")
    result = read_png16(WORK / "deep-out.png")
    assert np.array_equal(result[..., 3], pixels[..., 3])
    assert (result[..., :3] % 257 != 0).any(), "colors have only 8 bits"
    assert not np.array_equal(result, pixels)


def test_outside_the_mask_nothing_changes():
    mask = np.zeros((60, 80), np.uint8)
    mask[20:40, 30:60] = 255
    mask[20:40, 25:30] = 128
    Image.fromarray(mask).save(WORK / "mask.png")
    run("denoise", "--noise", "20", "--mask", WORK / "mask.png", PHOTO, WORK / "masked.png")
    result = np.asarray(Image.open(WORK / "masked.png"))
    assert np.array_equal(result[mask == 0], photograph()[mask == 0])
    assert not np.array_equal(result[mask == 255], photograph()[mask == 255])


def test_masks_of_another_size_or_without_white_are_refused():
    Image.fromarray(np.zeros((60, 80), np.uint8)).save(WORK / "black.png")
    Image.fromarray(np.zeros((10, 80), np.uint8)).save(WORK / "small.png")
    complains("denoise", "--mask", WORK / "black.png", PHOTO, WORK / "out.png", about="black")
    complains("denoise", "--mask", WORK / "small.png", PHOTO, WORK / "out.png", about="80 x 10")


def test_profile_and_exif_are_kept_and_the_picture_is_turned_upright():
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[0x010F] = "Camera & Co"
    exif[0x0112] = 6  # turn by 90 degrees clockwise
    Image.fromarray(photograph()).save(WORK / "turned.jpg", quality=98, exif=exif, icc_profile=profile)
    run("denoise", "--strength", "0", "--noise", "1", WORK / "turned.jpg", WORK / "upright.tif")
    result = Image.open(WORK / "upright.tif")
    assert result.size == (60, 80)
    expected = np.asarray(Image.open(WORK / "turned.jpg").transpose(Image.Transpose.ROTATE_270))
    assert np.abs(np.asarray(result).astype(int) - expected).max() <= 3
    assert result.info.get("icc_profile")
    assert result.getexif()[0x010F] == "Camera & Co"
    assert result.getexif().get(0x0112, 1) == 1


def test_every_format_is_read_and_written():
    for ending in ("png", "jpg", "tif", "webp", "exr", "hdr", "ppm"):
        out = WORK / f"format.{ending}"
        run("denoise", "--noise", "5", PHOTO, out)
        run("denoise", "--noise", "5", out, WORK / f"again-{ending}.png")
        again = np.asarray(Image.open(WORK / f"again-{ending}.png").convert("RGB"))
        assert again.shape == (60, 80, 3)


def test_json_has_the_documented_fields():
    report = json.loads(run("denoise", "--json", PHOTO, WORK / "json.png"))
    for field in ("task", "method", "model", "width", "height", "channels", "tiles", "threads", "milliseconds",
                  "peak_memory_mib", "noise_estimate", "blur_shape", "blur_size", "blur_angle", "input", "output"):
        assert field in report, field
    assert report["task"] == "denoise" and report["model"] == "blur-denoise" and report["width"] == 80


# -- Many files ----------------------------------------------------------------------------------------------------


def test_one_failure_of_many_stops_none():
    many = WORK / "many"
    (WORK / "broken.png").write_text("no picture")
    message = run("denoise", "--noise", "5", "--output-dir", many, PHOTO, WORK / "broken.png", WORK / "turned.jpg", status=1)
    assert "broken.png" in message
    assert sorted(os.listdir(many)) == ["photo.png", "turned.jpg"]


def test_inputs_of_one_name_do_not_overwrite_each_other():
    (WORK / "other").mkdir()
    shutil.copy(PHOTO, WORK / "other" / "photo.png")
    message = run("denoise", "--output-dir", WORK / "twice", PHOTO, WORK / "other" / "photo.png", status=1)
    assert "same name" in message


def wait_until_signals_are_awaited(pid):
    """Until the program catches SIGINT: before that, Ctrl+C simply ends it."""
    for _ in range(600):
        status = Path(f"/proc/{pid}/status").read_text()
        caught = int(status.split("SigCgt:")[1].split()[0], 16)
        if caught & 1 << signal.SIGINT - 1:
            return
        time.sleep(0.05)
    raise AssertionError("the program never waits for signals")


def test_ctrl_c_leaves_nothing_behind():
    big = WORK / "big.png"
    Image.fromarray(np.tile(photograph(), (60, 50, 1))).save(big)
    folder = WORK / "interrupted"
    folder.mkdir()
    process = subprocess.Popen([PROGRAM, "denoise", "--memory", "64", str(big), str(folder / "out.png")], env=ENVIRONMENT,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_until_signals_are_awaited(process.pid)
    process.send_signal(signal.SIGINT)
    _, message = process.communicate(timeout=30)
    assert process.returncode == 130, (process.returncode, message)
    assert "interrupted" in message
    assert os.listdir(folder) == []


# -- Models --------------------------------------------------------------------------------------------------------


def test_models_are_listed_added_and_removed():
    package = make_package(WORK / "new", "blur-two", "denoise")
    archive = shutil.make_archive(str(WORK / "blur-two"), "zip", package.parent)
    os.rename(archive, WORK / "blur-two.dtmodel")
    assert "blur-denoise" in run("models")
    assert "blur-two" in run("models", "add", WORK / "blur-two.dtmodel")
    complains("models", "add", WORK / "blur-two.dtmodel", about="blur-two")
    listed = {entry["id"]: entry for entry in json.loads(run("models", "list", "--json"))}
    assert listed["blur-two"]["origin"] == "user" and listed["blur-denoise"]["origin"] == "installed"
    assert "a box blur" in run("models", "show", "blur-two")
    run("denoise", "--model", "blur-two", "--noise", "5", PHOTO, WORK / "two.png")
    run("models", "remove", "blur-two")
    complains("models", "show", "blur-two", about="blur-two")
    complains("models", "remove", "blur-denoise", about="blur-denoise")


# -- Compare and run -----------------------------------------------------------------------------------------------


def test_compare_follows_the_definition():
    a = photograph().astype(np.float64)
    b = np.clip(a + np.random.default_rng(1).integers(-9, 10, a.shape), 0, 255)
    Image.fromarray(b.astype(np.uint8)).save(WORK / "b.png")
    for border in (0, 3):
        crop = slice(border, -border or None), slice(border, -border or None)
        figures = json.loads(run("compare", "--json", "--border", border, PHOTO, WORK / "b.png"))
        expected = 10 * np.log10(255 ** 2 / np.mean((a[crop] - b[crop]) ** 2))
        luma = np.array([65.481, 128.553, 24.966]) / 255
        expected_y = 10 * np.log10(255 ** 2 / np.mean(((a[crop] - b[crop]) @ luma) ** 2))
        assert abs(figures["psnr"] - expected) < 1e-3 and abs(figures["psnr_y"] - expected_y) < 1e-3
        assert 0 < figures["ssim"] < 1
    assert json.loads(run("compare", "--json", PHOTO, PHOTO))["psnr"] == 99
    complains("compare", PHOTO, WORK / "small.png", about="size")


def test_run_computes_the_network():
    model = WORK / "blur.onnx"
    onnx.save(blur_network(gain=2.0), model)
    x = np.random.default_rng(2).random((1, 3, 9, 14), np.float32)
    np.save(WORK / "x.npy", x)
    run("run", model, "--input", f"input={WORK / 'x.npy'}", "--output", f"output={WORK / 'y.npy'}")
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    expected = sum(padded[:, :, i:i + 9, j:j + 14] for i in range(3) for j in range(3)) * 2 / 9
    assert np.abs(np.load(WORK / "y.npy") - expected).max() < 1e-5
    timing = json.loads(run("run", model, "--size", "32x48", "--repeat", 3, "--threads", 1))
    assert timing["threads"] == 1 and 0 < timing["min_ms"] <= timing["median_ms"]
    complains("run", model, "--input", f"nothing={WORK / 'x.npy'}", about="nothing")
    complains("run", PHOTO, about="photo.png")


if __name__ == "__main__":
    try:
        tap.run(globals())
    finally:
        shutil.rmtree(WORK, ignore_errors=True)
