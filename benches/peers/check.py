"""Whether all programs do the same work, by their losses."""

from programs import Failure

# The learning rates and the dropout of the check. Roundings grow where a ReLU or a pool's winner
# flips, the faster the larger the steps: at P2's own rate two right programs are 2e-2 apart
# after an epoch, at this one 5e-5, while the loss falls by nearly half.
RATES = {"p1": 0.01, "p2": 0.001}
DROPOUT = 0.0
# The first batch's loss: the same sums in another order, in f32; 5e-7 is usual, and 2e-6 in Keras
# with P2, whose batch norms it sums less exactly. A wrong layer, scale, order of samples or penalty
# shows here.
FIRST_STEP = 1e-5
# The mean loss of the first epoch; 3e-5 is usual, and 2e-4 in Keras with P2. A wrong gradient or
# rate shows here.
FIRST_EPOCH = 1e-3
# All epochs that are timed, at the model's own rate and with dropout, which each program draws
# by itself: they only have to fall alike.
LATER = {"p1": 0.05, "p2": 0.25}
# Probabilities of the forward alone with the same weights; 1e-6 is usual.
PROBABILITY = 1e-5


def apart(a, b):
    """Relative difference."""
    return abs(a - b) / abs(b)


def _hold(what, found, expected, bound):
    # Written so that a loss that is no number fails.
    if not apart(found, expected) <= bound:
        raise Failure(
            f"not the same work: {what} is {found:.6f}, ours is {expected:.6f}: "
            f"{apart(found, expected):.1e} apart, expected at most {bound:g}"
        )


def same_start(model, name, record, ours):
    """The first step and the first epoch of the check. Returns how far they are apart."""
    _hold(f"{model}'s first loss in {name}", record["first_loss"], ours["first_loss"], FIRST_STEP)
    _hold(f"{model}'s first epoch in {name}", record["loss"][0], ours["loss"][0], FIRST_EPOCH)
    return apart(record["first_loss"], ours["first_loss"]), apart(record["loss"][0], ours["loss"][0])


def same_probabilities(model, name, record):
    """Of all samples of the forward alone."""
    # Written so that a probability that is no number fails.
    if not record["apart"] <= PROBABILITY:
        raise Failure(
            f"not the same work: {model}'s probabilities in {name} are up to {record['apart']:.1e} from "
            f"ours, expected at most {PROBABILITY:g}"
        )


def same_course(model, name, record, ours):
    """Losses of all epochs that both have."""
    for epoch, (found, expected) in enumerate(zip(record["loss"], ours["loss"]), 1):
        _hold(f"{model}'s loss of epoch {epoch} in {name}", found, expected, LATER[model])
