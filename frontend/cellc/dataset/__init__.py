"""Data: sources, and pipelines that shuffle, transform and batch their rows in threads beside the training."""

from cellc.dataset import config as config
from cellc.dataset import transforms as transforms
from cellc.dataset import vision as vision
from cellc.dataset._batched import BatchInfo as BatchInfo
from cellc.dataset._combined import zip as zip
from cellc.dataset.dataset import Dataset as Dataset
from cellc.dataset.image_sources import Cifar10Dataset as Cifar10Dataset
from cellc.dataset.image_sources import ImageFolderDataset as ImageFolderDataset
from cellc.dataset.image_sources import MnistDataset as MnistDataset
from cellc.dataset.samplers import DistributedSampler as DistributedSampler
from cellc.dataset.samplers import RandomSampler as RandomSampler
from cellc.dataset.samplers import Sampler as Sampler
from cellc.dataset.samplers import SequentialSampler as SequentialSampler
from cellc.dataset.samplers import SubsetRandomSampler as SubsetRandomSampler
from cellc.dataset.samplers import SubsetSampler as SubsetSampler
from cellc.dataset.samplers import WeightedRandomSampler as WeightedRandomSampler
from cellc.dataset.sources import GeneratorDataset as GeneratorDataset
from cellc.dataset.sources import NumpySlicesDataset as NumpySlicesDataset
