"""One thread for every test: several tests at once would fight for cores, and bits depend on the number of threads."""

import os

for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[_name] = "1"

pytest_plugins = ("tests.support.signed_bundles",)
