"""The numbers that Keras's own tests expect are ours too; no Keras is needed here."""

import keras_numbers
import numpy as np
import pytest


@pytest.mark.parametrize("case", keras_numbers.CASES, ids=keras_numbers.name)
def test_stated_numbers(case):
    found, stated = keras_numbers.ours(case, np.float64), keras_numbers.stated(case)
    assert found.shape == stated.shape
    np.testing.assert_allclose(found, stated, rtol=2e-6, atol=2e-7)  # float32, as they are stated
