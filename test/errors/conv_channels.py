import numpy as np

from cellc import Tensor, nn


class Net(nn.Cell):
    def __init__(self):
        super().__init__()
        self.features = nn.SequentialCell(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(4, 8, 3))

    def construct(self, x):
        return self.features(x)


net = Net()
net(Tensor(np.ones((1, 3, 8, 8), np.float32)))
