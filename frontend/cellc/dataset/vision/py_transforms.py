"""The transforms of images under the name that MindSpore 1.7 has for them; `Normalize` follows `ToTensor` here."""

from typing import Any

from cellc.dataset.vision import HWC2CHW as HWC2CHW
from cellc.dataset.vision import Border as Border
from cellc.dataset.vision import CenterCrop as CenterCrop
from cellc.dataset.vision import Decode as Decode
from cellc.dataset.vision import Inter as Inter
from cellc.dataset.vision import Normalize as _Normalize
from cellc.dataset.vision import Pad as Pad
from cellc.dataset.vision import RandomCrop as RandomCrop
from cellc.dataset.vision import RandomCropDecodeResize as RandomCropDecodeResize
from cellc.dataset.vision import RandomHorizontalFlip as RandomHorizontalFlip
from cellc.dataset.vision import RandomResizedCrop as RandomResizedCrop
from cellc.dataset.vision import RandomVerticalFlip as RandomVerticalFlip
from cellc.dataset.vision import Rescale as Rescale
from cellc.dataset.vision import Resize as Resize
from cellc.dataset.vision import ToTensor as ToTensor


class Normalize(_Normalize):
    """`vision.Normalize` of images (C, H, W), as `ToTensor` gives them; a number stands for all channels."""

    def __init__(self, mean: Any, std: Any) -> None:
        means, deviations = ((value,) if isinstance(value, int | float) else value for value in (mean, std))
        super().__init__(means, deviations, is_hwc=False)
