"""The estimator: scikit-learn's own checks, searches, pipelines, groups."""

import numpy as np
import pytest

pytest.importorskip("sklearn")

from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import estimator_checks_generator
from sklearn.utils.validation import check_is_fitted, validate_data

from genre_gpu.sklearn import GenreClassifier

# scikit-learn's checks feed tables, [n, features], which the estimator refuses; for an estimator whose tags
# say that it takes no tables, few checks are left. So all of them run on a subclass that takes a row as a
# spectrogram of one frame: what they check beside the shape is the estimator's.
LINEAR = """
[[node]]
name = "flatten"
op = "flatten"
[[node]]
name = "head"
op = "dense"
units = "classes"
[[node]]
name = "softmax"
op = "softmax"
"""


class OnTables(GenreClassifier):
    def __init__(
        self, model=LINEAR, *, epochs=30, batch_size=8, learning_rate=0.1, momentum=0.9, optimizer=None,
        scale="standard", augment=None, class_weights=None, device="cpu", threads=1, random_state=42,
    ):
        super().__init__(
            model, epochs=epochs, batch_size=batch_size, learning_rate=learning_rate, momentum=momentum,
            optimizer=optimizer, scale=scale, augment=augment, class_weights=class_weights, device=device,
            threads=threads, random_state=random_state,
        )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array, tags.input_tags.three_d_array = True, False
        return tags

    def fit(self, X, y):
        return super().fit(rows(self, X, reset=True), y)

    def predict_proba(self, X):
        check_is_fitted(self)
        return super().predict_proba(rows(self, X, reset=False))


def rows(estimator, X, reset):
    return validate_data(estimator, X, reset=reset)[:, :, None]


def name(check):
    return getattr(check, "func", check).__name__


@pytest.mark.parametrize(
    "estimator, check",
    [*estimator_checks_generator(GenreClassifier(epochs=1)), *estimator_checks_generator(OnTables())],
    ids=lambda value: name(value) if callable(value) else type(value).__name__,
)
# Their samples have rows of one value, of which the audit warns.
@pytest.mark.filterwarnings("ignore::genre_gpu.GenreGpuWarning")
def test_checks_of_scikit_learn(estimator, check):
    check(estimator)


def test_it_is_the_model(arrays):
    x, y, _ = arrays["train"]
    names = np.array(["calm", "loud"])[y]
    one = GenreClassifier(epochs=3, random_state=7).fit(x, names)
    assert list(one.classes_) == ["calm", "loud"] and one.predict(x).dtype == names.dtype
    assert np.allclose(one.predict_proba(x).sum(axis=1), 1, atol=1e-6)
    assert one.score(x, names) == (one.predict(x) == names).mean()
    again = clone(one).fit(x[..., None], names)
    assert np.array_equal(again.predict_proba(x), one.predict_proba(x))

    import genre_gpu

    model = genre_gpu.Model("p1", seed=7)
    model.fit(x, y, epochs=3)
    assert np.array_equal(model.predict(x), one.predict_proba(x))


def test_random_states(arrays):
    x, y, _ = arrays["train"]

    def fit(state):
        return GenreClassifier(epochs=1, random_state=state).fit(x, y).predict_proba(x)

    assert np.array_equal(fit(np.random.RandomState(3)), fit(np.random.RandomState(3)))
    assert not np.array_equal(fit(None), fit(None))


def test_in_searches_pipelines_and_folds_of_groups(arrays):
    x, y, song = arrays["train"]
    estimator = GenreClassifier("p1-bn", epochs=3, threads=1)
    scores = cross_val_score(estimator, x, y, groups=song, cv=GroupKFold(3))
    assert scores.shape == (3,) and (scores > 0.5).all()
    search = GridSearchCV(estimator, {"learning_rate": [1e-6, 0.02], "model": ["p1", "p1-bn"]}, cv=GroupKFold(3))
    search.fit(x, y, groups=song)
    assert search.best_params_["learning_rate"] == 0.02
    pipeline = make_pipeline(FunctionTransformer(lambda x: np.clip(x, -80, 0)), GenreClassifier(epochs=2))
    assert pipeline.fit(x, y).predict(x).shape == y.shape


def test_what_is_refused(arrays):
    x, y, _ = arrays["train"]
    for wrong, words in [
        (x[:, 0], r"\[n, mels, frames\]"),
        (x[0, 0], "Reshape your data"),
        (x + 1j, "Complex data not supported"),
    ]:
        with pytest.raises(ValueError, match=words):
            GenreClassifier(epochs=1).fit(wrong, y)
    with pytest.raises(ValueError, match="1 class"):
        GenreClassifier(epochs=1).fit(x, np.zeros(len(x), int))
    with pytest.raises(ValueError, match="as many labels"):
        GenreClassifier(epochs=1).fit(x, y[:-1])
    with pytest.raises(ValueError, match="Unknown label type"):
        GenreClassifier(epochs=1).fit(x, y + 0.3)
    with pytest.raises(ValueError, match=r"shape \(n, 24, 20\)"):
        GenreClassifier(epochs=1).fit(x, y).predict(x[:, :8])
