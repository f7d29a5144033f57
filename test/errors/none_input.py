from cellc import nn


class Net(nn.Cell):
    def __init__(self):
        super().__init__()
        self.dense = nn.Dense(3, 2)

    def construct(self, x=None):
        return self.dense(x)


net = Net()
net()
