"""Transforms of images."""

from cellc.dataset.vision._random_resized_crop import RandomCropDecodeResize as RandomCropDecodeResize
from cellc.dataset.vision._random_resized_crop import RandomResizedCrop as RandomResizedCrop
from cellc.dataset.vision._vision import HWC2CHW as HWC2CHW
from cellc.dataset.vision._vision import Border as Border
from cellc.dataset.vision._vision import CenterCrop as CenterCrop
from cellc.dataset.vision._vision import Decode as Decode
from cellc.dataset.vision._vision import Inter as Inter
from cellc.dataset.vision._vision import Normalize as Normalize
from cellc.dataset.vision._vision import Pad as Pad
from cellc.dataset.vision._vision import RandomCrop as RandomCrop
from cellc.dataset.vision._vision import RandomHorizontalFlip as RandomHorizontalFlip
from cellc.dataset.vision._vision import RandomVerticalFlip as RandomVerticalFlip
from cellc.dataset.vision._vision import Rescale as Rescale
from cellc.dataset.vision._vision import Resize as Resize
from cellc.dataset.vision._vision import ToTensor as ToTensor
