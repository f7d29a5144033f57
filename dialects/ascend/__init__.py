"""The `ascend` dialect: what one core of an Ascend 910B does."""
