"""MLE-CosReg: a loss that pushes word vectors apart (Gao et al. 2019)."""

import torch.nn.functional as F
from torch import Tensor


def cosine_regulariser(words: Tensor) -> Tensor:
    """The sum of cosines over ordered pairs of different words, over the number of words squared.

    words: (words, width). A number from -1/words up to 1, in time linear in the words:

        1/N^2 sum_i sum_(j != i) u_i'u_j  =  (|sum_i u_i|^2 - N) / N^2,   u = w / |w|

    Source: Gao et al. 2019; the linear form is an identity.
    """
    unit = F.normalize(words.float(), dim=1)
    return (unit.sum(0).square().sum() - len(words)) / len(words) ** 2
