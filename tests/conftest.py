"""For all tests: models this small spend their time on waking threads, not on work."""

import torch

torch.set_num_threads(1)
