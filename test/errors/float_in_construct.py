import math

from cellc import Tensor, nn


class Net(nn.Cell):
    def construct(self, x):
        return x * math.sqrt(x.mean())


net = Net()
net(Tensor([1.0, 4.0]))
