"""What a ViT reads, from pictures: resized, rescaled to numbers around 1, and normalised, as its folder says."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Self

import numpy

from minitransformer.files import blaming, one_line, parse_json, read_text
from minitransformer.installing import install_line

FILE = "preprocessor_config.json"
ORIGIN = (
    "image_processor_type",
    "feature_extractor_type",
    "processor_class",
    "return_tensors",
    "device",
    "disable_grouping",
)
FILTERS = {
    0: "nearest",
    1: "lanczos",
    2: "bilinear",
    3: "bicubic",
    4: "box",
    5: "hamming",
}  # as Pillow numbers them


@dataclasses.dataclass(frozen=True)
class ImageProcessor:
    """Turns pictures into the numbers that a model reads: (value * rescale_factor - image_mean) / image_std for each pixel.

    Args:
        size: the height and the width that pictures are resized to, in pixels; None for as they are.
        resample: the number that Pillow has for the filter of resizing, 2 for bilinear.
        rescale_factor: what each value is multiplied by.
        image_mean: is subtracted from the values of each colour.
        image_std: what they are divided by.
        files: name -> content of the file that this comes from, to be written back as it is.
    """

    size: tuple[int, int] | None = (224, 224)
    resample: int = 2
    rescale_factor: float = 1 / 255
    image_mean: tuple[float, ...] = (0.5, 0.5, 0.5)
    image_std: tuple[float, ...] = (0.5, 0.5, 0.5)
    files: Mapping[str, bytes] = dataclasses.field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def from_published(cls, config: Mapping[str, Any], files: Mapping[str, bytes] | None = None) -> Self:
        """The processor that a `preprocessor_config.json` describes.

        Args:
            config: the content of the file.
            files: name -> content of the file.

        Returns:
            The processor.

        Raises:
            ValueError: for a key whose value is not computed here; the message names it.
        """
        told = {key: value for key, value in config.items() if key not in ORIGIN and value is not None}
        steps = {step: told.pop(f"do_{step}", True) for step in ("resize", "rescale", "normalize")}
        if odd := [key for key, value in steps.items() if not isinstance(value, bool)]:
            raise ValueError(
                f"{FILE}: do_{odd[0]}: expected true or false, got {one_line(repr(steps[odd[0]]))}"
            )
        size, mean, std = (
            told.pop("size", 224),
            told.pop("image_mean", [0.5] * 3),
            told.pop("image_std", [0.5] * 3),
        )
        factor, resample = told.pop("rescale_factor", 1 / 255), told.pop("resample", 2)
        if left := [key for key, value in told.items() if value is not False]:
            raise ValueError(f"{FILE}: {left[0]}={one_line(repr(told[left[0]]))} is not computed here")
        if resample not in FILTERS or isinstance(resample, bool):
            raise ValueError(
                f"{FILE}: resample={one_line(repr(resample))} is not computed here, only {FILTERS}"
            )
        return cls(
            _sides(size) if steps["resize"] else None,
            resample,
            _numbers("rescale_factor", [factor])[0] if steps["rescale"] else 1.0,
            _numbers("image_mean", mean) if steps["normalize"] else (0.0,),
            _numbers("image_std", std) if steps["normalize"] else (1.0,),
            dict(files or {}),
        )

    def __call__(self, pictures: Any) -> numpy.ndarray:
        """The numbers of pictures.

        Args:
            pictures: a picture or several: Pillow's, or arrays (height, width, channels) of values from 0 to 255.

        Returns:
            (B, channels, height, width) float32.

        Raises:
            ValueError: if an array has another shape, or sizes differ and pictures are not resized.
            ImportError: if pictures are to be resized and Pillow is missing; the message says how to install it.
        """
        several = pictures if isinstance(pictures, Sequence) else [pictures]
        arrays = [self._resized(picture) for picture in several]  # (height, width, channels) each
        if len({array.shape for array in arrays}) != 1:
            raise ValueError(f"expected pictures of one size, got {', '.join(str(a.shape) for a in arrays)}")
        scaled = numpy.stack(arrays).astype(numpy.float32) * numpy.float32(
            self.rescale_factor
        )  # (B, H, W, channels)
        mean, std = (numpy.array(a, numpy.float32) for a in (self.image_mean, self.image_std))
        return numpy.ascontiguousarray(((scaled - mean) / std).transpose(0, 3, 1, 2))

    def _resized(self, picture: Any) -> numpy.ndarray:
        """One picture as an array (height, width, channels), of the right size."""
        if hasattr(picture, "convert"):  # Pillow's
            picture = picture if picture.mode == "RGB" else picture.convert("RGB")
        array = numpy.asarray(picture)
        if array.ndim != 3:
            raise ValueError(f"expected a picture (height, width, channels), got shape {array.shape}")
        if self.size is None or array.shape[:2] == self.size:
            return array
        if array.dtype != numpy.uint8:
            raise ValueError(f"expected values from 0 to 255 in uint8, to be resized, got {array.dtype}")
        image = pillow().fromarray(array).resize(self.size[::-1], self.resample)
        return numpy.asarray(image)


def read_images(folder: Path) -> ImageProcessor | None:
    """The image processor of a folder.

    Args:
        folder: the folder.

    Returns:
        The processor; None if the folder has none.

    Raises:
        FileError: if its file is damaged, or asks for what is not done here.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    with blaming(path):
        config = parse_json(read_text(path))
        if not isinstance(config, dict):
            raise ValueError(f"expected names and values, got {type(config).__name__}")
        return ImageProcessor.from_published(config, {FILE: path.read_bytes()})


def _sides(size: Any) -> tuple[int, int]:
    """Height and width, from a number or a dictionary."""
    told = size if isinstance(size, Mapping) else {"height": size, "width": size}
    fits = all(
        isinstance(side, int) and not isinstance(side, bool) and 0 < side < 2**15 for side in told.values()
    )
    if not fits or set(told) != {"height", "width"}:
        raise ValueError(
            f"{FILE}: size={one_line(repr(size))} is not computed here, only a height and a width"
        )
    return told["height"], told["width"]


def _numbers(key: str, values: Any) -> tuple[float, ...]:
    """Numbers of a list. Raises ValueError for others, naming the key."""
    if not isinstance(values, list) or not all(isinstance(v, (int, float)) for v in values):
        raise ValueError(f"{FILE}: {key}: expected a list of numbers, got {one_line(repr(values))}")
    if key == "image_std" and 0 in values:
        raise ValueError(f"{FILE}: {key}: expected numbers other than 0, got {one_line(repr(values))}")
    return tuple(map(float, values))


def pillow() -> ModuleType:
    """Pillow's module of images.

    Returns:
        `PIL.Image`.

    Raises:
        ImportError: if Pillow is not installed; the message says how to install it.
    """
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError(f"Pillow resizes pictures: {install_line('pillow')}") from error
    return Image
