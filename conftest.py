"""Without Numba, which the library can do without, the tests run on the textbook: nothing of the
kernels is collected, and no test is told that it runs more slowly.
"""

import os

try:
    import numba  # noqa: F401
except ImportError:
    os.environ["TINYLSTM_BACKEND"] = "numpy"
    collect_ignore_glob = [
        "tinylstm/kernels/*",
        "tests/test_kernels.py",
        "tests/test_twins.py",
        "tests/test_backend.py",
    ]
