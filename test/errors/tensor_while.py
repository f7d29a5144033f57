import numpy as np

from cellc import Tensor, nn


class Halve(nn.Cell):
    def construct(self, x):
        while x > 1:
            x = x / 2
        return x


halve = Halve()
halve(Tensor(np.float32(8)))
