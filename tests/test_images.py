"""Pictures for a ViT: what a folder says of them is done, or refused by name."""

import importlib.util
import sys

import numpy as np
import pytest

from minitransformer.models.images import ImageProcessor

PUBLISHED = {
    "do_normalize": True, "do_rescale": True, "do_resize": True, "image_mean": [0.5, 0.4, 0.3],
    "image_processor_type": "ViTImageProcessor",
    "image_std": [0.5, 0.25, 0.2], "resample": 2, "rescale_factor": 0.00392156862745098, "size": {"height": 4, "width": 6},
}  # fmt: skip
PICTURE = np.random.default_rng(0).integers(0, 256, (4, 6, 3), dtype=np.uint8)


def test_values_by_hand():
    got = ImageProcessor.from_published(PUBLISHED)(PICTURE)
    assert got.shape == (1, 3, 4, 6) and got.dtype == np.float32 and got.flags["C_CONTIGUOUS"]
    for channel, (mean, std) in enumerate(zip([0.5, 0.4, 0.3], [0.5, 0.25, 0.2], strict=True)):
        expected = (PICTURE[..., channel] / 255 - mean) / std
        np.testing.assert_allclose(got[0, channel], expected, rtol=0, atol=1e-6)


def test_steps_may_be_left_out():
    told = PUBLISHED | {"do_normalize": False, "do_rescale": False, "do_resize": False}
    got = ImageProcessor.from_published(told)([PICTURE[:3], PICTURE[1:]])
    assert np.array_equal(got, np.stack([PICTURE[:3], PICTURE[1:]]).transpose(0, 3, 1, 2))
    with pytest.raises(ValueError, match="pictures of one size"):
        ImageProcessor.from_published(told)([PICTURE, PICTURE[1:]])


def test_what_a_file_leaves_out():
    assert (
        ImageProcessor.from_published({"feature_extractor_type": "ViTFeatureExtractor", "size": 224})
        == ImageProcessor()
    )


@pytest.mark.skipif(importlib.util.find_spec("PIL") is None, reason="Pillow resizes, and is no dependency")
def test_resizing_is_pillow_s():
    from PIL import Image

    large = np.random.default_rng(1).integers(0, 256, (9, 17, 3), dtype=np.uint8)
    processor = ImageProcessor.from_published(PUBLISHED | {"do_normalize": False, "do_rescale": False})
    expected = np.asarray(Image.fromarray(large).resize((6, 4), Image.Resampling.BILINEAR))
    assert np.array_equal(processor(large)[0], expected.transpose(2, 0, 1))
    assert np.array_equal(processor([Image.fromarray(large)])[0], expected.transpose(2, 0, 1))
    grey = processor(Image.fromarray(large[..., 0]))
    assert grey.shape == (1, 3, 4, 6) and np.array_equal(grey[0, 0], grey[0, 2])


def test_resizing_without_pillow_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    processor = ImageProcessor.from_published(PUBLISHED)
    assert processor(PICTURE).shape == (1, 3, 4, 6)  # it has the right size
    with pytest.raises(ImportError, match="pip install pillow"):
        processor(PICTURE[1:])


@pytest.mark.parametrize(
    "changed",
    [
        {"size": {"shortest_edge": 224}}, {"size": {"height": 4}}, {"size": 0}, {"size": "4"},
        {"size": {"height": True, "width": 4}},
        {"do_center_crop": True}, {"do_pad": True}, {"crop_size": {"height": 4, "width": 4}}, {"resample": 9},
        {"resample": "bilinear"},
        {"do_resize": 1}, {"image_mean": 0.5}, {"image_std": ["a"]}, {"image_std": [0.5, 0, 0.5]}, {"rescale_factor": "x"},
        {"do_convert_rgb": "yes"},
    ],
    ids=str,
)  # fmt: skip
def test_what_is_not_done_is_refused_by_name(changed):
    (key,) = changed
    with pytest.raises(ValueError, match=rf"^preprocessor_config.json: {key}") as refused:
        ImageProcessor.from_published(PUBLISHED | changed)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("picture", [PICTURE[..., 0], PICTURE[None], PICTURE / 255])
def test_other_arrays_are_refused(picture):
    with pytest.raises(ValueError, match="expected"):
        ImageProcessor.from_published(PUBLISHED | {"size": 5})([picture])
