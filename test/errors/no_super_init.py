from cellc import nn


class Net(nn.Cell):
    def __init__(self):
        self.fc = nn.Dense(4, 2)


Net()
