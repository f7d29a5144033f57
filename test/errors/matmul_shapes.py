import numpy as np

from cellc import Parameter, Tensor, nn, ops


class Projection(nn.Cell):
    def __init__(self):
        super().__init__()
        self.weight = Parameter(np.ones((4, 3), np.float32))

    def construct(self, x):
        return ops.matmul(x, self.weight)


class Net(nn.Cell):
    def __init__(self):
        super().__init__()
        self.head = Projection()

    def construct(self, x):
        return self.head(x) + 1


net = Net()
net(Tensor(np.ones((2, 5), np.float32)))
