import numpy as np

from cellc import Tensor

x = Tensor(np.ones((2, 3, 4), np.float32))
x.reshape(5, -1)
