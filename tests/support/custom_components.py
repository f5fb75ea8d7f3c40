"A user's own parts, reached by `custom_components:NAME` from a config."

import torch
from torch import nn


class Encoder(nn.Module):
    "One linear layer"

    stackable = True

    def __init__(self, shape, width, depth):
        super().__init__()
        self.layer = nn.Linear(torch.Size(shape).numel(), width)

    def forward(self, x):
        return self.layer(x.flatten(1)).tanh()


class Fusion(nn.Module):
    "The mean of the tokens that are there"

    def __init__(self, modalities, width, heads, depth):
        super().__init__()
        self.layer = nn.Linear(width, width)

    def forward(self, tokens, presence):
        there = presence[..., None].float()
        return self.layer((tokens * there).sum(1) / there.sum(1).clamp_min(1))


def small_logits(batch, options):
    return batch["output"].square().mean()


def alignment(z_a, z_j, out_a, out_j):
    return (z_a - z_j).abs().mean((-2, -1))


def first(losses, mean, labelled):
    return torch.zeros_like(losses).index_fill(0, torch.zeros(1, dtype=torch.long, device=losses.device), 1.0)
