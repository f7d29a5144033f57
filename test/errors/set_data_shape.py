import numpy as np

from cellc import Tensor, nn

fc = nn.Dense(4, 2)
fc.weight.set_data(Tensor(np.ones((4, 2), np.float32)))
