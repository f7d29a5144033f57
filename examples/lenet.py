"""A LeNet-5-like network for 1x28x28 images; the example that the README and the tests use."""

from cellc import nn


class LeNet(nn.Cell):
    """Two convolutions and three dense layers; input f32[N, 1, 28, 28], output logits f32[N, 10]."""

    def __init__(self, classes: int = 10):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5, pad_mode="same", weight_init="he_normal")
        self.conv2 = nn.Conv2d(6, 16, 5, pad_mode="valid", weight_init="he_normal")
        self.relu = nn.ReLU()
        self.pool = nn.MaxPool2d(kernel_size=2, stride=2)
        self.flatten = nn.Flatten()
        self.fc1 = nn.Dense(16 * 5 * 5, 120, weight_init="he_normal")
        self.fc2 = nn.Dense(120, 84, weight_init="he_normal")
        self.fc3 = nn.Dense(84, classes, weight_init="he_normal")

    def construct(self, x):
        x = self.pool(self.relu(self.conv1(x)))
        x = self.pool(self.relu(self.conv2(x)))
        x = self.relu(self.fc1(self.flatten(x)))
        x = self.relu(self.fc2(x))
        return self.fc3(x)
