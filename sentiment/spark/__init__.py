"""Score files of texts on Spark and launch training on it, on this machine or a cluster.

Executors need Python with NumPy, pandas, pyarrow and MLflow; scoring sends them this package.
"""
