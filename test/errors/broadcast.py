import numpy as np

from cellc import Tensor

a = Tensor(np.ones((2, 5), np.float32))
b = Tensor(np.ones((2, 4), np.float32))
print(a + b)
