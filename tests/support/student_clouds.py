"Embeddings on which every transport engine is tested: usual ones, and those at which similarities degenerate."

import torch


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def students(b):
    "Embeddings `(B, D)` of students by name"
    usual = normal(b, 12, seed=5)
    zeros = usual * (torch.arange(b) % 3 > 0)[:, None]
    outlier = usual.clone()
    outlier[0] *= -50
    return dict(
        usual=usual, collapsed=1 + 1e-2 * usual, zeros=zeros, copies=usual[torch.arange(b) % 4], outlier=outlier
    )


NAMES = "usual", "collapsed", "zeros", "copies", "outlier"
