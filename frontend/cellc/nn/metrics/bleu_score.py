"""BLEU: how near a translation is to reference translations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from cellc.errors import bad_argument
from cellc.nn.metrics.metric import Metric, rearrange_inputs
from cellc.ops import _validate


class BleuScore(Metric):
    """The geometric mean of clipped n-gram precisions for n = 1 ... n_gram, times the brevity penalty.

    Papineni et al., BLEU: a Method for Automatic Evaluation of Machine Translation (2002). The penalty is
    min(1, exp(1 - r / c)) with c the length of the candidates and r that of the references next in length.

    Args:
        n_gram: the greatest n, 1 to 4.
        smooth: adds one to the counts (Lin and Och, 2004).

    Raises:
        TypeError: `n_gram` is not an int or `smooth` not a bool.
        ValueError: `n_gram` is out of range.

    Examples:
        >>> candidate = [["the", "cat", "is", "on", "the", "mat"]]
        >>> float(nn.BleuScore()(candidate, [candidate]))
        1.0
    """

    def __init__(self, n_gram: int = 4, smooth: bool = False) -> None:
        self.n_gram = _validate.int_in("n_gram", n_gram, 1, 4, "BleuScore")
        self.smooth = _validate.boolean("smooth", smooth, "BleuScore")
        self.clear()

    def clear(self) -> None:
        self._matches = np.zeros(self.n_gram)
        self._candidates = np.zeros(self.n_gram)
        self._candidate_length = 0
        self._reference_length = 0
        self._is_update = False

    @rearrange_inputs
    def update(self, *inputs: Any) -> None:
        """Takes candidates, a list of lists of words, and for each a list of references.

        Raises:
            ValueError: there are not as many lists of references as candidates, or not two inputs.
        """
        self._check_count(inputs, "candidate_corpus", "reference_corpus")
        candidates, references = inputs
        if len(candidates) != len(references):
            message = (
                f"For 'BleuScore.update', each candidate needs references, but got {len(candidates)} candidates "
                f"and {len(references)} lists of references."
            )
            raise bad_argument(ValueError, message)
        if not all(references):
            raise bad_argument(ValueError, "For 'BleuScore.update', 'reference_corpus' must not hold empty lists.")
        for candidate, group in zip(candidates, references, strict=True):
            self._add(candidate, group)
        self._is_update = True

    def _add(self, candidate: Sequence[str], references: Sequence[Sequence[str]]) -> None:
        self._candidate_length += len(candidate)
        self._reference_length += min((len(x) for x in references), key=lambda length: abs(len(candidate) - length))
        found = _n_grams(candidate, self.n_gram)
        known: Counter[tuple[str, ...]] = Counter()
        for reference in references:
            known |= _n_grams(reference, self.n_gram)
        for gram, count in found.items():
            self._candidates[len(gram) - 1] += count
            self._matches[len(gram) - 1] += min(count, known[gram])

    def eval(self) -> np.ndarray:
        """The score, a scalar array in [0, 1].

        Raises:
            RuntimeError: there was no batch.
        """
        self._check_updated(self._is_update)
        if self._matches.min() == 0.0:
            return np.array(0.0)
        added = 1 if self.smooth else 0
        precisions = (self._matches + added) / (self._candidates + added)
        mean = np.exp(np.log(precisions).mean())
        return np.asarray(mean * min(1.0, np.exp(1 - self._reference_length / self._candidate_length)))


def _n_grams(words: Sequence[str], longest: int) -> Counter[tuple[str, ...]]:
    """How often each run of 1 to `longest` words occurs."""
    return Counter(
        tuple(words[at : at + length]) for length in range(1, longest + 1) for at in range(len(words) - length + 1)
    )
