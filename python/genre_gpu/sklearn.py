"""An estimator of scikit-learn.

>>> from genre_gpu.sklearn import GenreClassifier
>>> from sklearn.model_selection import GroupKFold, cross_val_score
>>> cross_val_score(GenreClassifier("p1", epochs=5), x, y, groups=songs,
...                 cv=GroupKFold(5))                                   # doctest: +SKIP
"""

from __future__ import annotations

from typing import Any, Optional

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d

from ._data import Path
from ._model import Model

__all__ = ["GenreClassifier"]


class GenreClassifier(ClassifierMixin, BaseEstimator):
    """A network on spectrograms as a classifier of scikit-learn.

    Parameters
    ----------
    model : str or path-like
        As in :class:`genre_gpu.Model`.
    epochs, batch_size : int, optional
        Else the model's.
    learning_rate, momentum : float, optional
    optimizer : {"sgd", "adam", "adamw"}, optional
    scale : {"standard", "minmax", "none"}
        How samples are scaled; the scale is fitted to the training samples.
    augment : str, optional
        As in ``genre-gpu train``.
    class_weights : str, optional
        ``"balanced"``, or a weight for each of ``classes_``: ``"1,2.5"``.
    device : {"cpu", "gpu"}
    threads : int
        Of the CPU; 0 means one for each core. With ``n_jobs`` in a search give 1.
    random_state : int, RandomState or None
        The seed of initial weights and orders; None draws another for each fit.

    Attributes
    ----------
    classes_ : numpy.ndarray
        The labels, sorted.
    model_ : genre_gpu.Model
        The fitted network.
    history_ : genre_gpu.History
        Loss and accuracy of each epoch.

    Notes
    -----
    Samples are ``[n, mels, frames]``. All of them train: nothing is held out for validation.
    """

    def __init__(
        self,
        model: Path = "p1",
        *,
        epochs: Optional[int] = None,
        batch_size: Optional[int] = None,
        learning_rate: Optional[float] = None,
        momentum: Optional[float] = None,
        optimizer: Optional[str] = None,
        scale: str = "standard",
        augment: Optional[str] = None,
        class_weights: Optional[str] = None,
        device: str = "cpu",
        threads: int = 0,
        random_state: Any = 42,
    ) -> None:
        self.model = model
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.optimizer = optimizer
        self.scale = scale
        self.augment = augment
        self.class_weights = class_weights
        self.device = device
        self.threads = threads
        self.random_state = random_state

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        return tags

    def fit(self, X: Any, y: Any) -> "GenreClassifier":
        """Train on samples ``[n, mels, frames]`` and their labels."""
        X = _samples(X)
        y = _labels(y)
        check_classification_targets(y)
        if len(X) != len(y):
            raise ValueError(f"expected as many labels as samples, found {len(y)} and {len(X)}")
        classes, labels = np.unique(y, return_inverse=True)
        if len(classes) < 2:
            raise ValueError(f"expected samples of at least 2 classes, found {len(classes)} class")
        seed = self.random_state
        if seed is None or isinstance(seed, np.random.RandomState):
            seed = int(check_random_state(seed).randint(2**31))
        network = Model(self.model, seed=seed)
        self.history_ = network.fit(
            X,
            labels,
            epochs=self.epochs,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            momentum=self.momentum,
            optimizer=self.optimizer,
            scale=self.scale,
            augment=self.augment,
            class_weights=self.class_weights,
            class_names=[f"{i}: {name}" for i, name in enumerate(classes)],
            device=self.device,
            threads=self.threads,
            verbose=0,
        )
        self.classes_ = classes
        self.model_ = network
        self.n_features_in_ = X.shape[1]
        return self

    def predict_proba(self, X: Any) -> Any:
        """Probabilities ``[n, classes]``, in the order of ``classes_``."""
        check_is_fitted(self, "model_")
        return self.model_.predict(_samples(X), device=self.device, threads=self.threads)

    def predict(self, X: Any) -> Any:
        """The most probable label of each sample."""
        check_is_fitted(self, "model_")
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


def _samples(X: Any) -> Any:
    if hasattr(X, "toarray"):
        raise TypeError("X: expected a dense array, found a sparse one; convert it with toarray()")
    X = np.asarray(X)
    if np.iscomplexobj(X):
        raise ValueError("X: expected real numbers, found complex ones: Complex data not supported")
    if X.dtype.kind == "O":
        X = X.astype(np.float64)
    if X.ndim != 3 and not (X.ndim == 4 and X.shape[3] == 1):
        raise ValueError(
            f"X: expected spectrograms [n, mels, frames], found shape {X.shape}. "
            + ("Reshape your data" if X.ndim < 3 else "")
        )
    return X


def _labels(y: Any) -> Any:
    if y is None:
        raise ValueError("y: expected labels (requires y to be passed, but the target y is None)")
    y = np.asarray(y)
    # A column is taken with scikit-learn's own warning, other shapes are refused.
    return column_or_1d(y, warn=True)
