# SPDX-License-Identifier: Apache-2.0
"""The same training step as `ergon bench train`, in plain PyTorch: eager, SDPA, fused AdamW, gradient clipping.

Reads one JSON object from the command line (the resolved shape) and prints one JSON object: tokens per second of each counted step.
"""
import json
import math
import sys
import time

import torch
import torch.nn as nn
import torch.nn.functional as F


class Norm(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.kind, self.epsilon = c["norm"], c["norm_epsilon"]
        self.weight = nn.Parameter(torch.ones(c["width"]))
        self.bias = nn.Parameter(torch.zeros(c["width"])) if c["biases"] and self.kind == "layernorm" else None

    def forward(self, x):
        if self.kind == "layernorm":
            return F.layer_norm(x, x.shape[-1:], self.weight, self.bias, self.epsilon)
        return F.rms_norm(x, x.shape[-1:], self.weight, self.epsilon)


def rotate(x, cos, sin):
    half = x.shape[-1] // 2
    return x * cos + torch.cat((-x[..., half:], x[..., :half]), -1) * sin


class Block(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.c = c
        width, q, kv = c["width"], c["heads"] * c["head_width"], c["kv_heads"] * c["head_width"]
        self.attention_norm, self.mlp_norm = Norm(c), Norm(c)
        self.qkv = nn.Linear(width, q + 2 * kv, bias=c["biases"])
        self.output = nn.Linear(q, width, bias=c["biases"])
        rows = 2 * c["ffn_width"] if c["mlp"] == "swiglu" else c["ffn_width"]
        self.up = nn.Linear(width, rows, bias=c["biases"])
        self.down = nn.Linear(c["ffn_width"], width, bias=c["biases"])

    def forward(self, x, rope):
        c = self.c
        B, T, _ = x.shape
        q_size, kv_size = c["heads"] * c["head_width"], c["kv_heads"] * c["head_width"]
        q, k, v = self.qkv(self.attention_norm(x)).split((q_size, kv_size, kv_size), -1)
        q = q.view(B, T, c["heads"], -1).transpose(1, 2)
        k = k.view(B, T, c["kv_heads"], -1).transpose(1, 2)
        v = v.view(B, T, c["kv_heads"], -1).transpose(1, 2)
        if rope is not None:
            q, k = rotate(q, *rope), rotate(k, *rope)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=c["heads"] != c["kv_heads"])
        x = x + self.output(y.transpose(1, 2).reshape(B, T, q_size))
        h = self.up(self.mlp_norm(x))
        if c["mlp"] == "swiglu":
            gate, up = h.chunk(2, -1)
            h = F.silu(gate) * up
        else:
            h = F.gelu(h, approximate="tanh")
        return x + self.down(h)


class Model(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.tokens = nn.Embedding(c["vocabulary"], c["width"])
        self.positions = nn.Embedding(c["sequence"], c["width"]) if c["positions"] == "learned" else None
        self.blocks = nn.ModuleList(Block(c) for _ in range(c["layers"]))
        self.norm = Norm(c)
        self.head = nn.Linear(c["width"], c["vocabulary"], bias=False)
        if c["tied"]:
            self.head.weight = self.tokens.weight
        self.rope = None
        if c["positions"] == "rotary":
            half = torch.arange(0, c["head_width"], 2) / c["head_width"]
            angles = torch.outer(torch.arange(c["sequence"]).float(), c["rope_theta"] ** -half)
            angles = torch.cat((angles, angles), -1)
            self.rope = (angles.cos(), angles.sin())
        for p in self.parameters():
            if p.dim() > 1:
                nn.init.normal_(p, std=c["init_std"])

    def forward(self, tokens, labels):
        x = self.tokens(tokens)
        if self.positions is not None:
            x = x + self.positions.weight
        for block in self.blocks:
            x = block(x, self.rope)
        return F.cross_entropy(self.head(self.norm(x)).flatten(0, 1), labels.flatten())


def main():
    c = json.loads(sys.argv[1])
    torch.manual_seed(1)
    torch.set_num_threads(c["threads"])
    model = Model(c)
    decay = [p for p in model.parameters() if p.dim() > 1]
    rest = [p for p in model.parameters() if p.dim() <= 1]
    groups = [{"params": decay, "weight_decay": 0.1}, {"params": rest, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=1e-4, betas=(0.9, 0.95), fused=True)
    shape = (c["accumulation"], c["microbatch"], c["sequence"])
    tokens, labels = torch.randint(c["vocabulary"], shape), torch.randint(c["vocabulary"], shape)
    rates, loss_value = [], math.nan
    for step in range(c["warmup"] + c["steps"]):
        start = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        for k in range(c["accumulation"]):
            loss = model(tokens[k], labels[k]) / c["accumulation"]
            loss.backward()
            loss_value = loss.item()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if step >= c["warmup"]:
            rates.append(tokens.numel() / (time.perf_counter() - start))
    print(json.dumps({"tokens_per_second": rates, "loss": loss_value, "torch": torch.__version__}))


main()
