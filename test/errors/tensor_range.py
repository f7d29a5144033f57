from cellc import Tensor, int32, nn


class Repeat(nn.Cell):
    def construct(self, x, times):
        for _ in range(times):
            x = x * x
        return x


repeat = Repeat()
repeat(Tensor(2.0), Tensor(3, int32))
