"""The variables that say how many threads OpenMP, OpenBLAS, MKL, Accelerate and JAX may use."""

THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NPROC",
)
