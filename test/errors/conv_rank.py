import numpy as np

from cellc import Tensor, nn

conv = nn.Conv2d(1, 6, 5)
conv(Tensor(np.ones((28, 28), np.float32)))
