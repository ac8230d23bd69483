"""Gaussian deviations in a tree, integrated out: what a child tells its parent, and what it knows when the parent is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from creditscore.dataframes import Floats, Ints


@dataclass(frozen=True)
class Eliminated:
    """Deviations integrated out: ``posterior`` is their variance given the mean above, the rest is the message upwards."""

    posterior: Floats
    #: ``posterior @ precision``: how much of a deviation from the mean above shows.
    shown: Floats
    precision: Floats
    information: Floats

    @classmethod
    def of(cls, precision: Floats, information: Floats, variance: Floats) -> Eliminated:
        """A batch of Gaussians in ``mean + deviation`` with deviations of these variances (0 is allowed)."""
        root = np.sqrt(variance)
        posterior = root[:, None] * np.linalg.inv(_scaled(precision, root)) * root
        shown = posterior @ precision
        kept = np.swapaxes(shown, 1, 2)
        return cls(posterior, shown, precision - precision @ shown, information - applied(kept, information))


def _scaled(precision: Floats, root: Floats) -> Floats:
    """``1 + root precision root`` of each precision, which can be inverted whatever the variances are."""
    scaled = root[:, None] * precision * root
    diagonal = np.arange(len(root))
    scaled[:, diagonal, diagonal] += 1.0
    return scaled


def collect(precision: Floats, information: Floats, nodes: Ints, messages: Eliminated) -> None:
    """Adds the messages of children to their nodes."""
    for number, node in enumerate(nodes.tolist()):
        precision[node] += messages.precision[number]
        information[node] += messages.information[number]


def evidence_of(precision: Floats, information: Floats, variance: Floats, eliminated: Eliminated) -> float:
    """What deviations that are integrated out contribute to the log marginal likelihood."""
    determinant = np.linalg.slogdet(_scaled(precision, np.sqrt(variance)))[1].sum()
    return float(0.5 * (information * applied(eliminated.posterior, information)).sum() - 0.5 * determinant)


def spread_of(one: Eliminated, above: Floats) -> Floats:
    """Posterior variances of deviations, given the covariance of the mean above."""
    spread: Floats = np.diagonal(one.posterior, axis1=1, axis2=2) + ((one.shown @ above) * one.shown).sum(axis=2)
    return spread


def applied(matrices: Floats, vectors: Floats) -> Floats:
    """Each matrix times its vector."""
    product: Floats = (matrices @ vectors[:, :, None])[:, :, 0]
    return product
