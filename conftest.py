"""Without Numba, or with its compiler switched off (NUMBA_DISABLE_JIT=1), the tests run on the
textbook: nothing of the kernels is collected, and no test is told that it runs more slowly.
"""

import os

try:
    from numba import config

    if config.DISABLE_JIT:
        raise ImportError("Numba's compiler is switched off")
except ImportError:
    os.environ["TINYLSTM_BACKEND"] = "numpy"
    collect_ignore_glob = [
        "tinylstm/kernels/*",
        "tests/test_kernels.py",
        "tests/test_twins.py",
        "tests/test_vectors.py",
        "tests/test_backend.py",
    ]
