"""The environment of a process that has one core to itself: a chapter, or a run of a sweep."""

# Two processes of one thread finish more than one process of two.
THREADS = {
    name: "1"
    for name in (
        "OMP_NUM_THREADS",
        "MKL_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "NUMEXPR_NUM_THREADS",
        "VECLIB_MAXIMUM_THREADS",
        "RAYON_NUM_THREADS",
    )
}
# glibc gives every large tensor back to the system when it dies, and the next step asks for all of
# its pages anew: a tenth of a training run's time was the system's, and is not when they are kept.
# Other C libraries do not read these.
MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(2**30), "MALLOC_TRIM_THRESHOLD_": str(2**30)}
