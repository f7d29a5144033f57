from cellc import Tensor, nn


class Net(nn.Cell):
    def construct(self, x):
        self.hidden = x * 2
        return self.hidden + 1


net = Net()
net(Tensor([1.0]))
print(net.hidden.asnumpy())
