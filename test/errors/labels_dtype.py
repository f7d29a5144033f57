import numpy as np

from cellc import Tensor, nn

loss = nn.SoftmaxCrossEntropyWithLogits(sparse=True)
loss(Tensor(np.ones((4, 3), np.float32)), Tensor(np.zeros(4, np.float32)))
