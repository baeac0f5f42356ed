"""The environment variables that say how many threads the libraries below NumPy may use."""

# Of OpenMP, OpenBLAS, MKL, Accelerate and JAX.
THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NPROC",
)
