"""Find training reviews that are close to validation reviews: most are of the same films.

The films of IMDB's test split are not those of its training split, so validation reviews of known
films flatter a model that remembers names. Reviews of the same film share rare words.
"""

import numpy as np

from sentiment.data.encoded_texts import EncodedTexts

RARE = (2, 50)  # a rare word is in so many reviews
MAX_SHARED = 15.0  # sum of log(N / n) over the rare words that two reviews share
_CHUNK = 250  # validation reviews that are compared with all others at a time


def unrelated(encoded: EncodedTexts, validation: np.ndarray, train: np.ndarray) -> np.ndarray:
    """Return the rows in `train` that share little with every row in `validation`, int64.

    Two reviews share too much if the sum of log(N / n) over their shared words exceeds 15, for the
    words that are in n = 2 to 50 of the N reviews.
    """
    from scipy import sparse  # not above: a prepared dataset can be split and read without SciPy

    if not len(encoded.tokens):
        return train
    rows = np.repeat(np.arange(len(encoded)), encoded.lengths)
    ones = np.ones(len(rows), np.float32)
    contains = sparse.csr_matrix(
        (ones, (rows, encoded.tokens)), shape=(len(encoded), int(encoded.tokens.max()) + 1)
    )
    contains.data[:] = 1
    frequency = np.asarray(contains.sum(axis=0)).ravel()
    is_rare = (frequency >= RARE[0]) & (frequency <= RARE[1])
    weights = np.where(is_rare, np.log(len(encoded) / np.maximum(frequency, 1)), 0)
    weighted = contains[validation] @ sparse.diags(weights.astype(np.float32))
    others = contains[train].T.tocsr()
    shared = np.zeros(len(train), np.float32)
    for start in range(0, len(validation), _CHUNK):
        closest = (weighted[start : start + _CHUNK] @ others).max(axis=0)
        shared = np.maximum(shared, closest.toarray().ravel())
    return train[shared <= MAX_SHARED]
