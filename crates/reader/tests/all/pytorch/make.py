"""Makes new.pth and old.pth: a small state dict in both formats of torch.save.

    pip install torch numpy
    python make.py
"""

from collections import OrderedDict

import torch

base = torch.arange(12, dtype=torch.float32).reshape(3, 4) / 4
state = OrderedDict(
    plain=base,
    turned=base.t(),
    part=base[1:, 1:3],
    half=torch.tensor([0.5, -2.0, 65504.0], dtype=torch.float16),
    parameter=torch.nn.Parameter(torch.tensor([[1.5], [-1.5]])),
    scalar=torch.tensor(3.0),
    num_batches_tracked=torch.tensor(7),
)
torch.save(state, "new.pth")
torch.save(state, "old.pth", _use_new_zipfile_serialization=False)
torch.save({"epoch": 3, "rate": 0.1, "state_dict": state}, "checkpoint.pth")
