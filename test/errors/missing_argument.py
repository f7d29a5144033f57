from cellc import Tensor, nn


class Net(nn.Cell):
    def construct(self, x, y):
        return x + y


net = Net()
net(Tensor([1.0]))
