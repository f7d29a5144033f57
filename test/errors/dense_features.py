import numpy as np

from cellc import Tensor, nn


class Net(nn.Cell):
    def __init__(self):
        super().__init__()
        self.flatten = nn.Flatten()
        self.fc = nn.Dense(400, 10)

    def construct(self, x):
        return self.fc(self.flatten(x))


net = Net()
net(Tensor(np.ones((2, 16, 4, 4), np.float32)))
