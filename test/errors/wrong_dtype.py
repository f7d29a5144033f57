import numpy as np

from cellc import Tensor, nn


class Net(nn.Cell):
    def __init__(self):
        super().__init__()
        self.fc = nn.Dense(8, 2)

    def construct(self, image):
        return self.fc(image)


net = Net()
net(Tensor(np.ones((4, 8), np.uint8)))
