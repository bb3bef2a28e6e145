# SPDX-License-Identifier: Apache-2.0
"""Writes adamw.json: five steps of torch.optim.AdamW in fp64 on fixed gradients. Needs Python's torch.

python3 tests/golden/adamw_golden.py > tests/golden/adamw.json
"""
import json
import math

import torch

n, steps = 7, 5
settings = {"lr": 0.01, "beta1": 0.9, "beta2": 0.95, "epsilon": 1e-8, "weight_decay": 0.1}
start = [math.sin(1.0 + i) for i in range(n)]
gradients = [[math.cos(3.0 * i + s) * 10.0 ** (i % 4 - 3) for i in range(n)] for s in range(steps)]
parameter = torch.tensor(start, dtype=torch.float64, requires_grad=True)
optimizer = torch.optim.AdamW([parameter], lr=settings["lr"], betas=(settings["beta1"], settings["beta2"]), eps=settings["epsilon"], weight_decay=settings["weight_decay"])
after = []
for gradient in gradients:
    parameter.grad = torch.tensor(gradient, dtype=torch.float64)
    optimizer.step()
    after.append(parameter.detach().tolist())
print(json.dumps({"settings": settings, "start": start, "gradients": gradients, "after": after, "torch": torch.__version__.split("+")[0]}, indent=1))
