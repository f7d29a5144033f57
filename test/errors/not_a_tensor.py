from cellc import nn, ops


class Net(nn.Cell):
    def construct(self, x):
        return ops.relu("x")


net = Net()
net(None)
